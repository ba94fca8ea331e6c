// The bot's modals: a dialog with its fields, checked before they are sent.

import { h, icon, iconButton } from "./dom.js";
import { openDialog } from "./dialog.js";
import { makeField } from "./fields.js";
import { firstAnswer, interact } from "./interactions.js";
import { renderMarkdown } from "./markdown-view.js";
import { on, state } from "./state.js";
import { t } from "./words.js";

const ACTION_ROW = 1;
const TEXT_DISPLAY = 10;
const LABEL = 18;
const CHECKBOX = 23;

let serial = 0;

export function mountModals() {
  on("modal", openModal);
}

function openModal({ record, origin }) {
  const { title, components } = record.modal;
  const parts = components.flatMap(makePart);
  const fields = parts.filter((part) => part.field);
  const problem = h("p", { class: "failed", role: "alert", testid: "modal-problem" });
  const submit = h("button", { type: "submit", class: "button primary", testid: "modal-submit" }, t("submit"));
  const form = h("form", { class: "modal-form", novalidate: true },
    h("header", null, h("h2", { testid: "modal-title" }, title),
      iconButton("close", t("close"), () => dialog.close(), { testid: "modal-close" })),
    h("div", { class: "modal-body" }, parts.map((part) => part.element), problem),
    h("footer", null, h("span", { class: "hint" }, t("modal.from", { bot: state.bot.name })),
      h("button", { type: "button", class: "button secondary", testid: "modal-cancel",
        on: { click: () => dialog.close() } }, t("cancel")),
      submit));
  const dialog = openDialog(form, { className: "modal", label: title, testid: "modal",
    onClose: () => returnFocus(origin) });
  fields[0]?.field.target.focus();

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = fields.filter((part) => !part.check());
    if (wrong.length || submit.disabled) {
      wrong[0]?.field.target.focus();
      return;
    }
    submit.disabled = true;
    problem.textContent = "";
    const failed = await send();
    submit.disabled = false;
    if (failed) problem.replaceChildren(icon("warn", "icon small"), failed);
    else dialog.close();
  });

  /** Resolves to what went wrong, or null. */
  async function send() {
    const values = {};
    for (const { field } of fields) values[field.customId] = await field.read();
    // What follows a modal is shown as it would be for what opened it.
    const id = await interact("submit", { interaction: record.id, values },
      { kind: origin.kind, channelId: origin.channelId, name: origin.name });
    if (!id) return t("modal.refused");
    const answer = await firstAnswer(id);
    return answer.state === "failed" ? t("modal.failed") : null;
  }
}

/** The browser gives the focus back, unless what had it was drawn anew meanwhile. */
function returnFocus({ messageId, customId }) {
  if (document.activeElement !== document.body) return;
  const message = document.querySelector(`[data-message-id="${messageId}"]`);
  message?.querySelector(`[data-testid="button-${CSS.escape(customId)}"]`)?.focus({ preventScroll: true });
}

function makePart(item) {
  if (item.type === TEXT_DISPLAY) return [{ element: renderMarkdown(item.content, { className: "modal-text" }) }];
  if (item.type === ACTION_ROW) return item.components.flatMap((inner) => labelled(inner.label, null, inner));
  return item.type === LABEL ? labelled(item.label, item.description, item.component) : [];
}

function labelled(label, description, component) {
  const field = makeField(component);
  if (!field) return [];
  const id = `modal-field-${(serial += 1)}`;
  field.target.id = id;
  const problem = h("span", { class: "field-problem", role: "alert", id: `${id}-problem` });
  field.target.setAttribute("aria-describedby", problem.id);
  const name = h("label", { for: id }, label, field.required && h("span", { class: "required" }, "＊"));
  const detail = description && h("span", { class: "field-description" }, description);
  const element = component.type === CHECKBOX
    ? h("div", { class: "modal-field single" }, field.element, name, detail)
    : h("div", { class: "modal-field" }, name, detail, field.element, problem);
  const check = () => {
    problem.textContent = field.problem() ?? "";
    field.target.setAttribute("aria-invalid", String(Boolean(problem.textContent)));
    return !problem.textContent;
  };
  element.addEventListener("input", () => {
    problem.textContent = "";
    field.target.removeAttribute("aria-invalid");
  });
  return [{ element, field, check }];
}
