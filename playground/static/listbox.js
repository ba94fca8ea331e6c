// The option list behind every select, in messages, modals and command options.

import { fill, h, icon } from "./dom.js";
import { openPopover } from "./popover.js";
import { t } from "./words.js";

const SEARCH_FROM = 9;
let serial = 0;

/**
 * Open a list of `options` ({value, label, description?, mark? (a node)}) beside an anchor.
 * One choice calls `onDone([value])` at once; several are handed over when the list closes.
 */
export function openListbox({ anchor, options, selected = [], min = 1, max = 1, label, onDone }) {
  const many = max > 1;
  const chosen = new Set(selected);
  const list = h("ul", { class: "listbox", role: "listbox", tabindex: "0", "aria-label": label,
    "aria-multiselectable": many ? "true" : null });
  const search = options.length >= SEARCH_FROM
    ? h("input", { class: "field", type: "text", placeholder: t("search"), "aria-label": t("search"),
        autocomplete: "off", testid: "listbox-search" }) : null;
  const prefix = `listbox-${(serial += 1)}`;
  let shown = options;
  let active = Math.max(0, options.findIndex((option) => chosen.has(option.value)));
  let changed = false;

  const draw = () => {
    fill(list, shown.map((option, index) => row(option, index)),
      !shown.length && h("li", { class: "empty" }, t("nothing")));
    for (const element of [search, list]) {
      element?.setAttribute("aria-activedescendant", shown.length ? `${prefix}-${active}` : "");
    }
  };

  const row = (option, index) => h("li",
    { role: "option", id: `${prefix}-${index}`, class: index === active ? "active" : null,
      "aria-selected": String(chosen.has(option.value)), testid: `option-${option.value}`,
      on: { click: () => pick(option), pointermove: () => index !== active && activate(index) } },
    option.mark,
    h("span", { class: "option-text" }, h("span", { class: "option-label" }, option.label),
      option.description && h("span", { class: "option-description" }, option.description)),
    (many || chosen.has(option.value)) && icon("check", chosen.has(option.value) ? "tick" : "tick off"));

  const activate = (index) => {
    active = index;
    draw();
    list.children[active]?.scrollIntoView({ block: "nearest" });
  };

  const pick = (option) => {
    if (!many) {
      // Tapping the chosen one again takes it back where none is allowed.
      const values = chosen.has(option.value) && min === 0 ? [] : [option.value];
      changed = false;
      close();
      onDone(values);
      return;
    }
    if (chosen.has(option.value)) chosen.delete(option.value);
    else if (chosen.size < max) chosen.add(option.value);
    changed = true;
    draw();
  };

  const onKey = (event) => {
    if (event.isComposing) return;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && shown.length) {
      activate((active + steps[event.key] + shown.length) % shown.length);
    } else if (event.key === "Enter" || (event.key === " " && !search)) {
      if (shown[active]) pick(shown[active]);
    } else if (event.key === "Tab") {
      close();
    } else return;
    event.preventDefault();
  };

  search?.addEventListener("input", () => {
    const wanted = search.value.normalize("NFKC").toLowerCase();
    shown = options.filter(({ label: text, description }) =>
      `${text} ${description ?? ""}`.normalize("NFKC").toLowerCase().includes(wanted));
    activate(0);
  });

  const footer = many && h("div", { class: "listbox-footer" },
    h("button", { type: "button", class: "button primary", testid: "listbox-done",
      on: { click: () => close() } }, t("done")));
  const content = h("div", { class: "listbox-panel", on: { keydown: onKey } }, search, list, footer);
  draw();
  const { close } = openPopover(content, { anchor, label, testid: "listbox",
    onClose: () => changed && chosen.size >= min && onDone([...chosen]) });
  list.children[active]?.scrollIntoView({ block: "nearest" });
  // On a phone the search field would only bring up the keyboard over the list.
  (search && matchMedia("(hover: hover)").matches ? search : list).focus({ preventScroll: true });
}
