// A message's components: classic rows of buttons and selects, and Components V2 layouts.

import { h, hexColor, icon } from "./dom.js";
import { emojiText } from "./emoji.js";
import { interact, isBusy } from "./interactions.js";
import { followJump, renderMarkdown } from "./markdown-view.js";
import { gallery, picture, renderFile } from "./media.js";
import { selectButton } from "./select.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 6: "premium" };
const LINK_STYLE = 5;

const renderers = {
  1: (row, message) => h("div", { class: "action-row" }, all(row.components, message)),
  2: renderButton,
  3: renderSelect,
  5: renderSelect,
  6: renderSelect,
  7: renderSelect,
  8: renderSelect,
  9: (section, message) => h("div", { class: "section" },
    h("div", { class: "section-text" }, all(section.components, message)),
    h("div", { class: "section-accessory" }, render(section.accessory, message))),
  10: ({ content }) => renderMarkdown(content, { className: "text-display" }),
  11: ({ media, description, spoiler }, message) =>
    picture({ ...media, description, spoiler, className: "picture thumbnail" }, message.attachments),
  12: ({ items }, message) => gallery(items, message.attachments),
  13: (file, message) => renderFile(file, message.attachments),
  14: ({ divider = true, spacing = 1 }) => h("div",
    { class: `separator${divider ? " line" : ""}${spacing === 2 ? " large" : ""}`, role: "separator" }),
  17: renderContainer,
};

export function renderComponents(message) {
  const parts = all(message.components ?? [], message);
  return parts.length ? h("div", { class: "components" }, parts) : null;
}

const all = (components, message) => components.map((component) => render(component, message));

const render = (component, message) => renderers[component.type]?.(component, message) ?? null;

function renderContainer({ components, accent_color: accent, spoiler }, message) {
  const element = h("div", { class: "container", testid: "container", "data-spoiler": spoiler || null },
    all(components, message));
  const color = hexColor(accent);
  if (color) element.style.setProperty("--accent", color);
  if (spoiler) element.addEventListener("click", () => delete element.dataset.spoiler, { once: true });
  return element;
}

function renderButton({ style, label, emoji, url, custom_id: customId, disabled }, message) {
  const text = [emoji && h("span", { class: "button-emoji" }, emojiText(emoji)), label && h("span", null, label)];
  if (style === LINK_STYLE) {
    return h("a", { class: "button secondary", href: url, target: "_blank", rel: "noopener noreferrer",
      testid: `button-${url}`, on: { click: (event) => followJump(url) && event.preventDefault() } },
      text, icon("external", "icon small"));
  }
  const busy = isBusy(message.id, customId);
  return h("button",
    { type: "button", class: `button ${BUTTON_STYLES[style] ?? "secondary"}`, testid: `button-${customId}`,
      disabled, "aria-busy": busy ? "true" : null,
      // aria-disabled, not disabled: a button that waits keeps the keyboard's focus
      "aria-disabled": busy ? "true" : null,
      on: { click: () => !busy && press("click", { custom_id: customId }, message) } },
    text);
}

function renderSelect(component, message) {
  const customId = component.custom_id;
  return selectButton(component, {
    testid: `select-${customId}`,
    disabled: component.disabled,
    busy: isBusy(message.id, customId),
    onChange: (values) => press("select", { custom_id: customId, values }, message),
  }).element;
}

function press(verb, args, message) {
  const origin = { kind: "component", channelId: message.channel_id, messageId: message.id,
    customId: args.custom_id };
  return interact(verb, { channel: message.channel_id, message: message.id, ...args }, origin);
}
