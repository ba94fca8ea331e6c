// The messages of the open channel: live, sticking to the newest, loading older on the way up.

import { fill, h, icon } from "./dom.js";
import { KEPT_MESSAGES } from "./events.js";
import { placeholdersIn } from "./interactions.js";
import { introduction, forumPosts } from "./introduction.js";
import { isSystem, messageParts, renderPlaceholder, summary } from "./message.js";
import { openMessageMenu } from "./message-menu.js";
import { watchLongPress } from "./long-press.js";
import { loadOlder, loadUntil, openChannel } from "./session.js";
import { channelOf, currentChannel, isEphemeral, messageOf, nameOf, on, state, timelineOf }
  from "./state.js";
import { formatDay } from "./times.js";
import { toast } from "./toast.js";
import { t } from "./words.js";

const NEAR_BOTTOM_PX = 80;
const NEAR_TOP_PX = 300;
const GROUP_MS = 7 * 60 * 1000;

export function mountTimeline(scroller, pill) {
  const intro = h("div", { class: "intro" });
  const list = h("ol", { class: "messages", role: "log", "aria-live": "off" });
  const waiting = h("div", { class: "waiting" });
  const announcer = document.getElementById("announcer");
  const rows = new Map(); // message id → li
  let stuck = true; // at the bottom, following what comes
  let missed = 0;
  let answered = false; // one of the missed ones is a private answer
  let waitingIds = new Set();
  fill(scroller, intro, list, waiting);

  const shown = () => timelineOf(state.channelId)?.messages ?? [];

  // ---- drawing

  function reset() {
    rows.clear();
    stuck = true;
    const channel = currentChannel();
    list.setAttribute("aria-label", channel ? t("messages.in", { channel: channel.name }) : "");
    fill(list, shown().map(newRow));
    regroup(shown());
    drawIntro();
    drawWaiting();
    makeReachable();
    toBottom();
  }

  function drawIntro() {
    const channel = currentChannel();
    const timeline = timelineOf(state.channelId);
    if (!channel) fill(intro, h("p", { class: "empty" }, t(state.connected ? "channel.none" : "connecting")));
    else if (channel.type === 15) fill(intro, forumPosts(channel));
    else if (!timeline) fill(intro, h("p", { class: "empty" }, t("loading")));
    else if (timeline.complete) fill(intro, introduction(channel));
    else fill(intro, h("p", { class: "empty" }, t("loading.older")));
  }

  function newRow(message) {
    const article = h("article", { class: "message", tabindex: "-1", testid: "message",
      "data-message-id": message.id });
    const row = h("li", { class: "row" }, article);
    rows.set(message.id, row);
    draw(article, message);
    return row;
  }

  function draw(article, message) {
    const mentioned = message.mentions?.some((user) => user.id === state.me) || message.mention_everyone;
    article.className = ["message", isSystem(message) && "system-line", mentioned && "mentioned",
      isEphemeral(message) && "ephemeral", article.classList.contains("compact") && "compact"]
      .filter(Boolean).join(" ");
    article.dataset.author = message.author.id;
    if (isEphemeral(message)) article.dataset.testid = "ephemeral";
    keepingPlace(article, () => fill(article, messageParts(message)));
  }

  /** Redraw without losing the keyboard's focus or closing spoilers already opened. */
  function keepingPlace(article, redraw) {
    const focused = article.contains(document.activeElement) ? document.activeElement : null;
    const hook = focused?.dataset.testid;
    const open = [...article.querySelectorAll(".spoiler")].map((item) => item.dataset.open !== undefined);
    redraw();
    [...article.querySelectorAll(".spoiler")].forEach((item, at) => open[at] && item.click());
    if (focused === article) article.focus({ preventScroll: true });
    else if (hook) {
      article.querySelector(`[data-testid="${CSS.escape(hook)}"]`)?.focus({ preventScroll: true });
    }
  }

  /**
   * Set day headings and pull together what one author wrote in one go. With `firstStands`
   * the first message is only what the second is compared with.
   */
  function regroup(messages, firstStands = false) {
    let before = firstStands ? messages[0] : null;
    for (const message of firstStands ? messages.slice(1) : messages) {
      const row = rows.get(message.id);
      const newDay = !before || !sameDay(before, message);
      row.querySelector(".day")?.remove();
      if (newDay) {
        row.prepend(h("div", { class: "day", role: "separator" }, formatDay(new Date(message.timestamp))));
      }
      row.querySelector(".message").classList.toggle("compact", !newDay && continues(before, message));
      before = message;
    }
  }

  // ---- what happens

  function added(message) {
    if (message.channel_id !== state.channelId) return;
    const messages = shown();
    const at = messages.indexOf(message);
    const next = messages[at + 1];
    list.insertBefore(newRow(message), next ? rows.get(next.id) : null);
    regroup(messages.slice(Math.max(0, at - 1), at + 2), Boolean(messages[at - 1]));
    makeReachable();
    const own = message.author.id === state.me;
    if (!own) announcer.textContent = `${nameOf(message.author)}: ${summary(message)}`;
    if (stuck || own) toBottom();
    else {
      missed += 1;
      answered ||= isEphemeral(message);
      drawPill();
    }
    if (stuck) trim();
  }

  function changed(message) {
    const row = rows.get(message.id);
    if (row) draw(row.querySelector(".message"), message);
    for (const other of shown()) {
      if (other.message_reference?.message_id === message.id && other.type === 19) {
        draw(rows.get(other.id).querySelector(".message"), other);
      }
    }
  }

  function removed({ channelId, ids }) {
    if (channelId !== state.channelId) return;
    for (const id of ids) {
      rows.get(id)?.remove();
      rows.delete(id);
    }
    regroup(shown());
    makeReachable();
    for (const message of shown()) {
      if (ids.includes(message.message_reference?.message_id)) changed(message);
    }
  }

  function older({ channelId, messages }) {
    if (channelId !== state.channelId) return;
    const fromEnd = scroller.scrollHeight - scroller.scrollTop;
    list.prepend(...messages.map(newRow));
    regroup(shown());
    drawIntro();
    scroller.scrollTop = scroller.scrollHeight - fromEnd;
  }

  function drawWaiting() {
    const entries = placeholdersIn(state.channelId);
    const fresh = entries.some(({ record }) => !waitingIds.has(record.id));
    waitingIds = new Set(entries.map(({ record }) => record.id));
    fill(waiting, entries.map(renderPlaceholder));
    if (stuck || fresh) toBottom(); // one sees what one has just asked for
  }

  /** Keep a long talk light: old rows go while one follows the newest. */
  function trim() {
    const timeline = timelineOf(state.channelId);
    if (timeline.messages.length <= KEPT_MESSAGES) return;
    const gone = timeline.messages.splice(0, timeline.messages.length - KEPT_MESSAGES / 2);
    timeline.complete = false;
    for (const message of gone) {
      rows.get(message.id)?.remove();
      rows.delete(message.id);
    }
    regroup(timeline.messages);
    drawIntro();
  }

  // ---- scrolling

  function toBottom() {
    stuck = true;
    scroller.scrollTop = scroller.scrollHeight;
    caughtUp();
    drawPill();
  }

  function caughtUp() {
    missed = 0;
    answered = false;
  }

  function drawPill() {
    pill.hidden = stuck;
    const key = answered ? "messages.answer" : missed ? "messages.new" : "messages.latest";
    fill(pill, icon("down", "icon small"), t(key, { count: missed }));
  }

  scroller.addEventListener("scroll", () => {
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    stuck = left < NEAR_BOTTOM_PX;
    if (stuck) caughtUp();
    drawPill();
    if (scroller.scrollTop < NEAR_TOP_PX && currentChannel()) loadOlder(state.channelId);
  }, { passive: true });
  pill.addEventListener("click", toBottom);
  // Pictures that load, the composer growing, a phone turned: keep the newest in sight.
  const resized = new ResizeObserver(() => stuck && toBottom());
  for (const element of [scroller, list, waiting]) resized.observe(element);

  async function jump({ channelId, messageId }) {
    if (channelId !== state.channelId) {
      if (!channelOf(channelId)) return toast(t("jump.unknown"));
      await openChannel(channelId);
    }
    if (!messageId) return undefined;
    if (!(await loadUntil(channelId, messageId))) return toast(t("jump.unknown"));
    const article = rows.get(messageId)?.querySelector(".message");
    stuck = false;
    article.scrollIntoView({ block: "center" });
    article.focus({ preventScroll: true });
    article.classList.remove("flash");
    requestAnimationFrame(() => article.classList.add("flash"));
    return undefined;
  }

  // ---- keyboard, mouse and finger

  const messageUnder = (target) => {
    const article = target.closest?.(".message[data-message-id]");
    return article && { article, message: messageOf(state.channelId, article.dataset.messageId) };
  };

  /** One message is a tab stop: the newest. Arrows go on from there. */
  function makeReachable() {
    list.querySelector('.message[tabindex="0"]')?.setAttribute("tabindex", "-1");
    list.lastElementChild?.querySelector(".message").setAttribute("tabindex", "0");
  }

  list.addEventListener("keydown", (event) => {
    if (!event.target.matches(".message")) return;
    const row = event.target.closest(".row");
    const to = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling,
      Home: list.firstElementChild, End: list.lastElementChild }[event.key];
    if (to === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (to) to.querySelector(".message").focus();
    else if (event.key === "Enter") {
      const { article, message } = messageUnder(event.target);
      openMessageMenu(message, { anchor: article.querySelector(".body") });
    }
  });

  list.addEventListener("contextmenu", (event) => {
    const found = messageUnder(event.target);
    const native = event.target.closest("a, textarea, input") || !getSelection().isCollapsed;
    if (!found?.message || native) return;
    event.preventDefault();
    const byKey = event.clientX === 0 && event.clientY === 0;
    openMessageMenu(found.message, byKey ? { anchor: found.article.querySelector(".body") }
      : { point: { x: event.clientX, y: event.clientY } });
  });
  watchLongPress(list, (target, point) => {
    const found = messageUnder(target);
    if (found?.message) openMessageMenu(found.message, { point });
  });

  on("person", reset);
  on("guild", reset);
  on("channel", reset);
  on("history", (channelId) => channelId === state.channelId && reset());
  on("message-added", added);
  on("message-changed", changed);
  on("message-removed", removed);
  on("older", older);
  on("interaction", drawWaiting);
  on("jump", jump);
  on("members", () => shown().forEach((message) => rows.has(message.id) && changed(message)));
  on("channels", drawIntro);
  on("connection", drawIntro);
}

const sameDay = (a, b) =>
  new Date(a.timestamp).toDateString() === new Date(b.timestamp).toDateString();

/** Whether a message needs no avatar and name of its own under the one before. */
function continues(before, message) {
  return before.author.id === message.author.id && !isSystem(before) && !isSystem(message)
    && ![19, 20, 23].includes(message.type) && isEphemeral(before) === isEphemeral(message)
    && Date.parse(message.timestamp) - Date.parse(before.timestamp) < GROUP_MS;
}
