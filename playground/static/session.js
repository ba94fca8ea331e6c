// What the page asks of the playground: who acts, where they look, what they do.

import { Disconnected, Refusal, Socket } from "./socket.js";
import { applyEvent } from "./events.js";
import { recall, remember } from "./memory.js";
import { refusalText } from "./refusals.js";
import { setLocale } from "./words.js";
import { toast } from "./toast.js";
import { channelOf, compareIds, currentChannel, emit, isEphemeral, named, state, timelineOf }
  from "./state.js";

const PAGE_SIZE = 50;

const socket = new Socket(socketUrl(), {
  onOpen: () => begin().catch(report),
  onClose: () => setConnected(false),
  onEvent: applyEvent,
});

function socketUrl() {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

export const connect = () => socket.connect();

function setConnected(connected) {
  state.connected = connected;
  emit("connection");
}

/** Ask in the name of the person acting. Rejects with a Refusal or Disconnected. */
export function ask(verb, args = {}) {
  return socket.request(verb, { as: state.me, ...args });
}

/** Ask, and tell the person in words when it was refused. Resolves to null then. */
export async function act(verb, args = {}) {
  try {
    return { result: await ask(verb, args) };
  } catch (error) {
    report(error);
    return null;
  }
}

export function report(error) {
  if (error instanceof Refusal || error instanceof Disconnected) toast(refusalText(error));
  else throw error;
}

async function begin() {
  await greet();
  const known = state.people.has(state.me) ? state.me : recall("person");
  const first = state.people.has(known) ? known : [...state.people.keys()][0];
  setConnected(true);
  if (first) await become(first);
}

/** Learn the people, guilds and bot; again when somebody joins. */
export async function greet() {
  const { people, guilds, bot } = await socket.request("hello");
  state.people = new Map(people.map((person) => [person.id, person]));
  state.guilds = new Map(guilds.map((guild) => [guild.id, guild]));
  state.bot = bot;
  emit("people");
  emit("bot");
}

/** Act as someone, in the guild and channel shown so far where they may see them. */
export async function become(personId, guildId = state.guildId ?? recall("guild")) {
  const person = state.people.get(personId);
  const guild = person.guild_ids.includes(guildId) ? guildId : person.guild_ids[0];
  state.me = personId;
  state.timelines.clear();
  state.unread.clear();
  remember("person", personId);
  setLocale(person.locale);
  emit("person");
  if (!guild) return;
  const view = await ask("watch", { guild });
  if (state.me !== personId) return; // switched again meanwhile
  takeView(guild, view);
  const wanted = state.channelId ?? recall("channel");
  const visible = state.channels.has(wanted) || state.threads.has(wanted);
  await openChannel(visible ? wanted : firstChannel(), { again: true });
}

function takeView(guildId, { guild, channels, threads, members, roles }) {
  const byId = (list) => new Map((list ?? []).map((item) => [item.id, item]));
  state.guildId = guildId;
  state.guild = { ...state.guilds.get(guildId), ...guild };
  state.channels = byId(channels.map(named));
  state.threads = byId(threads);
  state.roles = byId(roles);
  state.members = new Map((members ?? []).map((member) => [member.user.id, member]));
  remember("guild", guildId);
  emit("guild");
}

/** See the guild as it is for this person now, staying where one is if that can still be seen. */
export async function lookAgain() {
  const person = state.me;
  const answer = await act("watch", { guild: state.guildId });
  if (!answer || state.me !== person) return;
  takeView(state.guildId, answer.result);
  if (!channelOf(state.channelId)) leaveChannel();
}

/** The open channel is gone or hidden: go where every talk begins. */
export function leaveChannel() {
  return openChannel(firstChannel());
}

/** Where one arrives: the topmost text channel. */
export function firstChannel() {
  const texts = [...state.channels.values()].filter((channel) => [0, 5].includes(channel.type));
  texts.sort((a, b) => a.position - b.position || compareIds(a.id, b.id));
  return texts[0]?.id ?? null;
}

/** Show a channel or thread, loading its history when it isn't here yet. */
export async function openChannel(channelId, { again = false } = {}) {
  if (channelId === state.channelId && !again) return;
  state.channelId = channelId;
  state.unread.delete(channelId);
  if (channelId) remember("channel", channelId);
  emit("channel");
  if (channelId && currentChannel()?.type !== 15) await loadHistory(channelId);
}

async function loadHistory(channelId) {
  if (timelineOf(channelId)) return;
  const person = state.me;
  const answer = await act("history", { channel: channelId, limit: PAGE_SIZE });
  if (!answer || state.me !== person) return;
  const messages = answer.result;
  state.timelines.set(channelId, { messages, complete: messages.length < PAGE_SIZE });
  emit("history", channelId);
}

/** Load what came before; resolves to how many messages that were. */
export async function loadOlder(channelId) {
  const timeline = timelineOf(channelId);
  if (!timeline || timeline.complete || timeline.loading) return 0;
  timeline.loading = true;
  const oldest = timeline.messages.find((message) => !isEphemeral(message));
  const answer = await act("history",
    { channel: channelId, before: oldest?.id, limit: PAGE_SIZE });
  timeline.loading = false;
  if (!answer || timelineOf(channelId) !== timeline) return 0;
  const known = new Set(timeline.messages.map((message) => message.id));
  const older = answer.result.filter((message) => !known.has(message.id));
  timeline.complete = older.length === 0;
  timeline.messages = [...older, ...timeline.messages]
    .sort((a, b) => compareIds(a.id, b.id));
  emit("older", { channelId, messages: older });
  return older.length;
}

/** Load back until a message is here; resolves to whether it is. */
export async function loadUntil(channelId, messageId, pages = 20) {
  for (let page = 0; page < pages; page += 1) {
    const timeline = timelineOf(channelId);
    if (!timeline) return false;
    if (timeline.messages.some((message) => message.id === messageId)) return true;
    if (compareIds(timeline.messages[0]?.id ?? "0", messageId) < 0) return false;
    if (!(await loadOlder(channelId))) return false;
  }
  return false;
}

/** Files as the protocol takes them. */
export function encodeFiles(files) {
  return Promise.all([...files].map(encodeFile));
}

function encodeFile(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () =>
      resolve({ name: file.name, base64: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Commands usable in a channel, asked for each time a picker opens: they may be synced anew. */
export async function commandsIn(channelId) {
  const answer = await act("commands", { channel: channelId });
  return answer?.result ?? [];
}

/** Put an ephemeral message away; its receiver's deleting it is Discord's "dismiss". */
export function dismiss(message) {
  return act("delete", { channel: message.channel_id, message: message.id });
}

