// The list of channels and threads, the guild's name, and whether the bot is there.

import { fill, h, icon } from "./dom.js";
import { openListbox } from "./listbox.js";
import { channelIcon } from "./select.js";
import { become, openChannel } from "./session.js";
import { compareIds, emit, me, on, state } from "./state.js";
import { formatRelative, formatTime } from "./times.js";
import { t } from "./words.js";

const TOPICS = ["person", "guild", "guild-changed", "channel", "channels", "unread", "bot", "connection"];
const CATEGORY = 4;
const DIRECT = 1;
const COMPLETED = 3;

export function mountSidebar(header, nav) {
  const draw = () => {
    nav.setAttribute("aria-label", t("channels"));
    drawHeader(header);
    keepFocus(nav, () => fill(nav, renderScheduled(), groups().map(renderGroup)));
  };
  for (const topic of TOPICS) on(topic, draw);
  on("open-channel", async (id) => {
    await openChannel(id);
    emit("drawer", false);
  });
}

function keepFocus(root, redraw) {
  const hook = root.contains(document.activeElement) && document.activeElement.dataset.testid;
  redraw();
  if (hook) root.querySelector(`[data-testid="${CSS.escape(hook)}"]`)?.focus();
}

function drawHeader(header) {
  const several = (me()?.guild_ids.length ?? 0) > 1;
  const name = h(several ? "button" : "div",
    { class: "guild-name", testid: "guild", type: several ? "button" : null },
    h("span", null, state.guild?.name ?? ""), several && icon("down", "icon small"));
  if (several) name.addEventListener("click", () => chooseGuild(name));
  const online = state.connected && state.bot.online;
  fill(header, name, h("div", { class: "bot-state", testid: "bot-state", role: "status",
    "data-online": String(online) }, h("span", { class: "dot" }),
    t(online ? "bot.online" : "bot.offline", { bot: state.bot.name || "Bot" })));
}

function chooseGuild(anchor) {
  const options = me().guild_ids.map((id) => ({ value: id, label: state.guilds.get(id)?.name ?? id }));
  openListbox({ anchor, options, selected: [state.guildId], label: t("guilds"),
    onDone: ([id]) => id !== state.guildId && become(state.me, id) });
}

/** What is announced for this evening, as Discord lists its scheduled events. */
function renderScheduled() {
  const events = state.guild?.guild_scheduled_events ?? [];
  return events.filter(({ status }) => status < COMPLETED).map((event) => {
    const start = new Date(event.scheduled_start_time);
    return h("div", { class: "scheduled", testid: `event-${event.name}` },
      h("time", { datetime: start.toISOString(), "data-relative": true, title: formatTime(start, "F") },
        formatRelative(start)),
      h("strong", null, event.name), event.description && h("span", null, event.description));
  });
}

const byPosition = (a, b) => (a.position ?? 0) - (b.position ?? 0) || compareIds(a.id, b.id);

/** Categories with their channels; those without a category come first. */
function groups() {
  const channels = [...state.channels.values()];
  const ordinary = channels.filter((channel) => ![CATEGORY, DIRECT].includes(channel.type));
  const inside = (id) =>
    ordinary.filter((channel) => (channel.parent_id ?? null) === id).sort(byPosition);
  const categories = channels.filter((channel) => channel.type === CATEGORY).sort(byPosition);
  // A channel whose category this person can't see still needs a place.
  const known = new Set(categories.map(({ id }) => id));
  const strays = ordinary
    .filter((channel) => channel.parent_id && !known.has(channel.parent_id)).sort(byPosition);
  const direct = channels.filter((channel) => channel.type === DIRECT);
  return [{ category: null, channels: [...inside(null), ...strays] },
    ...categories.map((category) => ({ category, channels: inside(category.id) })),
    ...(direct.length ? [{ category: { name: t("direct") }, channels: direct }] : [])]
    .filter((group) => group.category || group.channels.length);
}

function renderGroup({ category, channels }) {
  return h("section", { class: "channel-group" },
    category && h("h3", null, category.name),
    h("ul", null, channels.map((channel) => h("li", null, renderChannel(channel), renderThreads(channel)))));
}

function renderThreads(channel) {
  const threads = [...state.threads.values()].filter((thread) => thread.parent_id === channel.id
    && (!thread.thread_metadata?.archived || thread.id === state.channelId))
    .sort((a, b) => compareIds(a.id, b.id));
  return threads.length > 0 && h("ul", { class: "threads" },
    threads.map((thread) => h("li", null, renderChannel(thread))));
}

function renderChannel(channel) {
  const { count = 0, mentions = 0 } = state.unread.get(channel.id) ?? {};
  return h("button",
    { type: "button", class: "channel", testid: `channel-${channel.name}`, "data-channel-id": channel.id,
      "data-unread": count > 0 || null, "aria-current": channel.id === state.channelId ? "page" : null,
      on: { click: () => emit("open-channel", channel.id) } },
    icon(channelIcon(channel), "icon small"), h("span", { class: "channel-name" }, channel.name),
    mentions > 0 && h("span",
      { class: "badge", "aria-label": t("mentions", { count: mentions }) }, String(mentions)),
    count > 0 && h("span", { class: "visually-hidden" }, t("unread")));
}
