// Small helpers for building DOM. Text only ever becomes text nodes: nothing a person wrote
// can turn into markup here.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Build an element. `props` takes attributes (null and false leave one out), `class`,
 * `testid` for data-testid, `on` for listeners and `prop` for DOM properties.
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  apply(element, props ?? {});
  append(element, children);
  return element;
}

function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "testid") element.dataset.testid = value;
    else if (name === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (name === "prop") Object.assign(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Replace all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** A 24×24 line icon from one of ICONS' path strings. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const ICONS = {
  menu: "M4 6h16M4 12h16M4 18h16",
  close: "M6 6l12 12M18 6L6 18",
  hash: "M9 4L7 20M17 4l-2 16M4 9h17M3 15h17",
  thread: "M5 5h14v10h-8l-4 4v-4H5z",
  voice: "M4 10v4h4l5 4V6L8 10zM16 9a4 4 0 010 6M18.500 6.500a8 8 0 010 11",
  forum: "M4 5h11v8H9l-3 3v-3H4zM18 9h2v8h-2v3l-3-3h-4",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 018 0v3",
  pin: "M9 4h6l-1 6 4 3v2H6v-2l4-3zM12 15v6",
  reply: "M10 8V4l-7 7 7 7v-4c5 0 8 1 11 5-1-7-5-11-11-11z",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  smile: "M12 3a9 9 0 100 18 9 9 0 000-18zM8.500 14a4 4 0 007 0M9 9.500v.5M15 9.500v.5",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  apps: "M5 5h5v5H5zM14 5h5v5h-5zM5 14h5v5H5zM14 14h5v5h-5z",
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-8-6 16-3-7z",
  file: "M6 3h8l4 4v14H6zM14 3v5h4",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  check: "M5 13l4 4L19 7",
  eye: "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7zM12 9a3 3 0 100 6 3 3 0 000-6z",
  theme: "M12 3a9 9 0 109 9c-5 2-11-3-9-9z",
  slash: "M5 4h14v16H5zM14 8l-4 8",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.01",
  at: "M16 12a4 4 0 10-8 0 4 4 0 008 0zm0 0v1.500a2.500 2.500 0 005 0V12a9 9 0 10-4 7.500",
};

const HUES = ["#5865f2", "#3ba55d", "#d9822b", "#c2478f", "#2f9bb5", "#8a63d2", "#b5503c"];

/** A round avatar: the picture when the account has one of ours, else its coloured initial. */
export function avatar({ id, name, color }, className = "avatar") {
  const element = h("span", { class: className, "aria-hidden": "true" }, initial(name));
  element.style.setProperty("background-color", color || HUES[Number(BigInt(id || 0) % 7n)]);
  return element;
}

function initial(name) {
  const first = [...(name || "?").trim()][0] ?? "?";
  return first.toUpperCase();
}

/** Discord gives colours as numbers, 0 meaning none. */
export function hexColor(number) {
  return number ? `#${Number(number).toString(16).padStart(6, "0")}` : null;
}

/** An icon-only button that still has a name. */
export function iconButton(name, label, onClick, props = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, ...props,
      on: { click: onClick } },
    icon(name),
  );
}
