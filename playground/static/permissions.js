// What the person acting may do, so that the page offers no more than that. The server tells it
// with each channel, and decides all the same.

import { channelOf, isThread, state } from "./state.js";

export const Permission = {
  SEND_MESSAGES: 1n << 11n,
  MANAGE_MESSAGES: 1n << 13n,
  SEND_MESSAGES_IN_THREADS: 1n << 38n,
  PIN_MESSAGES: 1n << 51n,
};

export function may(permission, channelId = state.channelId) {
  const held = channelOf(channelId)?.permissions;
  // A channel that comes without them, such as a direct message, asks the server each time.
  return held === undefined || Boolean(BigInt(held) & permission);
}

/** Why the person can't write here: a word key, or null when they can. */
export function silencedBy(channelId = state.channelId) {
  const channel = channelOf(channelId);
  const until = state.members.get(state.me)?.communication_disabled_until;
  if (until && Date.parse(until) > Date.now()) return "composer.timedOut";
  if (isThread(channel)) {
    const locked = channel.thread_metadata?.locked && !may(Permission.MANAGE_MESSAGES, channelId);
    if (locked) return "composer.locked";
    return may(Permission.SEND_MESSAGES_IN_THREADS, channelId) ? null : "composer.noPermission";
  }
  return may(Permission.SEND_MESSAGES, channelId) ? null : "composer.noPermission";
}
