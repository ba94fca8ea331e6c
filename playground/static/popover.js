// One floating layer at a time: menus, pickers, option lists. A sheet at the foot of a phone.

import { h } from "./dom.js";

const MARGIN = 8; // to the window's edges
const GAP = 4; // to the anchor

let close = null;

/** Close what floats, if anything does. */
export const closePopover = () => close?.();

/**
 * Float `content` beside `anchor` (an element) or at `point` ({x, y}). Closes on Escape, on a
 * press elsewhere, and when another opens; focus then returns to where it was. `settle()`
 * finds its place anew after the content has grown.
 */
export function openPopover(content, { anchor, point, above = false, onClose, label, testid } = {}) {
  closePopover();
  const before = document.activeElement;
  // A modal dialog makes everything outside itself inert, so float inside of it.
  const host = anchor?.closest("dialog") ?? document.body;
  const scrim = h("div", { class: "scrim" });
  const layer = h("div", { class: "popover", popover: "manual", "aria-label": label, testid }, content);
  host.append(scrim, layer);
  layer.showPopover?.();
  // Measured once: a message may be redrawn, and its anchor with it, while this floats.
  const rect = anchor?.getBoundingClientRect() ?? pointRect(point);
  const settle = () => place(layer, rect, above);
  settle();

  const onPress = (event) => {
    if (!layer.contains(event.target) && !anchor?.contains(event.target)) close();
  };
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  document.addEventListener("pointerdown", onPress, true);
  document.addEventListener("keydown", onKey, true);

  const mine = () => {
    if (close !== mine) return;
    close = null;
    document.removeEventListener("pointerdown", onPress, true);
    document.removeEventListener("keydown", onKey, true);
    const hadFocus = layer.contains(document.activeElement);
    layer.remove();
    scrim.remove();
    if (hadFocus && before?.isConnected) before.focus({ preventScroll: true });
    onClose?.();
  };
  close = mine;
  return { layer, close: mine, settle };
}

const pointRect = ({ x, y }) => ({ left: x, right: x, top: y, bottom: y, width: 0 });

function place(layer, rect, above) {
  layer.style.minWidth = `${Math.min(rect.width, 420)}px`;
  layer.style.removeProperty("--room");
  const wanted = layer.offsetHeight + GAP + MARGIN;
  const roomAbove = rect.top;
  const roomBelow = innerHeight - rect.bottom;
  const goesAbove = above ? roomAbove >= wanted || roomAbove > roomBelow
    : roomBelow < wanted && roomAbove > roomBelow;
  layer.style.setProperty("--room", `${(goesAbove ? roomAbove : roomBelow) - GAP - MARGIN}px`);
  const { offsetWidth: width, offsetHeight: height } = layer;
  const top = goesAbove ? rect.top - height - GAP : rect.bottom + GAP;
  layer.style.top = `${Math.max(MARGIN, top)}px`;
  layer.style.left = `${Math.max(MARGIN, Math.min(rect.left, innerWidth - width - MARGIN))}px`;
}
