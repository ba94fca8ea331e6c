// Files chosen for the message being written.

import { fill, h, icon, iconButton } from "./dom.js";
import { formatSize } from "./media.js";
import { toast } from "./toast.js";
import { t } from "./words.js";

const MAX_FILES = 10;
const MAX_BYTES = 10 * 1024 * 1024;

/** Chips of files in `root`; `onChange()` after each change. */
export function attachments(root, onChange) {
  let files = [];

  function draw() {
    root.hidden = files.length === 0;
    fill(root, files.map(renderChip));
    onChange();
  }

  function renderChip(file) {
    const remove = () => {
      files = files.filter((other) => other !== file);
      draw();
    };
    return h("span", { class: "file-chip" },
      icon("file", "icon small"),
      h("span", { class: "file-name" }, file.name),
      h("span", { class: "file-size" }, formatSize(file.size)),
      iconButton("close", t("file.remove", { name: file.name }), remove));
  }

  return {
    list: () => files,
    set(list) {
      files = [...list];
      draw();
    },
    add(list) {
      for (const file of list) {
        const limit = formatSize(MAX_BYTES);
        if (file.size > MAX_BYTES) toast(t("file.tooLarge", { name: file.name, limit }));
        else if (files.length >= MAX_FILES) toast(t("file.tooMany", { count: MAX_FILES }));
        else files.push(file);
      }
      draw();
    },
  };
}
