// Emoji as text, as protocol strings, and the small picker.

import { h } from "./dom.js";
import { openPopover } from "./popover.js";
import { t } from "./words.js";

export const QUICK = ["👍", "📝", "❓", "✅", "😂"];
const MORE = ["👏", "🎉", "🙏", "👀", "❤️", "🔥", "😮", "🤔", "😢", "💯", "🙋", "🐳", "🐧", "💡", "⏳"];

/** How an emoji object reads; custom ones have no picture here. */
export const emojiText = (emoji) => (emoji.id ? `:${emoji.name}:` : emoji.name);

/** How Discord's routes name an emoji. */
export const emojiKey = (emoji) => (emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name);

const CUSTOM = /^<?a?:?(\w{2,32}:\d{1,20})>?$/;

/** The emoji typed: its first grapheme, or a custom one. Null when it is none. */
function typedEmoji(text) {
  const custom = CUSTOM.exec(text.trim());
  if (custom) return custom[1];
  const [first] = new Intl.Segmenter().segment(text.trim());
  return /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u.test(first?.segment ?? "")
    ? first.segment : null;
}

/** Let the person choose an emoji; `onPick` gets it as the protocol names it. */
export function openEmojiPicker({ anchor, point, onPick }) {
  const pick = (emoji) => {
    close();
    onPick(emoji);
  };
  const button = (emoji) => h("button",
    { type: "button", class: "emoji-choice", "aria-label": emoji, testid: `emoji-${emoji}`,
      on: { click: () => pick(emoji) } }, emoji);
  const input = h("input", { class: "field", placeholder: t("emoji.typed"), "aria-label": t("emoji.typed"),
    testid: "emoji-input", autocomplete: "off" });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const emoji = typedEmoji(input.value);
    if (emoji) pick(emoji);
    else input.setAttribute("aria-invalid", "true");
  });
  input.addEventListener("input", () => input.removeAttribute("aria-invalid"));
  const { layer, close } = openPopover(
    h("div", { class: "emoji-picker" },
      h("div", { class: "emoji-row quick" }, QUICK.map(button)),
      h("div", { class: "emoji-row" }, MORE.map(button)), input),
    { anchor, point, above: true, label: t("react"), testid: "emoji-picker" });
  layer.querySelector("button").focus({ preventScroll: true });
}
