// A Markdown tree as DOM. People's text only becomes text nodes; links open outside the page,
// except those to a message of this playground, which jump to it.

import { h } from "./dom.js";
import { ansiSpans } from "./ansi.js";
import { isOnlyEmoji, parse, plain } from "./markdown.js";
import { formatRelative, formatTime } from "./times.js";
import { channelOf, emit, nameOf, state, userOf } from "./state.js";
import { t } from "./words.js";

const JUMP = /^https:\/\/(?:\w+\.)?discord(?:app)?\.com\/channels\/(\d+)\/(\d+)(?:\/(\d+))?\/?$/;

/** Render Discord Markdown into a `div.markdown`. */
export function renderMarkdown(source, { className = "", jumbo = false } = {}) {
  const large = jumbo && isOnlyEmoji(source);
  return h("div", { class: `markdown ${className}${large ? " jumbo" : ""}` },
    parse(source).map(renderBlock));
}

function renderBlock(block) {
  switch (block.type) {
    case "heading":
      // Real headings, but below the page's own, so that outlines stay sane.
      return h(`h${block.level + 2}`, { class: `heading-${block.level}` }, inlines(block.children));
    case "small":
      return h("div", { class: "small-text" }, inlines(block.children));
    case "quote":
      return h("blockquote", null, block.blocks.map(renderBlock));
    case "list":
      return renderList(block);
    case "code":
      return h("pre", { tabindex: "0" },
        h("code", null, block.language === "ansi" ? ansiSpans(block.text) : block.text));
    default:
      return h("div", { class: "text" }, inlines(block.children));
  }
}

function renderList(list) {
  return h(list.ordered ? "ol" : "ul", { start: list.ordered ? list.start : null },
    list.items.map((item) => h("li", null, inlines(item.children), item.list && renderList(item.list))));
}

const inlines = (nodes) => nodes.map(renderInline);

function renderInline(node) {
  switch (node.type) {
    case "bold": return h("strong", null, inlines(node.children));
    case "italic": return h("em", null, inlines(node.children));
    case "underline": return h("u", null, inlines(node.children));
    case "strike": return h("s", null, inlines(node.children));
    case "code": return h("code", { class: "inline" }, node.text);
    case "spoiler": return renderSpoiler(node);
    case "link": return renderLink(node);
    case "time": return renderTime(node);
    case "text": return node.text;
    case "command":
      return h("button", { type: "button", class: "mention", testid: `command-mention-${node.name}`,
        on: { click: () => emit("open-command", node.name) } }, label(node));
    case "channel":
      return h("button", { type: "button", class: "mention",
        on: { click: () => emit("open-channel", node.id) } }, label(node));
    default:
      return h("span", { class: node.type === "emoji" ? "custom-emoji" : "mention",
        "data-self": node.id === state.me || null }, label(node));
  }
}

/** How a mention, emoji or time reads. */
function label(node) {
  switch (node.type) {
    case "user": return `@${nameOf(userOf(node.id)) || t("unknown.user")}`;
    case "role": return `@${state.roles.get(node.id)?.name ?? t("unknown.role")}`;
    case "channel": return `#${channelOf(node.id)?.name ?? t("unknown.channel")}`;
    case "command": return `/${node.name}`;
    case "everyone": return `@${node.name}`;
    case "emoji": return `:${node.name}:`;
    case "guide": return `#${node.name}`;
    case "time": return timeText(node);
    default: return undefined;
  }
}

/** A text on one line with mentions named. */
export const plainText = (source) => plain(source ?? "", label);

function renderSpoiler(node) {
  const element = h("span", { class: "spoiler", role: "button", tabindex: "0",
    "aria-label": t("spoiler"), "aria-expanded": "false" }, h("span", null, inlines(node.children)));
  const reveal = (event) => {
    if (element.dataset.open !== undefined) return;
    event.preventDefault();
    element.dataset.open = "";
    for (const name of ["role", "tabindex", "aria-label", "aria-expanded"]) element.removeAttribute(name);
  };
  element.addEventListener("click", reveal);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") reveal(event);
  });
  return element;
}

function renderLink({ url, children }) {
  const jump = JUMP.exec(url);
  if (jump) {
    const text = children ? inlines(children) : [`#${channelOf(jump[2])?.name ?? t("unknown.channel")}`,
      jump[3] && " › 💬"];
    return h("button", { type: "button", class: children ? "link" : "mention",
      on: { click: () => followJump(url) } }, text);
  }
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" },
    children ? inlines(children) : url);
}

/** Go where a discord.com message link points, when that is in this playground. */
export function followJump(url) {
  const jump = JUMP.exec(url);
  if (!jump) return false;
  emit("jump", { channelId: jump[2], messageId: jump[3] });
  return true;
}

function timeText({ unix, style }) {
  const date = new Date(unix * 1000);
  if (Number.isNaN(date.getTime())) return String(unix);
  return style === "R" ? formatRelative(date) : formatTime(date, style);
}

function renderTime(node) {
  const date = new Date(node.unix * 1000);
  if (Number.isNaN(date.getTime())) return timeText(node);
  return h("time", { class: "timestamp", datetime: date.toISOString(), title: formatTime(date, "F"),
    "data-relative": node.style === "R" }, timeText(node));
}
