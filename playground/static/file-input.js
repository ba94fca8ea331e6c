// A file input in the person's language: browsers word their own in the browser's.

import { h, icon } from "./dom.js";
import { formatSize } from "./media.js";
import { t } from "./words.js";

export function fileInput({ multiple = false, testid }) {
  const names = h("span", { class: "names" });
  const input = h("input", { type: "file", multiple, testid, "aria-label": t("file.choose") });
  const show = () => {
    names.textContent = [...input.files].map((file) => `${file.name} (${formatSize(file.size)})`).join(", ")
      || t("file.none");
  };
  input.addEventListener("change", show);
  show();
  const element = h("div", { class: "field file-field" },
    h("span", { class: "button secondary compact" }, icon("file", "icon small"), t("file.choose")), names, input);
  return { element, input };
}
