// Who is typing: people who say so, and a bot that announces an answer.

import { fill, h } from "./dom.js";
import { nameOf, on, state, userOf } from "./state.js";
import { t } from "./words.js";

const SHOWN_MS = 10_000;

export function mountTyping(root) {
  const typing = new Map(); // user id → timer

  const draw = () => {
    const names = [...typing.keys()].map((id) => nameOf(userOf(id))).filter(Boolean);
    root.hidden = names.length === 0;
    const dots = h("span", { class: "dots" }, h("i"), h("i"), h("i"));
    fill(root, dots, t("typing", { names: names.join(t("comma")) }));
  };
  const stop = (id) => {
    clearTimeout(typing.get(id));
    if (typing.delete(id)) draw();
  };
  const stopAll = () => [...typing.keys()].forEach(stop);

  on("typing", ({ channel_id: channelId, user_id: id }) => {
    if (channelId !== state.channelId || id === state.me) return;
    clearTimeout(typing.get(id));
    typing.set(id, setTimeout(() => stop(id), SHOWN_MS));
    draw();
  });
  on("typing-ended", (message) => stop(message.author?.id));
  on("channel", stopAll);
  on("person", stopAll);
  draw();
}
