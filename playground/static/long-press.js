// Long press with a finger, for what a right click does with a mouse.

const HOLD_MS = 450;
const SLACK_PX = 10;

/** Call `onHold(target, {x, y})` when a finger rests on something inside `root`. */
export function watchLongPress(root, onHold) {
  let timer = null;
  let start = null;

  const cancel = () => clearTimeout(timer);

  root.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    start = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => {
      ignoreTheLift();
      onHold(event.target, start);
    }, HOLD_MS);
  });
  root.addEventListener("pointermove", (event) => {
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) > SLACK_PX) cancel();
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave"]) root.addEventListener(type, cancel);
}

/**
 * Lifting the finger after a hold must press nothing, neither what it held nor what opened
 * beneath it; and a browser's own long-press menu must not come on top of ours.
 */
function ignoreTheLift() {
  const ignore = new AbortController();
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const options = { capture: true, signal: ignore.signal };
  for (const type of ["click", "contextmenu"]) addEventListener(type, swallow, options);
  addEventListener("pointerdown", () => ignore.abort(), options);
}
