// Where a person writes: messages, replies, edits, files, and the way into commands.

import { attachments } from "./attachments.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { commandForm } from "./command-form.js";
import { matchCommands, slashCommands } from "./commands.js";
import { openEmojiPicker } from "./emoji.js";
import { plainText } from "./markdown-view.js";
import { recall, remember } from "./memory.js";
import { decodeMentions, encodeMentions, suggestMentions } from "./mentions.js";
import { askDelete, isEditable } from "./message-menu.js";
import { silencedBy } from "./permissions.js";
import { act, commandsIn, encodeFiles } from "./session.js";
import { currentChannel, nameOf, on, state, timelineOf } from "./state.js";
import { Suggestions } from "./suggestions.js";
import { t } from "./words.js";

export function mountComposer(root) {
  const input = h("textarea", { rows: "1", testid: "composer", class: "composer-input", enterkeyhint: "send",
    autocomplete: "off", spellcheck: "false" });
  const context = h("div", { class: "composer-context", hidden: true });
  const chips = h("div", { class: "composer-files", hidden: true });
  const formPlace = h("div", { class: "command-place", hidden: true });
  const picker = h("input", { type: "file", multiple: true, hidden: true, testid: "composer-files" });
  const attach = iconButton("plus", "", () => picker.click(), { testid: "composer-attach" });
  const slash = iconButton("slash", "", () => openCommand(""), { testid: "composer-commands" });
  const smile = iconButton("smile", "", () => openEmojiPicker({ anchor: smile, onPick: insert }),
    { testid: "composer-emoji" });
  const submit = iconButton("send", "", () => send(), { testid: "composer-send", class: "icon-button send" });
  const row = h("div", { class: "composer-row" }, attach, input, slash, smile, submit);
  const suggestions = new Suggestions({ input, label: t("commands"), testid: "suggestions", onChoose: choose });
  fill(root, suggestions.element, context, chips, formPlace, row, picker);

  let mode = null; // {kind: "reply" | "edit", message}
  const files = attachments(chips, () => grow());
  let commands = null; // loaded when a picker opens, kept while it is open

  // ---- text

  const draftKey = () => `draft:${state.me}:${state.channelId}`;

  function setText(text) {
    input.value = text;
    input.setSelectionRange(text.length, text.length);
    grow();
  }

  function grow() {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight}px`;
    submit.disabled = !input.value.trim() && !files.list().length;
  }

  function insert(text) {
    const custom = /^\w+:\d+$/.test(text);
    input.setRangeText(custom ? `<:${text}>` : text, input.selectionStart, input.selectionEnd, "end");
    input.focus();
    typed();
  }

  function typed() {
    if (mode?.kind !== "edit") remember(draftKey(), input.value);
    grow();
    suggest();
  }

  async function send() {
    const text = input.value.trim();
    if (mode?.kind === "edit") return finishEdit(text);
    const kept = { text: input.value, files: files.list(), mode, key: draftKey() };
    if (!text && !kept.files.length) return undefined;
    const message = { channel: state.channelId, content: encodeMentions(text) };
    if (mode) message.reply_to = mode.message.id;
    clear();
    if (kept.files.length) message.files = await encodeFiles(kept.files);
    if (await act("send", message)) return undefined;
    remember(kept.key, kept.text);
    if (kept.key === draftKey() && !input.value) {
      setMode(kept.mode);
      setText(kept.text);
      files.set(kept.files);
    }
    return undefined;
  }

  async function finishEdit(text) {
    const { message } = mode;
    if (!text) {
      askDelete(message);
      setMode(null);
      return;
    }
    const content = encodeMentions(text);
    if (content === message.content
      || await act("edit", { channel: message.channel_id, message: message.id, content })) setMode(null);
  }

  function clear() {
    remember(draftKey(), null);
    setText("");
    setMode(null);
    files.set([]);
    suggestions.hide();
  }

  // ---- replying and editing

  function setMode(next) {
    const wasEdit = mode?.kind === "edit";
    mode = next;
    context.hidden = !mode;
    if (mode?.kind === "edit") setText(decodeMentions(mode.message.content));
    else if (wasEdit) setText(recall(draftKey()) ?? "");
    if (!mode) return;
    fill(context, icon(mode.kind, "icon small"),
      h("span", { class: "composer-context-text", testid: `composer-${mode.kind}` },
        h("strong", null, mode.kind === "edit" ? t("editing")
          : t("replying", { name: nameOf(mode.message.author) })),
        h("span", null, plainText(mode.message.content))),
      iconButton("close", t("cancel"), () => setMode(null), { testid: "composer-cancel" }));
    input.focus();
  }

  function editLast() {
    const own = timelineOf(state.channelId)?.messages.filter(isEditable).at(-1);
    if (own) setMode({ kind: "edit", message: own });
    return Boolean(own);
  }

  function takeFiles(list) {
    files.add(list);
    input.focus();
  }

  // ---- commands and mentions

  async function suggest() {
    const text = input.value;
    if (mode?.kind !== "edit" && text.startsWith("/") && !text.includes("\n")) {
      const asked = text;
      commands ??= commandsIn(state.channelId).then(slashCommands);
      const known = await commands;
      if (input.value === asked) suggestCommands(known, text.slice(1));
      return;
    }
    commands = null;
    const mention = suggestMentions(text, input.selectionStart);
    if (!mention) suggestions.hide();
    else suggestions.show(mention.items.map((item) => ({ ...item, from: mention.from })));
  }

  function suggestCommands(known, text) {
    // A full name and a space: the person means this one.
    const exact = text.endsWith(" ") && known.find(({ path, shown }) => [path, shown].includes(text.trim()));
    if (exact) {
      openForm(exact);
      return;
    }
    suggestions.show(matchCommands(known, text).map((command) => ({
      command, title: `/${command.shown}`, text: command.description, testid: `command-${command.path}`,
      mark: icon("slash", "icon small"),
    })), { heading: state.bot.name,
      empty: known.length ? null : t(state.bot.online ? "commands.none" : "commands.offline") });
  }

  function choose(item) {
    if (item.command) openForm(item.command);
    else {
      input.setRangeText(`${item.insert} `, item.from, input.selectionStart, "end");
      typed();
    }
  }

  async function openCommand(name) {
    closeForm();
    setMode(null);
    if (name) {
      const known = slashCommands(await commandsIn(state.channelId));
      const command = known.find(({ path, shown }) => [path, shown].includes(name));
      if (command) {
        openForm(command);
        return;
      }
    }
    setText(`/${name}`);
    input.focus();
    suggest();
  }

  function openForm(command) {
    suggestions.hide();
    commands = null;
    const form = commandForm(command, {
      channelId: state.channelId,
      onSent: () => {
        clear();
        closeForm();
      },
      onCancel: closeForm,
    });
    remember(draftKey(), null);
    setText("");
    fill(formPlace, form.element);
    formPlace.hidden = false;
    row.hidden = true;
    form.focus();
  }

  function closeForm() {
    if (formPlace.hidden) return;
    formPlace.hidden = true;
    fill(formPlace);
    row.hidden = false;
    input.focus();
  }

  // ---- who writes, and where

  function settle() {
    closeFormQuietly();
    mode = null;
    context.hidden = true;
    suggestions.hide();
    setText(recall(draftKey()) ?? "");
    files.set([]);
    drawAccess();
  }

  function closeFormQuietly() {
    formPlace.hidden = true;
    fill(formPlace);
    row.hidden = false;
  }

  function drawAccess() {
    const channel = currentChannel();
    root.hidden = !channel || channel.type === 15;
    if (!channel) return;
    const reason = silencedBy();
    input.disabled = Boolean(reason);
    row.classList.toggle("silenced", Boolean(reason));
    for (const button of [attach, slash, smile]) button.disabled = Boolean(reason);
    input.placeholder = reason ? t(reason) : t("composer.placeholder", { channel: channel.name });
    input.setAttribute("aria-label", input.placeholder);
    for (const [button, key] of [[attach, "attach"], [slash, "commands"], [smile, "emoji"], [submit, "send"]]) {
      button.ariaLabel = button.title = t(key);
    }
    grow();
  }

  input.addEventListener("input", typed);
  input.addEventListener("keydown", (event) => {
    // While an input method composes (Japanese!), Enter only takes its suggestion.
    if (event.isComposing || event.keyCode === 229) return;
    if (suggestions.handleKey(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && mode) {
      setMode(null);
    } else if (event.key === "ArrowUp" && !input.value && !mode && editLast()) {
      event.preventDefault();
    }
  });
  input.addEventListener("blur", () => suggestions.hide());
  input.addEventListener("focus", () => input.value && suggest());
  input.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    takeFiles(event.clipboardData.files);
  });
  picker.addEventListener("change", () => {
    takeFiles(picker.files);
    picker.value = "";
  });
  const drop = root.closest("main");
  drop.addEventListener("dragover", (event) => event.preventDefault());
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!silencedBy()) takeFiles(event.dataTransfer.files);
  });

  on("person", settle);
  on("channel", settle);
  for (const topic of ["guild", "members", "channels"]) on(topic, drawAccess);
  on("reply", (message) => !silencedBy() && setMode({ kind: "reply", message }));
  on("edit", (message) => setMode({ kind: "edit", message }));
  on("message-removed", ({ ids }) => mode && ids.includes(mode.message.id) && setMode(null));
  on("open-command", openCommand);
  on("draft", (text) => {
    setText(text);
    input.focus();
    typed();
  });
}

