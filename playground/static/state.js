// What the page knows, as one person sees it. Views read it and listen for topics; only
// session.js (what we ask) and events.js (what we are told) change it.

const BOT_COLOR = "#4a67e0";

const listeners = new Map();

export const state = {
  connected: false,
  people: new Map(), // the people one can act as
  guilds: new Map(),
  bot: { id: "0", name: "", online: false },
  me: null, // id of the person acting
  guildId: null,
  guild: null,
  channels: new Map(),
  threads: new Map(),
  members: new Map(), // by user id
  roles: new Map(),
  channelId: null,
  timelines: new Map(), // channel id → {messages (oldest first), complete}
  unread: new Map(), // channel id → {count, mentions}
};

/** Listen for a topic; returns a function that stops listening. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  return () => listeners.get(topic).delete(listener);
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

/** Snowflakes as strings order by length, then by digits. */
export function compareIds(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export const me = () => state.people.get(state.me);

export function channelOf(id) {
  return state.channels.get(id) ?? state.threads.get(id);
}

export const currentChannel = () => channelOf(state.channelId);

export const isThread = (channel) => [10, 11, 12].includes(channel?.type);

/** A direct message has no name of its own: it is called after the bot. */
export const named = (channel) =>
  (channel.name ? channel : { ...channel, name: channel.recipients?.[0]?.username ?? state.bot.name });

export function timelineOf(channelId) {
  return state.timelines.get(channelId);
}

export function messageOf(channelId, messageId) {
  return timelineOf(channelId)?.messages.find((message) => message.id === messageId);
}

/** The name shown for a user: nickname, display name, account name. */
export function nameOf(user) {
  if (!user) return "";
  const member = state.members.get(user.id);
  return member?.nick || user.global_name || member?.user?.global_name
    || state.people.get(user.id)?.name || user.username || member?.user?.username || "";
}

export function userOf(id) {
  const member = state.members.get(id);
  if (member) return member.user;
  const person = state.people.get(id);
  if (person) return { id, username: person.name, global_name: person.name };
  return id === state.bot.id ? { id, username: state.bot.name, bot: true } : null;
}

export function colorOf(userId) {
  if (userId === state.bot.id) return BOT_COLOR;
  return state.people.get(userId)?.color ?? null;
}

/** A member's roles, highest first, without @everyone. */
export function rolesOf(userId) {
  const ids = state.members.get(userId)?.roles ?? [];
  return ids.map((id) => state.roles.get(id)).filter(Boolean)
    .sort((a, b) => b.position - a.position);
}

export const isEphemeral = (message) => Boolean(message.flags & 64);
export const isLoading = (message) => Boolean(message.flags & 128);
