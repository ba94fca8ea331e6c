// Classic embeds.

import { h, hexColor } from "./dom.js";
import { picture } from "./media.js";
import { renderMarkdown } from "./markdown-view.js";
import { formatStamp } from "./times.js";

export function renderEmbed(embed, attachments) {
  const element = h("div", { class: "embed", testid: "embed" },
    h("div", { class: "embed-body" },
      embed.author && h("div", { class: "embed-author" }, linked(embed.author.name, embed.author.url)),
      embed.title && h("div", { class: "embed-title" }, titled(embed)),
      embed.description && renderMarkdown(embed.description),
      embed.fields?.length > 0 && h("div", { class: "embed-fields" }, embed.fields.map(renderField)),
      embed.image && picture(embed.image, attachments),
      renderFooter(embed)),
    embed.thumbnail && picture({ ...embed.thumbnail, className: "picture thumbnail" }, attachments));
  element.style.setProperty("--accent", hexColor(embed.color) ?? "");
  return element;
}

const linked = (text, url) =>
  (url ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text);

const titled = ({ title, url }) => (url ? linked(title, url) : renderMarkdown(title));

function renderField({ name, value, inline }) {
  return h("div", { class: inline ? "embed-field inline" : "embed-field" },
    h("div", { class: "embed-field-name" }, renderMarkdown(name)), renderMarkdown(value));
}

function renderFooter({ footer, timestamp }) {
  if (!footer && !timestamp) return null;
  const parts = [footer?.text, timestamp && formatStamp(new Date(timestamp))].filter(Boolean);
  return h("div", { class: "embed-footer" }, parts.join(" • "));
}
