// Discord's permission arithmetic for the person acting, so that the page offers what would be
// allowed. The server decides all the same.

import { channelOf, isThread, state } from "./state.js";

export const Permission = {
  ADMINISTRATOR: 1n << 3n,
  ADD_REACTIONS: 1n << 6n,
  SEND_MESSAGES: 1n << 11n,
  MANAGE_MESSAGES: 1n << 13n,
  ATTACH_FILES: 1n << 15n,
  USE_APPLICATION_COMMANDS: 1n << 31n,
  SEND_MESSAGES_IN_THREADS: 1n << 38n,
  PIN_MESSAGES: 1n << 51n,
};

const ALL = (1n << 64n) - 1n;

/** What the person acting may do in a channel, as bits. */
export function permissionsIn(channelId) {
  const member = state.members.get(state.me);
  if (!member || state.guild?.owner_id === state.me) return ALL;
  const held = [state.guildId, ...member.roles];
  const base = held.reduce((sum, id) => sum | BigInt(state.roles.get(id)?.permissions ?? 0), 0n);
  if (base & Permission.ADMINISTRATOR) return ALL;
  let channel = channelOf(channelId);
  if (isThread(channel)) channel = state.channels.get(channel.parent_id);
  return overwritten(base, channel?.permission_overwrites ?? [], held);
}

function overwritten(base, overwrites, held) {
  const apply = (bits, list) => {
    const deny = list.reduce((sum, item) => sum | BigInt(item.deny), 0n);
    const allow = list.reduce((sum, item) => sum | BigInt(item.allow), 0n);
    return (bits & ~deny) | allow;
  };
  const everyone = overwrites.filter((item) => item.id === state.guildId);
  const roles = overwrites.filter((item) => item.id !== state.guildId && held.includes(item.id));
  const own = overwrites.filter((item) => item.id === state.me);
  return apply(apply(apply(base, everyone), roles), own);
}

export function may(permission, channelId = state.channelId) {
  return Boolean(permissionsIn(channelId) & permission);
}

/** Why the person can't write here: a word key, or null when they can. */
export function silencedBy(channelId = state.channelId) {
  const channel = channelOf(channelId);
  const until = state.members.get(state.me)?.communication_disabled_until;
  if (until && Date.parse(until) > Date.now()) return "composer.timedOut";
  if (isThread(channel)) {
    const meta = channel.thread_metadata ?? {};
    if (meta.locked && !may(Permission.MANAGE_MESSAGES, channelId)) return "composer.locked";
    return may(Permission.SEND_MESSAGES_IN_THREADS, channelId) ? null : "composer.noPermission";
  }
  return may(Permission.SEND_MESSAGES, channelId) ? null : "composer.noPermission";
}
