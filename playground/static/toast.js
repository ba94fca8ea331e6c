// Short notices at the foot of the page, read out by screen readers.

import { h } from "./dom.js";

const SHOWN_MS = 6000;

export function toast(text) {
  const root = document.getElementById("toasts");
  const note = h("div", { class: "toast", testid: "toast" }, text);
  root.append(note);
  // Above an open modal dialog only what is in the top layer can be seen.
  root.hidePopover?.();
  root.showPopover?.();
  setTimeout(() => {
    note.remove();
    if (!root.children.length) root.hidePopover?.();
  }, SHOWN_MS);
}
