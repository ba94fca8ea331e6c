// Discord's dispatches, applied to the state. The server sends only what this person may see.

import { applyRecord } from "./interactions.js";
import { greet, leaveChannel, lookAgain, report } from "./session.js";
import { channelOf, compareIds, emit, isEphemeral, isThread, messageOf, named, state, timelineOf }
  from "./state.js";

/** More than this many messages in one channel are only kept while the person reads back. */
export const KEPT_MESSAGES = 400;

const BURST_MS = 100;

const handlers = {
  BOT: ({ online }) => {
    state.bot = { ...state.bot, online };
    emit("bot");
  },
  INTERACTION: applyRecord,
  MESSAGE_CREATE: createMessage,
  MESSAGE_UPDATE: updateMessage,
  MESSAGE_DELETE: ({ channel_id: channelId, id }) => removeMessages(channelId, [id]),
  MESSAGE_DELETE_BULK: ({ channel_id: channelId, ids }) => removeMessages(channelId, ids),
  MESSAGE_REACTION_ADD: (data) => changeReaction(data, +1),
  MESSAGE_REACTION_REMOVE: (data) => changeReaction(data, -1),
  MESSAGE_REACTION_REMOVE_ALL: (data) => editReactions(data, () => []),
  MESSAGE_REACTION_REMOVE_EMOJI: (data) =>
    editReactions(data, (list) => list.filter((item) => !sameEmoji(item.emoji, data.emoji))),
  CHANNEL_PINS_UPDATE: (data) => emit("pins", data.channel_id),
  CHANNEL_CREATE: putChannel,
  CHANNEL_UPDATE: putChannel,
  CHANNEL_DELETE: dropChannel,
  THREAD_CREATE: putChannel,
  THREAD_UPDATE: putChannel,
  THREAD_DELETE: dropChannel,
  THREAD_LIST_SYNC: ({ threads }) => threads.forEach(putChannel),
  GUILD_MEMBER_ADD: (member) => {
    putMember(member);
    soon("greet", () => greet().catch(report));
  },
  GUILD_MEMBER_UPDATE: (member) => {
    const known = state.members.get(member.user.id);
    putMember(member);
    // Other roles: other channels, and other rights in them.
    if (member.user.id === state.me && String(known?.roles) !== String(member.roles)) lookAgain();
  },
  GUILD_MEMBER_REMOVE: ({ user }) => {
    state.members.delete(user.id);
    soon("members", () => emit("members"));
  },
  GUILD_ROLE_CREATE: putRole,
  GUILD_ROLE_UPDATE: putRole,
  GUILD_ROLE_DELETE: ({ role_id: id }) => {
    state.roles.delete(id);
    emit("members");
  },
  GUILD_UPDATE: (guild) => {
    state.guild = { ...state.guild, ...guild };
    emit("guild-changed");
  },
  GUILD_SCHEDULED_EVENT_CREATE: putScheduled,
  GUILD_SCHEDULED_EVENT_UPDATE: putScheduled,
  GUILD_SCHEDULED_EVENT_DELETE: dropScheduled,
  TYPING_START: (data) => emit("typing", data),
};

const planned = new Set();

/** Once for a burst: hundreds of people may join within a second. */
function soon(what, run) {
  if (planned.has(what)) return;
  planned.add(what);
  setTimeout(() => {
    planned.delete(what);
    run();
  }, BURST_MS);
}

export function applyEvent(type, data) {
  handlers[type]?.(data);
}

function createMessage(message) {
  emit("typing-ended", message);
  const timeline = timelineOf(message.channel_id);
  if (message.channel_id !== state.channelId) countUnread(message);
  if (!timeline) return;
  if (messageOf(message.channel_id, message.id)) {
    updateMessage(message);
    return;
  }
  const at = insertionIndex(timeline.messages, message.id);
  timeline.messages.splice(at, 0, message);
  emit("message-added", message);
}

function insertionIndex(messages, id) {
  let at = messages.length;
  while (at > 0 && compareIds(messages[at - 1].id, id) > 0) at -= 1;
  return at;
}

function countUnread(message) {
  if (message.author?.id === state.me || isEphemeral(message)) return;
  const { count = 0, mentions = 0 } = state.unread.get(message.channel_id) ?? {};
  const named = message.mentions?.some((user) => user.id === state.me) ? 1 : 0;
  state.unread.set(message.channel_id, { count: count + 1, mentions: mentions + named });
  emit("unread");
}

function updateMessage(message) {
  const timeline = timelineOf(message.channel_id);
  const at = timeline?.messages.findIndex((item) => item.id === message.id) ?? -1;
  if (at < 0) return;
  const known = timeline.messages[at];
  // A dispatch is the same for everyone; whose own reactions these are is known here.
  const reactions = message.reactions
    ? mergeReactions(known.reactions ?? [], message.reactions) : known.reactions;
  timeline.messages[at] = { ...known, ...message, reactions };
  emit("message-changed", timeline.messages[at]);
}

function mergeReactions(known, fresh) {
  return fresh.map((item) => ({
    ...item,
    me: item.me || Boolean(known.find((old) => sameEmoji(old.emoji, item.emoji))?.me),
  }));
}

function removeMessages(channelId, ids) {
  const timeline = timelineOf(channelId);
  if (!timeline) return;
  timeline.messages = timeline.messages.filter((message) => !ids.includes(message.id));
  for (const reply of timeline.messages) {
    if (ids.includes(reply.message_reference?.message_id)) reply.referenced_message = null;
  }
  emit("message-removed", { channelId, ids });
}

const sameEmoji = (a, b) => (a.id ?? null) === (b.id ?? null) && (a.id || a.name === b.name);

function changeReaction({ channel_id: channelId, message_id: id, user_id: user, emoji }, step) {
  editReactions({ channel_id: channelId, message_id: id }, (list) => {
    const known = list.find((item) => sameEmoji(item.emoji, emoji));
    const mine = user === state.me ? step > 0 : known?.me ?? false;
    const changed = { emoji, count: (known?.count ?? 0) + step, me: mine };
    const rest = known ? list.map((item) => (item === known ? changed : item)) : [...list, changed];
    return rest.filter((item) => item.count > 0);
  });
}

function editReactions({ channel_id: channelId, message_id: id }, edit) {
  const message = messageOf(channelId, id);
  if (!message) return;
  message.reactions = edit(message.reactions ?? []);
  emit("message-changed", message);
}

function putChannel(channel) {
  const known = channelOf(channel.id);
  const map = isThread(channel) ? state.threads : state.channels;
  map.set(channel.id, named({ ...known, ...channel }));
  emit("channels", channel.id);
}

function dropChannel({ id }) {
  state.channels.delete(id);
  state.threads.delete(id);
  for (const thread of [...state.threads.values()]) {
    if (thread.parent_id === id) state.threads.delete(thread.id);
  }
  state.timelines.delete(id);
  state.unread.delete(id);
  emit("channels", id);
  if (!channelOf(state.channelId)) leaveChannel();
}

function putMember(member) {
  const known = state.members.get(member.user.id);
  state.members.set(member.user.id, { ...known, ...member });
  soon("members", () => emit("members"));
}

function putRole({ role }) {
  state.roles.set(role.id, role);
  emit("members");
}

function putScheduled(event) {
  dropScheduled(event);
  state.guild.guild_scheduled_events.push(event);
  emit("guild-changed");
}

function dropScheduled({ id }) {
  const others = state.guild.guild_scheduled_events ?? [];
  state.guild.guild_scheduled_events = others.filter((event) => event.id !== id);
  emit("guild-changed");
}
