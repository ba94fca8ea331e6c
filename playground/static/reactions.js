// The reactions under a message.

import { h, icon } from "./dom.js";
import { emojiKey, emojiText, openEmojiPicker } from "./emoji.js";
import { act } from "./session.js";
import { t } from "./words.js";

export function renderReactions(message) {
  if (!message.reactions?.length) return null;
  const add = h("button", { type: "button", class: "reaction add", "aria-label": t("react"),
    title: t("react"), testid: "reaction-add" }, icon("smile", "icon small"));
  add.addEventListener("click", () => chooseReaction(message, { anchor: add }));
  return h("div", { class: "reactions" }, message.reactions.map((item) => renderReaction(item, message)), add);
}

function renderReaction({ emoji, count, me }, message) {
  const text = emojiText(emoji);
  return h("button",
    { type: "button", class: "reaction", "aria-pressed": String(Boolean(me)), testid: `reaction-${text}`,
      "aria-label": t("reaction.label", { emoji: text, count }), title: text,
      on: { click: () => toggleReaction(message, emojiKey(emoji), me) } },
    h("span", { class: "reaction-emoji" }, text), h("span", { class: "reaction-count" }, String(count)));
}

export function chooseReaction(message, where) {
  openEmojiPicker({ ...where, onPick: (emoji) => toggleReaction(message, emoji, false) });
}

export function toggleReaction(message, emoji, has) {
  return act(has ? "unreact" : "react", { channel: message.channel_id, message: message.id, emoji });
}
