// One message as DOM: an ordinary one, a system line, or an answer still on its way.

import { h, hexColor, icon } from "./dom.js";
import { renderComponents } from "./components.js";
import { renderEmbed } from "./embeds.js";
import { faceOf } from "./faces.js";
import { dismissPlaceholder, hasFailed } from "./interactions.js";
import { plainText, renderMarkdown } from "./markdown-view.js";
import { renderAttachments } from "./media.js";
import { toolbar } from "./message-menu.js";
import { renderReactions } from "./reactions.js";
import { dismiss } from "./session.js";
import { emit, isEphemeral, isLoading, messageOf, nameOf, rolesOf, state } from "./state.js";
import { formatStamp, formatTime } from "./times.js";
import { t } from "./words.js";

const COMPONENTS_V2 = 1 << 15;

const SYSTEM = { 6: "pin", 7: "right", 18: "thread", 21: "thread" };

export const isSystem = (message) => message.type in SYSTEM;

/** The inside of a message's `article`. */
export function messageParts(message) {
  if (isSystem(message)) return systemParts(message);
  const loading = isLoading(message);
  return [
    contextLine(message),
    h("div", { class: "gutter" }, authorAvatar(message.author),
      h("time", { class: "side-time", "aria-hidden": "true" }, formatTime(new Date(message.timestamp), "t"))),
    h("div", { class: "body" },
      header(message),
      loading ? thinking() : content(message),
      !loading && attachmentsOf(message),
      message.embeds?.map((embed) => renderEmbed(embed, message.attachments ?? [])),
      renderComponents(message),
      hasFailed(message.id) && h("p", { class: "failed", role: "alert", testid: "interaction-failed" },
        icon("warn", "icon small"), t("interaction.failed")),
      threadChip(message),
      renderReactions(message),
      isEphemeral(message) && ephemeralNote(message)),
    toolbar(message),
  ];
}

function header(message) {
  const { author } = message;
  const name = h("span", { class: "author", testid: "message-author" }, nameOf(author));
  name.style.setProperty("--role", topColor(author.id) ?? "");
  const date = new Date(message.timestamp);
  return h("div", { class: "message-header" }, name, author.bot && botTag(),
    h("time", { datetime: date.toISOString(), title: formatTime(date, "F") }, formatStamp(date)),
    message.pinned && h("span", { class: "pinned", title: t("pinned") }, icon("pin", "icon tiny"),
      h("span", { class: "visually-hidden" }, t("pinned"))));
}

const botTag = () => h("span", { class: "bot-tag" }, t("bot.tag"));

function topColor(userId) {
  return hexColor(rolesOf(userId).find((role) => role.color)?.color);
}

function authorAvatar(author) {
  return faceOf(author, author.bot ? "avatar bot" : "avatar");
}

function content(message) {
  if (!message.content) return message.edited_timestamp ? editedMark(message) : null;
  const body = renderMarkdown(message.content, { jumbo: true });
  body.dataset.testid = "message-content";
  if (message.edited_timestamp) {
    const last = body.lastElementChild;
    (last?.classList.contains("text") ? last : body).append(" ", editedMark(message));
  }
  return body;
}

/** Bots edit their boards all the time; the mark would only be noise under a layout. */
function editedMark(message) {
  if (message.flags & COMPONENTS_V2) return null;
  return h("span", { class: "edited", testid: "edited",
    title: formatTime(new Date(message.edited_timestamp), "F") }, t("edited"));
}

function attachmentsOf(message) {
  // With Components V2 a file is shown only where a component names it.
  if (message.flags & COMPONENTS_V2) return null;
  const inEmbeds = JSON.stringify(message.embeds ?? []);
  return renderAttachments((message.attachments ?? []).filter((file) =>
    !inEmbeds.includes(JSON.stringify(file.url)) && !inEmbeds.includes(`attachment://${file.filename}`)));
}

/** The quoted line above a reply, or who used which command. */
function contextLine(message) {
  const used = message.interaction_metadata ?? message.interaction;
  const command = message.interaction?.name ?? message.interaction_metadata?.name;
  if (used?.user && command && [20, 23].includes(message.type)) {
    return usedLine(used.user, message.type === 23 ? command : `/${command}`);
  }
  if (message.type !== 19) return null;
  const { channel_id: channelId, message_id: id } = message.message_reference ?? {};
  const original = messageOf(channelId ?? message.channel_id, id) ?? message.referenced_message;
  if (!original) return h("div", { class: "context-line" }, t("reply.gone"));
  return h("button",
    { type: "button", class: "context-line", testid: "reply-line",
      on: { click: () => emit("jump", { channelId: message.channel_id, messageId: original.id }) } },
    faceOf(original.author, "avatar mini"),
    h("span", { class: "context-name" }, nameOf(original.author)),
    h("span", { class: "context-text" }, summary(original)));
}

function usedLine(user, command) {
  return h("div", { class: "context-line", testid: "command-line" },
    faceOf(user, "avatar mini"),
    h("span", { class: "context-name" }, nameOf(user)),
    h("span", { class: "context-text" }, t("command.used", { command })));
}

/** A message in one line. */
export function summary(message) {
  if (message.content) return plainText(message.content);
  const text = firstText(message.components ?? []);
  if (text) return plainText(text);
  const embed = message.embeds?.[0];
  if (embed) return plainText(embed.title || embed.description || "");
  return message.attachments?.map((file) => file.filename).join(", ") || t("message.empty");
}

function firstText(components) {
  for (const component of components) {
    const text = component.content ?? firstText(component.components ?? []);
    if (text) return text;
  }
  return null;
}

function threadChip(message) {
  const thread = message.thread ?? state.threads.get(message.id);
  if (!thread) return null;
  return h("button", { type: "button", class: "thread-chip", testid: `thread-chip-${thread.name}`,
    on: { click: () => emit("open-channel", thread.id) } },
    icon("thread", "icon small"), h("span", null, thread.name),
    h("span", { class: "thread-open" }, t("thread.open"), icon("right", "icon tiny")));
}

function ephemeralNote(message) {
  return h("div", { class: "ephemeral-note" }, icon("eye", "icon tiny"), h("span", null, t("ephemeral")), " · ",
    h("button", { type: "button", class: "link", testid: "dismiss", on: { click: () => dismiss(message) } },
      t("dismiss")));
}

const thinking = () => h("div", { class: "thinking", testid: "thinking" }, h("span", { class: "dots" },
  h("i"), h("i"), h("i")), t("thinking"));

function systemParts(message) {
  const who = h("strong", null, nameOf(message.author));
  const [before, after] = t(`system.${message.type}`, { thread: message.content }).split("{who}");
  const target = message.message_reference;
  const open = () => (message.type === 6
    ? emit("jump", { channelId: message.channel_id, messageId: target?.message_id })
    : emit("open-channel", target?.channel_id ?? message.thread?.id));
  return [
    h("div", { class: "gutter" }, icon(SYSTEM[message.type], "icon small")),
    h("div", { class: "body system" }, h("span", null, before, who, after), " ",
      target && h("button", { type: "button", class: "link", on: { click: open } },
        t(message.type === 6 ? "system.show" : "thread.open")),
      h("time", null, formatStamp(new Date(message.timestamp)))),
    toolbar(message),
  ];
}

/** The row that stands in for an answer the bot still owes. */
export function renderPlaceholder(entry) {
  const { record, origin } = entry;
  const failed = record.state === "failed";
  const person = { id: state.me };
  const shared = record.state === "deferred" && !record.ephemeral;
  return h("article",
    { class: shared ? "message" : "message placeholder",
      testid: failed ? "command-failed" : "command-waiting" },
    origin.name && usedLine(person, origin.name),
    h("div", { class: "gutter" }, authorAvatar({ ...state.bot, bot: true })),
    h("div", { class: "body" },
      h("div", { class: "message-header" }, h("span", { class: "author" }, state.bot.name), botTag()),
      failed
        ? h("p", { class: "failed", role: "alert" }, icon("warn", "icon small"),
          t(state.bot.online ? "interaction.noAnswer" : "interaction.offline"))
        : h("div", null, thinkingOrSending(record)),
      !shared && h("div", { class: "ephemeral-note" }, icon("eye", "icon tiny"), h("span", null, t("ephemeral")),
        failed && [" · ", h("button", { type: "button", class: "link", testid: "dismiss",
          on: { click: () => dismissPlaceholder(entry) } }, t("dismiss"))])));
}

const thinkingOrSending = (record) =>
  (record.state === "deferred" ? thinking() : h("div", { class: "thinking" }, t("sending")));

