// Context menus: arrow keys, Enter, and a second page for what would be a sub-menu, which
// works alike with mouse, finger and keyboard.

import { fill, h, icon } from "./dom.js";
import { openPopover } from "./popover.js";
import { t } from "./words.js";

/**
 * Open a menu of items {label, icon?, testid?, danger?, run} or {label, items: () => items}.
 * Null items are left out; "-" draws a line.
 */
export function openMenu(items, where) {
  const list = h("div", { class: "menu", role: "menu", "aria-label": where.label });
  const { layer, close, settle } = openPopover(list, { ...where, testid: where.testid });

  const entry = (item) => (item === "-" ? h("div", { class: "menu-line", role: "separator" }) : h("button",
    { type: "button", role: "menuitem", class: item.danger ? "danger" : null, testid: item.testid,
      "aria-haspopup": item.items ? "menu" : null, on: { click: () => choose(item) } },
    item.icon && icon(item.icon, "icon small"), h("span", null, item.label),
    item.items && !item.back && icon("right", "icon small end")));

  const show = (page) => {
    fill(list, page.filter(Boolean).map(entry));
    settle();
    list.querySelector("button")?.focus({ preventScroll: true });
  };

  async function choose(item) {
    if (!item.items) {
      close();
      item.run();
      return;
    }
    const page = await item.items();
    if (!layer.isConnected) return;
    const none = { label: t("menu.noApps"), run: () => {} };
    if (item.back) show(page);
    else show([{ label: t("back"), icon: "left", back: true, items: () => items }, "-",
      ...(page.length ? page : [none])]);
  }

  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) {
      if (event.key === "ArrowRight" && buttons[at]?.ariaHasPopup) buttons[at].click();
      else if (event.key === "Tab") close();
      else return;
    } else buttons.at(to % buttons.length).focus({ preventScroll: true });
    event.preventDefault();
  });
  show(items);
}
