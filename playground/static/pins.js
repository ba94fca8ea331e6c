// The pinned messages of the open channel.

import { fill, h, iconButton } from "./dom.js";
import { faceOf } from "./faces.js";
import { may, Permission } from "./permissions.js";
import { openPopover } from "./popover.js";
import { renderComponents } from "./components.js";
import { renderMarkdown } from "./markdown-view.js";
import { act } from "./session.js";
import { emit, nameOf, on, state } from "./state.js";
import { formatStamp } from "./times.js";
import { t } from "./words.js";

export async function openPins(anchor) {
  const channel = state.channelId;
  const list = h("div", { class: "pins-list" }, h("p", { class: "empty" }, t("loading")));
  const stop = on("pins", (changed) => changed === channel && load());
  const { close, settle } = openPopover(h("div", { class: "pins" }, h("h3", null, t("pins")), list),
    { anchor, label: t("pins"), testid: "pins-panel", onClose: () => stop() });
  await load();

  async function load() {
    const answer = await act("pins", { channel });
    const pins = answer?.result ?? [];
    fill(list, pins.length ? pins.map((message) => renderPin(message, close))
      : h("p", { class: "empty" }, t("pins.none")));
    settle();
  }
}

function renderPin(message, close) {
  const { author } = message;
  const manage = may(Permission.MANAGE_MESSAGES) || may(Permission.PIN_MESSAGES);
  const go = () => {
    close();
    emit("jump", { channelId: message.channel_id, messageId: message.id });
  };
  // A pin is a picture of its message: what acts stays on the message itself.
  const body = h("div", { class: "pin-body", inert: true },
    message.content && renderMarkdown(message.content), renderComponents(message));
  return h("div", { class: "pin", testid: "pin" },
    h("div", { class: "pin-head" },
      faceOf(author, "avatar tiny"),
      h("strong", null, nameOf(author)), h("time", null, formatStamp(new Date(message.timestamp))),
      h("button", { type: "button", class: "button secondary compact", testid: "pin-jump",
        on: { click: go } }, t("pins.jump")),
      manage && iconButton("close", t("menu.unpin"),
        () => act("unpin", { channel: message.channel_id, message: message.id }))),
    body);
}
