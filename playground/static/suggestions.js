// A list that an input steers while it keeps the focus: commands, mentions, autocomplete.

import { fill, h } from "./dom.js";

let serial = 0;

export class Suggestions {
  #items = [];
  #active = 0;
  #prefix = `suggestion-${(serial += 1)}-`;

  /** `input` keeps focus; `onChoose(item)` gets one of the items shown. */
  constructor({ input, label, testid, onChoose }) {
    this.input = input;
    this.onChoose = onChoose;
    this.list = h("ul", { role: "listbox", "aria-label": label, id: `${this.#prefix}list` });
    this.heading = h("div", { class: "suggestions-heading" });
    this.element = h("div", { class: "suggestions", hidden: true, testid }, this.heading, this.list);
    // A press must not take the focus from the input before its click is counted.
    this.element.addEventListener("pointerdown", (event) => event.preventDefault());
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.list.id);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Items: {title, text?, mark?, testid?, …}. An empty list shows `empty` or hides. */
  show(items, { heading = "", empty = null } = {}) {
    this.#items = items;
    this.#active = 0;
    this.element.hidden = items.length === 0 && !empty;
    this.heading.textContent = heading;
    this.heading.hidden = !heading;
    if (items.length) this.#draw();
    else fill(this.list, empty && h("li", { class: "empty" }, empty));
  }

  hide() {
    this.element.hidden = true;
    this.#items = [];
    this.input.removeAttribute("aria-activedescendant");
  }

  /** Steer by key; true when the key was for us. */
  handleKey(event) {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") this.hide();
    else if (!this.#items.length) return false;
    else if (step) this.#activate((this.#active + step + this.#items.length) % this.#items.length);
    else if (event.key === "Enter" || event.key === "Tab") this.onChoose(this.#items[this.#active]);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #activate(index) {
    this.#active = index;
    [...this.list.children].forEach((row, at) => {
      row.classList.toggle("active", at === index);
      row.setAttribute("aria-selected", String(at === index));
    });
    this.list.children[index].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", this.#prefix + index);
  }

  #draw() {
    fill(this.list, this.#items.map((item, index) => h("li",
      { role: "option", id: this.#prefix + index, testid: item.testid,
        on: { click: () => this.onChoose(item),
          pointermove: () => index !== this.#active && this.#activate(index) } },
      item.mark, h("span", { class: "suggestion-title" }, item.title),
      item.text && h("span", { class: "suggestion-text" }, item.text))));
    this.#activate(0);
  }
}
