// Whom one acts as. A newcomer plays a whole study session alone, from every seat.

import { avatar, fill, h, hexColor, icon } from "./dom.js";
import { openPopover } from "./popover.js";
import { become, report } from "./session.js";
import { emit, me, on, rolesOf, state } from "./state.js";
import { languageOf, t } from "./words.js";

export function mountPeople(root, topButton) {
  const draw = () => {
    drawPanel(root);
    drawTopButton(topButton);
  };
  for (const topic of ["people", "person", "guild", "members"]) on(topic, draw);
  on("open-people", () => openPeople(visible(topButton) ? topButton : root.querySelector(".person-now")));
  topButton.addEventListener("click", () => openPeople(topButton));
}

const visible = (element) => element.offsetParent !== null;

function faceOf(person, className) {
  return avatar({ id: person.id, name: person.name, color: person.color }, className);
}

function drawPanel(root) {
  const current = me();
  root.setAttribute("aria-label", t("people"));
  if (!current) return;
  const focused = root.contains(document.activeElement) && document.activeElement.dataset.testid;
  fill(root,
    h("h3", null, t("people")),
    h("div", { class: "faces", role: "group", "aria-label": t("people.switch") },
      [...state.people.values()].map((person) => h("button",
        { type: "button", class: "face", testid: `person-${person.name}`, title: describe(person),
          "aria-label": describe(person), "aria-pressed": String(person.id === state.me),
          on: { click: () => choose(person) } }, faceOf(person, "avatar small")))),
    h("button", { type: "button", class: "person-now", testid: "person-current", "aria-haspopup": "dialog",
      "data-person": current.name, on: { click: (event) => openPeople(event.currentTarget) } },
      faceOf(current, "avatar"), personText(current), icon("down", "icon small")),
    current.about && h("p", { class: "person-about" }, current.about));
  if (focused) root.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
}

function drawTopButton(button) {
  const current = me();
  if (!current) return;
  fill(button, faceOf(current, "avatar small"));
  button.ariaLabel = t("people.as", { name: current.name });
  button.title = button.ariaLabel;
}

const describe = (person) =>
  [person.name, ...rolesOf(person.id).map((role) => role.name), languageOf(person.locale)].join(" · ");

function personText(person) {
  return h("span", { class: "person-text" },
    h("span", { class: "person-name" }, h("span", null, person.name),
      h("span", { class: "language" }, languageOf(person.locale))),
    h("span", { class: "person-roles" }, rolesOf(person.id).map(roleChip)));
}

function roleChip(role) {
  const dot = h("span", { class: "role-dot" });
  dot.style.backgroundColor = hexColor(role.color) ?? "";
  return h("span", { class: "role" }, dot, role.name);
}

function openPeople(anchor) {
  const card = (person) => h("button",
    { type: "button", class: "person-card", testid: `person-card-${person.name}`,
      "aria-pressed": String(person.id === state.me), on: { click: () => { close(); choose(person); } } },
    faceOf(person, "avatar"),
    h("span", { class: "person-body" }, personText(person),
      person.about && h("span", { class: "person-about" }, person.about)));
  const { layer, close } = openPopover(
    h("div", { class: "people-list" }, h("h3", null, t("people.switch")), [...state.people.values()].map(card)),
    { anchor, above: true, label: t("people.switch"), testid: "people-list" });
  layer.querySelector('[aria-pressed="true"]')?.focus({ preventScroll: true });
}

function choose(person) {
  emit("drawer", false);
  if (person.id !== state.me) become(person.id).catch(report);
}
