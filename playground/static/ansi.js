// The few ANSI colours Discord shows in ```ansi blocks.

import { h } from "./dom.js";

const ESCAPE = /\u001b\[([\d;]*)m/g;

export function ansiSpans(text) {
  const spans = [];
  let classes = [];
  let from = 0;
  for (const match of text.matchAll(ESCAPE)) {
    push(spans, text.slice(from, match.index), classes);
    classes = next(classes, match[1]);
    from = match.index + match[0].length;
  }
  push(spans, text.slice(from), classes);
  return spans;
}

function push(spans, text, classes) {
  if (text) spans.push(h("span", { class: classes.map((code) => `ansi-${code}`).join(" ") || null }, text));
}

function next(classes, codes) {
  return codes.split(";").reduce((held, code) => {
    const number = Number(code || 0);
    if (number === 0) return [];
    // A colour replaces the one of its kind: 30–37 text, 40–47 ground.
    const kind = Math.trunc(number / 10);
    return [...held.filter((other) => kind < 3 || Math.trunc(other / 10) !== kind), number];
  }, classes);
}
