// Page-owned dialogs on the browser's own <dialog>, which traps focus and closes on Escape.

import { h, iconButton } from "./dom.js";
import { t } from "./words.js";

/** Show a modal dialog; it leaves the page when closed. */
export function openDialog(content, { className = "", label, testid, onClose } = {}) {
  const dialog = h("dialog", { class: `dialog ${className}`, "aria-label": label, testid }, content);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog && className.includes("light")) dialog.close();
  });
  dialog.showModal();
  return dialog;
}

/** Ask before something that can't be taken back. */
export function confirmDialog({ title, text, preview, action, onConfirm }) {
  const dialog = openDialog([
    h("h2", null, title),
    h("p", null, text),
    preview && h("div", { class: "dialog-preview" }, preview),
    h("div", { class: "dialog-actions" },
      h("button", { type: "button", class: "button secondary", testid: "dialog-cancel",
        on: { click: () => dialog.close() } }, t("cancel")),
      h("button", { type: "button", class: "button danger", testid: "dialog-confirm", autofocus: true,
        on: { click: () => { dialog.close(); onConfirm(); } } }, action)),
  ], { className: "light confirm", label: title, testid: "dialog" });
}

/** A picture over the whole page. */
export function openPicture(url, description) {
  const dialog = openDialog([
    h("img", { src: url, alt: description ?? "" }),
    description && h("p", null, description),
    iconButton("close", t("close"), () => dialog.close(), { class: "icon-button corner" }),
  ], { className: "light picture", label: description || t("picture"), testid: "picture" });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
