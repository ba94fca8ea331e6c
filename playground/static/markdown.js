// Discord's Markdown dialect as a tree of plain objects; markdown-view.js makes DOM of it.
//
// Blocks: {type: "text"|"heading"|"small"|"quote"|"list"|"code", …}
// Inlines: {type: "text"|"code"|"bold"|"italic"|"underline"|"strike"|"spoiler"|"link"
//           |"user"|"role"|"channel"|"command"|"everyone"|"time"|"emoji"|"guide", …}

const FENCE = /```(?:([\w+#.-]*)\n)?([\s\S]*?)\n?```/;
const HEADING = /^(#{1,3})[ \t]+(.*)$/;
const SMALL = /^-#[ \t]+(.*)$/;
const QUOTE = /^>[ \t](.*)$/;
const REST_QUOTE = /^>>>[ \t]/;
const ITEM = /^([ \t]*)([-*]|\d{1,9}\.)[ \t]+(.*)$/;
const MAX_DEPTH = 8;

/** Parse a whole message. */
export function parse(source) {
  const blocks = [];
  let rest = source;
  for (let fence = FENCE.exec(rest); fence; fence = FENCE.exec(rest)) {
    blocks.push(...parseLines(rest.slice(0, fence.index).replace(/\n$/, "")));
    blocks.push({ type: "code", language: fence[1] ?? "", text: fence[2] });
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/, "");
  }
  return [...blocks, ...parseLines(rest)];
}

function parseLines(source) {
  if (source === "") return [];
  const lines = source.split("\n");
  const blocks = [];
  let text = [];
  const flush = () => {
    if (text.length) blocks.push({ type: "text", children: parseInline(text.join("\n")) });
    text = [];
  };
  for (let at = 0; at < lines.length; ) {
    const [block, used] = blockAt(lines, at);
    if (block) {
      flush();
      blocks.push(block);
    } else {
      text.push(lines[at]);
    }
    at += used;
  }
  flush();
  return blocks;
}

/** The block that begins at a line and how many lines it takes; null for running text. */
function blockAt(lines, at) {
  const line = lines[at];
  const heading = HEADING.exec(line);
  if (heading && heading[2].trim()) {
    return [{ type: "heading", level: heading[1].length, children: parseInline(heading[2]) }, 1];
  }
  const small = SMALL.exec(line);
  if (small) return [{ type: "small", children: parseInline(small[1]) }, 1];
  if (REST_QUOTE.test(line)) {
    const body = lines.slice(at).join("\n").replace(REST_QUOTE, "");
    return [{ type: "quote", blocks: parseLines(body) }, lines.length - at];
  }
  if (QUOTE.test(line)) {
    let end = at;
    while (end < lines.length && QUOTE.test(lines[end])) end += 1;
    const body = lines.slice(at, end).map((quoted) => QUOTE.exec(quoted)[1]).join("\n");
    return [{ type: "quote", blocks: parseLines(body) }, end - at];
  }
  if (ITEM.test(line)) return listAt(lines, at);
  return [null, 1];
}

function listAt(lines, at) {
  const items = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const match = ITEM.exec(lines[end]);
    if (match) {
      if (items.length && startsOther(items[0], match)) break;
      items.push({ indent: match[1].length, marker: match[2], lines: [match[3]] });
    } else if (items.length && /^[ \t]{2,}\S/.test(lines[end])) {
      items.at(-1).lines.push(lines[end].trim()); // a line that continues the item above
    } else break;
  }
  return [nest(items, 0), end - at];
}

/** Bullets after numbers (or the reverse) at the outer level are a list of their own. */
function startsOther(first, [, indent, marker]) {
  return indent.length <= first.indent && /\d/.test(marker) !== /\d/.test(first.marker);
}

/** Turn items with indents into lists within lists. */
function nest(items, depth) {
  const first = items[0];
  const ordered = /\d/.test(first.marker);
  const list = { type: "list", ordered, start: ordered ? parseInt(first.marker, 10) : 1, items: [] };
  for (let at = 0; at < items.length; ) {
    let end = at + 1;
    while (end < items.length && items[end].indent > first.indent) end += 1;
    const inner = items.slice(at + 1, end);
    list.items.push({
      children: parseInline(items[at].lines.join("\n")),
      list: inner.length && depth < MAX_DEPTH ? nest(inner, depth + 1) : null,
    });
    at = end;
  }
  return list;
}

// One rule per inline construct, tried in order at each position. A rule gets the match and
// a function that parses what is inside.
const INLINE = [
  [/^\\([^A-Za-z0-9\s])/, (m) => ({ type: "text", text: m[1] })],
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (m) => ({ type: "code", text: trimCode(m[2]) })],
  [/^<t:(-?\d{1,13})(?::([tTdDfFRsS]))?>/, (m) => ({ type: "time", unix: +m[1], style: m[2] ?? "f" })],
  [/^<@!?(\d{1,20})>/, (m) => ({ type: "user", id: m[1] })],
  [/^<@&(\d{1,20})>/, (m) => ({ type: "role", id: m[1] })],
  [/^<#(\d{1,20})>/, (m) => ({ type: "channel", id: m[1] })],
  [/^<\/([^:>\n]{1,100}):(\d{1,20})>/, (m) => ({ type: "command", name: m[1], id: m[2] })],
  [/^<(a?):(\w{2,32}):(\d{1,20})>/, (m) => ({ type: "emoji", name: m[2], id: m[3] })],
  [/^<id:(\w+)>/, (m) => ({ type: "guide", name: m[1] })],
  [/^@(everyone|here)(?!\w)/, (m) => ({ type: "everyone", name: m[1] })],
  [/^<(https?:\/\/[^\s<>]+)>/, (m) => link(m[1], null)],
  [/^\[((?:\\.|[^[\]\\]|\[[^[\]]*\])+)\]\(\s*<?(https?:\/\/(?:[^\s()<>]|\([^\s()<>]*\))+)>?(?:\s+"[^"\n]*")?\s*\)/,
    (m, inner) => link(m[2], unlinked(inner(m[1])))],
  [/^https?:\/\/[^\s<]+[^\s<.,:;"'\]]/, (m) => link(closeParens(m[0]), null),
    (m) => closeParens(m[0]).length],
  [/^\*\*([\s\S]+?)\*\*(?!\*)/, (m, inner) => ({ type: "bold", children: inner(m[1]) })],
  [/^__([\s\S]+?)__(?!_)/, (m, inner) => ({ type: "underline", children: inner(m[1]) })],
  [/^~~([\s\S]+?)~~/, (m, inner) => ({ type: "strike", children: inner(m[1]) })],
  [/^\|\|([\s\S]+?)\|\|/, (m, inner) => ({ type: "spoiler", children: inner(m[1]) })],
  [/^\*(?![\s*])((?:\*\*[\s\S]+?\*\*|[^*])+?)(?<!\s)\*(?!\*)/,
    (m, inner) => ({ type: "italic", children: inner(m[1]) })],
  [/^_(?![\s_])((?:__[\s\S]+?__|[^_])+?)_(?![_\p{L}\p{N}])/u,
    (m, inner) => ({ type: "italic", children: inner(m[1]) })],
];

// Characters at which some rule can match; all else is text.
const SPECIAL = /[\\`<@[*_~|]|https?:\/\//g;

/** Parse the inside of a line or paragraph. */
function parseInline(source, depth = 0) {
  const nodes = [];
  let text = "";
  let at = 0;
  while (at < source.length) {
    const found = depth < MAX_DEPTH ? ruleAt(source, at, depth) : null;
    if (found) {
      if (text) nodes.push({ type: "text", text });
      text = "";
      nodes.push(found.node);
      at += found.length;
    } else {
      const next = nextSpecial(source, at + 1);
      text += source.slice(at, next);
      at = next;
    }
  }
  if (text) nodes.push({ type: "text", text });
  return joinText(nodes);
}

function nextSpecial(source, from) {
  SPECIAL.lastIndex = from;
  return SPECIAL.exec(source)?.index ?? source.length;
}

function ruleAt(source, at, depth) {
  // snake_case and e-mail@everyone: an underscore inside a word begins nothing
  if (source[at] === "_" && /[\p{L}\p{N}]/u.test(source[at - 1] ?? "")) return null;
  const rest = source.slice(at);
  const inner = (text) => parseInline(text, depth + 1);
  for (const [pattern, build, measure] of INLINE) {
    const match = pattern.exec(rest);
    if (match) return { node: build(match, inner), length: measure?.(match) ?? match[0].length };
  }
  return null;
}

function joinText(nodes) {
  return nodes.reduce((joined, node) => {
    const last = joined.at(-1);
    if (node.type === "text" && last?.type === "text") last.text += node.text;
    else joined.push(node);
    return joined;
  }, []);
}

const link = (url, children) => ({ type: "link", url, children });

/** A link's own text may look like an address; it is no second link. */
const unlinked = (nodes) =>
  nodes.map((node) => (node.type === "link" ? { type: "text", text: node.url } : node));

const trimCode = (text) => text.replace(/^ (.*`) $/s, "$1").replace(/^ (`.*) $/s, "$1");

/** A bare address takes a closing parenthesis with it only when it also has the opening one. */
function closeParens(url) {
  let cut = url;
  const count = (text, mark) => text.split(mark).length - 1;
  while (cut.endsWith(")") && count(cut, ")") > count(cut, "(")) cut = cut.slice(0, -1);
  return cut.replace(/[.,:;"'\]]+$/, "");
}

/** Whether a text is nothing but a few emoji, which Discord shows large. */
export function isOnlyEmoji(source) {
  const bare = source.replace(/<a?:\w+:\d+>/g, "😀").replace(/\s/g, "");
  return bare.length > 0 && [...new Intl.Segmenter().segment(bare)].length <= 27
    && /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f)+$/u
      .test(bare);
}

/** A message's text on one line, marks stripped: for quotes, menus, announcements. */
export function plain(source, names) {
  const flat = (nodes) => nodes.map((node) => {
    if (node.children) return flat(node.children);
    return node.text ?? names?.(node) ?? node.url ?? "";
  }).join("");
  const list = (block) =>
    block.items.map((item) => flat(item.children) + (item.list ? ` ${list(item.list)}` : "")).join(" ");
  const block = (one) => {
    if (one.type === "list") return list(one);
    if (one.type === "quote") return one.blocks.map(block).join(" ");
    return one.children ? flat(one.children) : one.text;
  };
  return parse(source).map(block).join(" ").replace(/\s+/g, " ").trim();
}
