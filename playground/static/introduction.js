// What stands above a channel's first message: its name, and for newcomers how to begin.

import { h, icon } from "./dom.js";
import { channelIcon } from "./select.js";
import { firstChannel } from "./session.js";
import { compareIds, emit, isThread, nameOf, state, userOf } from "./state.js";
import { formatStamp } from "./times.js";
import { t } from "./words.js";

export function introduction(channel) {
  const thread = isThread(channel);
  return h("div", { class: "introduction" },
    h("span", { class: "introduction-mark" }, icon(channelIcon(channel))),
    h("h2", null, channel.name),
    h("p", null, t(thread ? "intro.thread" : "intro.channel", { channel: channel.name })),
    channel.topic && h("p", { class: "topic" }, channel.topic),
    channel.id === firstChannel() && firstSteps());
}

/** Three things to try, each one press away. */
function firstSteps() {
  const step = (key, run) => h("li", null, h("button",
    { type: "button", class: "first-step", testid: `first-step-${key}`, on: { click: run } },
    h("strong", null, t(`step.${key}`)), h("span", null, t(`step.${key}.text`))));
  return h("ol", { class: "first-steps", "aria-label": t("steps") },
    step("command", () => emit("open-command", "")),
    step("question", () => emit("draft", "Q. ")),
    step("switch", () => emit("open-people")));
}

/** A forum channel has posts instead of messages. */
export function forumPosts(channel) {
  const posts = [...state.threads.values()].filter((thread) => thread.parent_id === channel.id)
    .sort((a, b) => compareIds(b.id, a.id));
  return h("div", { class: "forum" },
    h("h2", null, channel.name),
    posts.length ? h("ul", null, posts.map(forumPost)) : h("p", { class: "empty" }, t("forum.empty")));
}

function forumPost(thread) {
  const created = thread.thread_metadata?.create_timestamp;
  return h("li", null, h("button", { type: "button", class: "thread-chip", testid: `post-${thread.name}`,
    on: { click: () => emit("open-channel", thread.id) } },
    icon("forum", "icon small"), h("span", null, thread.name),
    h("span", { class: "thread-open" }, [nameOf(userOf(thread.owner_id)),
      created && formatStamp(new Date(created))].filter(Boolean).join(" · "))));
}
