// The inputs a modal can hold. Each becomes {customId, element, target, read, problem}:
// what to show, what takes the focus, its value for `submit`, and what is wrong with it.

import { h } from "./dom.js";
import { fileInput } from "./file-input.js";
import { selectButton } from "./select.js";
import { encodeFiles } from "./session.js";
import { t } from "./words.js";

const PARAGRAPH = 2;
const MAX_TEXT = 4000;

const makers = {
  4: textField,
  3: selectField,
  5: selectField,
  6: selectField,
  7: selectField,
  8: selectField,
  19: fileField,
  21: radioField,
  22: checkboxesField,
  23: checkboxField,
};

/** A field for a component, or null for one a modal can't hold. */
export function makeField(component) {
  const maker = makers[component.type];
  if (!maker) return null;
  return { customId: component.custom_id, required: isRequired(component), ...maker(component) };
}

const isRequired = (component) => component.type !== 23 && component.required !== false;

const hookOf = (component) => `field-${component.custom_id}`;

/** What is wrong with the number of choices, if anything. */
function countProblem(component, count, fallback) {
  const required = isRequired(component);
  if (!required && count === 0) return null;
  const least = component.min_values ?? (required ? 1 : 0);
  const most = component.max_values ?? fallback;
  if (count < least) return least === 1 ? t("field.required") : t("field.chooseAtLeast", { count: least });
  return count > most ? t("field.chooseAtMost", { count: most }) : null;
}

function textField(component) {
  const long = component.style === PARAGRAPH;
  const input = h(long ? "textarea" : "input", { class: "field", rows: long ? "4" : null, autocomplete: "off",
    type: long ? null : "text", placeholder: component.placeholder, testid: hookOf(component) });
  input.value = component.value ?? "";
  const most = component.max_length ?? MAX_TEXT;
  const counter = h("span", { class: "counter", "aria-hidden": "true" });
  const length = () => [...input.value].length;
  const count = () => {
    counter.textContent = `${length()} / ${most}`;
    counter.classList.toggle("over", length() > most);
  };
  input.addEventListener("input", count);
  count();
  return {
    element: h("div", { class: "counted" }, input, counter),
    target: input,
    read: () => input.value,
    problem() {
      if (!input.value.trim()) return isRequired(component) ? t("field.required") : null;
      if (length() < (component.min_length ?? 0)) return t("field.longer", { limit: component.min_length });
      return length() > most ? t("field.shorter", { limit: most }) : null;
    },
  };
}

function selectField(component) {
  const least = component.min_values ?? 1;
  const select = selectButton({ ...component, min_values: isRequired(component) ? least : 0 },
    { testid: hookOf(component) });
  return {
    element: select.element,
    target: select.element,
    read: () => select.values(),
    problem: () => countProblem({ ...component, min_values: least }, select.values().length, 1),
  };
}

function radioField(component) {
  const group = choiceGroup(component, "radio");
  return { ...group, read: () => group.values()[0] ?? null,
    problem: () => countProblem({ ...component, min_values: 1 }, group.values().length, 1) };
}

function checkboxesField(component) {
  const group = choiceGroup(component, "checkbox");
  return { ...group, read: () => group.values(),
    problem: () => countProblem(component, group.values().length, component.options.length) };
}

function choiceGroup(component, type) {
  const inputs = component.options.map((option) => h("input", { type, name: component.custom_id,
    value: option.value, testid: `${hookOf(component)}-${option.value}`,
    prop: { checked: Boolean(option.default) } }));
  const rows = component.options.map((option, at) => h("label", { class: "choice" }, inputs[at],
    h("span", { class: "option-text" }, h("span", { class: "option-label" }, option.label),
      option.description && h("span", { class: "option-description" }, option.description))));
  return {
    element: h("div", { class: "choices", role: type === "radio" ? "radiogroup" : "group",
      testid: hookOf(component) }, rows),
    target: inputs[0],
    values: () => inputs.filter((input) => input.checked).map((input) => input.value),
  };
}

function checkboxField(component) {
  const input = h("input", { type: "checkbox", testid: hookOf(component),
    prop: { checked: Boolean(component.default) } });
  return { element: input, target: input, read: () => input.checked, problem: () => null };
}

function fileField(component) {
  const most = component.max_values ?? 1;
  const control = fileInput({ multiple: most > 1, testid: hookOf(component) });
  return {
    element: control.element,
    target: control.input,
    read: () => encodeFiles(control.input.files),
    problem: () => countProblem(component, control.input.files.length, most),
  };
}
