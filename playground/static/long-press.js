// Long press with a finger, for what a right click does with a mouse.

const HOLD_MS = 450;
const SLACK_PX = 10;

/** Call `onHold(target, {x, y})` when a finger rests on something inside `root`. */
export function watchLongPress(root, onHold) {
  let timer = null;
  let start = null;
  let held = false;

  const cancel = () => clearTimeout(timer);

  root.addEventListener("pointerdown", (event) => {
    held = false;
    if (event.pointerType !== "touch") return;
    start = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => {
      held = true;
      onHold(event.target, start);
    }, HOLD_MS);
  });
  root.addEventListener("pointermove", (event) => {
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) > SLACK_PX) cancel();
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) root.addEventListener(type, cancel);
  // Lifting the finger after a hold must not also press the button beneath it, and a browser's
  // own long-press menu must not replace ours.
  root.addEventListener("click", (event) => held && swallow(event), true);
  root.addEventListener("contextmenu", (event) => held && swallow(event), true);

  function swallow(event) {
    event.preventDefault();
    event.stopPropagation();
  }
}
