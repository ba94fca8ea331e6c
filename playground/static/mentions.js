// "@name" and "#channel" as one types them, and the form Discord sends.

import { icon } from "./dom.js";
import { faceOf } from "./faces.js";
import { channelIcon } from "./select.js";
import { nameOf, state } from "./state.js";

const TYPED = /(?:^|[\s(（「])([@#＠＃])([^\s@#]{0,30})$/u;
const SHOWN = 8;

const fold = (text) => text.normalize("NFKC").toLowerCase();

/** Suggestions for the mention being typed before the caret: {from, items} or null. */
export function suggestMentions(text, caret) {
  const match = TYPED.exec(text.slice(0, caret));
  if (!match) return null;
  const [, sign, typed] = match;
  const all = fold(sign) === "@" ? [...memberItems(), ...roleItems()] : channelItems();
  const items = all.filter((item) => fold(item.title).includes(fold(typed))).slice(0, SHOWN);
  return items.length ? { from: caret - typed.length - 1, items } : null;
}

const memberItems = () => [...state.members.values()].map(({ user }) => ({
  title: nameOf(user), insert: `@${nameOf(user)}`, testid: `mention-${nameOf(user)}`,
  mark: faceOf(user, "avatar tiny"),
}));

const roleItems = () => mentionableRoles().map((role) => ({
  title: role.name, insert: `@${role.name}`, testid: `mention-${role.name}`, mark: icon("at", "icon small"),
}));

const channelItems = () => allChannels().map((channel) => ({
  title: channel.name, insert: `#${channel.name}`, testid: `mention-${channel.name}`,
  mark: icon(channelIcon(channel), "icon small"),
}));

const mentionableRoles = () => [...state.roles.values()].filter((role) => role.id !== state.guildId);

const allChannels = () =>
  [...state.channels.values(), ...state.threads.values()].filter((channel) => channel.type !== 4);

/** Replace the names typed by what Discord sends for them, outside of code. */
export function encodeMentions(text) {
  const forms = [
    ...[...state.members.values()].map(({ user }) => [`@${nameOf(user)}`, `<@${user.id}>`]),
    ...mentionableRoles().map((role) => [`@${role.name}`, `<@&${role.id}>`]),
    ...allChannels().map((channel) => [`#${channel.name}`, `<#${channel.id}>`]),
  ].sort((a, b) => b[0].length - a[0].length); // the longest name first: "@Mio Abe" over "@Mio"
  return outsideCode(text, (part) => encodePart(part, forms));
}

function encodePart(text, forms) {
  let done = "";
  for (let at = 0; at < text.length; ) {
    const startsWord = at === 0 || !/[\w<]/.test(text[at - 1]);
    const form = startsWord && "@#".includes(text[at])
      && forms.find(([shown]) => text.startsWith(shown, at) && !/\w/.test(text[at + shown.length] ?? ""));
    done += form ? form[1] : text[at];
    at += form ? form[0].length : 1;
  }
  return done;
}

/** The reverse, for editing one's own message. */
export function decodeMentions(text) {
  const named = (map, id, sign) => map(id) && `${sign}${map(id)}`;
  return outsideCode(text, (part) => part
    .replace(/<@!?(\d+)>/g, (all, id) => named((key) => nameOf(state.members.get(key)?.user), id, "@") || all)
    .replace(/<@&(\d+)>/g, (all, id) => named((key) => state.roles.get(key)?.name, id, "@") || all)
    .replace(/<#(\d+)>/g, (all, id) =>
      named((key) => (state.channels.get(key) ?? state.threads.get(key))?.name, id, "#") || all));
}

function outsideCode(text, change) {
  return text.split(/(```[\s\S]*?```|`[^`\n]+`)/).map((part, at) => (at % 2 ? part : change(part))).join("");
}

