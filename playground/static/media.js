// Pictures, videos, sounds and files. Only what the playground itself serves is loaded.

import { h, icon } from "./dom.js";
import { openPicture } from "./dialog.js";
import { locale, t } from "./words.js";

const MAX_WIDTH = 520;
const MAX_HEIGHT = 360;

/** Where a media URL leads: `attachment://name` means one of the message's own files. */
function resolve(url, attachments = []) {
  if (url?.startsWith("attachment://")) {
    const name = url.slice("attachment://".length);
    return attachments.find((file) => file.filename === name)?.url ?? null;
  }
  return url ?? null;
}

const isOurs = (url) => URL.canParse(url) && new URL(url).origin === location.origin;

/** A picture, or a link in its place when it lies elsewhere. */
export function picture({ url, description, width, height, spoiler, className = "picture" }, attachments) {
  const source = resolve(url, attachments);
  if (!source) return h("span", { class: "missing" }, t("media.missing"));
  if (!isOurs(source)) {
    return h("a", { class: "elsewhere", href: source, target: "_blank", rel: "noopener noreferrer" },
      icon("external", "icon small"), h("span", null, source));
  }
  const image = h("img", { src: source, alt: description ?? "", decoding: "async" });
  if (width && height) reserve(image, width, height);
  const button = h("button", { type: "button", class: className, "data-spoiler": spoiler || null,
    "aria-label": spoiler ? t("spoiler") : description || t("picture") }, image,
    spoiler && h("span", { class: "spoiler-label" }, t("spoiler")));
  button.addEventListener("click", () => {
    if (button.dataset.spoiler !== undefined) delete button.dataset.spoiler;
    else openPicture(source, description);
  });
  return button;
}

/** Room for a picture before it has loaded, so that the list doesn't jump. */
function reserve(image, width, height) {
  const scale = Math.min(1, MAX_WIDTH / width, MAX_HEIGHT / height);
  image.style.width = `${Math.round(width * scale)}px`;
  image.style.aspectRatio = `${width} / ${height}`;
}

/** One to ten pictures, tiled. */
export function gallery(items, attachments) {
  return h("div", { class: "gallery", "data-count": Math.min(items.length, 4) },
    items.map(({ media, description, spoiler }) => (isPicture(media)
      ? picture({ ...media, description, spoiler }, attachments)
      : player({ ...media, filename: description }, attachments))));
}

const isPicture = ({ content_type: type }) => !type || type.startsWith("image/");

function player({ url, content_type: type, filename }, attachments) {
  const source = resolve(url, attachments);
  return h(type.startsWith("audio/") ? "audio" : "video",
    { src: source, controls: true, preload: "metadata", "aria-label": filename || t("media.player") });
}

/** A message's attachments that no component shows. */
export function renderAttachments(attachments) {
  const shown = attachments.map((file) => {
    const type = file.content_type ?? "";
    if (type.startsWith("image/") && file.width) {
      return picture({ ...file, description: file.description ?? file.filename, spoiler: isSpoiler(file) });
    }
    if (/^(audio|video)\//.test(type) && isOurs(file.url)) return player(file);
    return fileCard({ name: file.filename, size: file.size, url: file.url });
  });
  return shown.length ? h("div", { class: "attachments", testid: "attachments" }, shown) : null;
}

const isSpoiler = ({ filename, flags }) => filename.startsWith("SPOILER_") || Boolean(flags & 8);

/** A Components V2 File. */
export function renderFile(component, attachments) {
  const url = resolve(component.file.url, attachments);
  const known = attachments.find((file) => file.url === url);
  const name = component.name ?? known?.filename ?? decodeURIComponent(url?.split("/").pop().split("?")[0] ?? "");
  return fileCard({ name, size: component.size ?? known?.size, url });
}

function fileCard({ name, size, url }) {
  return h("a",
    { class: "file", href: url, download: name, target: "_blank", rel: "noopener", testid: `file-${name}` },
    icon("file"),
    h("span", { class: "file-text" }, h("span", { class: "file-name" }, name),
      size !== undefined && h("span", { class: "file-size" }, formatSize(size))),
    icon("download", "icon small"));
}

export function formatSize(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return new Intl.NumberFormat(locale(), { style: "unit", unit: units[step], maximumFractionDigits: 1 })
    .format(bytes / 1024 ** step);
}
