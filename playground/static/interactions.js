// Every interaction the person started: what became of it, and what to show meanwhile.

import { act } from "./session.js";
import { emit, messageOf, on } from "./state.js";

// Discord's interaction tokens live this long; "thinking…" can't become an answer afterwards.
const TOKEN_LIFE_MS = 15 * 60 * 1000;

const entries = new Map(); // interaction id → {record, origin, since}
const failures = new Set(); // ids of messages whose last component failed

on("person", () => {
  entries.clear();
  failures.clear();
});

/**
 * Do something that makes an interaction. `origin` says where its traces are shown:
 * {kind: "command" | "component" | "modal", channelId, name?, messageId?, customId?}.
 * Resolves to the interaction's id, or null when it was refused.
 */
export async function interact(verb, args, origin) {
  const answer = await act(verb, args);
  if (!answer) return null;
  const id = answer.result.interaction;
  // Its first record may have come before this answer.
  const known = entries.get(id) ?? { record: { id, state: "waiting", messages: [] } };
  const entry = { ...known, origin, since: Date.now() };
  entries.set(id, entry);
  if (origin.messageId) failures.delete(origin.messageId);
  show(entry);
  return id;
}

/** Take in a record the server sent. */
export function applyRecord(record) {
  const entry = { ...entries.get(record.id), record };
  entries.set(record.id, entry);
  if (entry.origin) show(entry);
}

function show(entry) {
  const { record, origin } = entry;
  if (record.state === "failed" && origin.kind === "component") failures.add(origin.messageId);
  emit("interaction", entry);
  const message = origin.messageId && messageOf(origin.channelId, origin.messageId);
  if (message) emit("message-changed", message);
  // Last: what is drawn anew above would take the focus that the modal gives back on closing.
  if (record.state === "modal" && !entry.opened) {
    entry.opened = true;
    emit("modal", { record, origin });
  }
}

/** Rows that stand where an answer will come: sending, thinking, or not responding. */
export function placeholdersIn(channelId) {
  return [...entries.values()].filter((entry) => {
    if (entry.origin?.channelId !== channelId || entry.dismissed) return false;
    const { state: progress, messages } = entry.record;
    if (messages?.length) return false;
    if (entry.origin.kind === "component") return progress === "deferred" && entry.record.ephemeral;
    if (progress === "deferred") return Date.now() - entry.since < TOKEN_LIFE_MS;
    return entry.origin.kind === "command" && ["waiting", "failed"].includes(progress);
  });
}

export function dismissPlaceholder(entry) {
  const known = entries.get(entry.record.id);
  if (known) entries.set(entry.record.id, { ...known, dismissed: true });
  emit("interaction", entry);
}

/** Whether a component of a message still waits for its first answer. */
export function isBusy(messageId, customId) {
  return [...entries.values()].some(({ origin, record }) =>
    record.state === "waiting" && origin?.messageId === messageId && origin.customId === customId);
}

export const hasFailed = (messageId) => failures.has(messageId);

/** Resolves to the record once it is past waiting. */
export function firstAnswer(interactionId) {
  return new Promise((resolve) => {
    const settle = () => {
      const record = entries.get(interactionId)?.record;
      if (!record || record.state === "waiting") return;
      stop();
      resolve(record);
    };
    const stop = on("interaction", settle);
    settle();
  });
}
