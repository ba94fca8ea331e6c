// Above the messages: where one is, pins, the theme; and the banner while the line is down.

import { fill, h, icon, iconButton } from "./dom.js";
import { recallTheme, rememberTheme } from "./memory.js";
import { openPins } from "./pins.js";
import { channelIcon } from "./select.js";
import { channelOf, currentChannel, emit, isThread, on, state } from "./state.js";
import { t } from "./words.js";

const THEMES = ["dark", "light"];

export function mountTopbar(root, place, actions, banner) {
  const draw = () => {
    const channel = currentChannel();
    const parent = isThread(channel) && channelOf(channel.parent_id);
    fill(place, channel && [
      icon(channelIcon(channel), "icon"),
      parent && [h("button", { type: "button", class: "link parent", testid: "parent-channel",
        on: { click: () => emit("open-channel", parent.id) } }, parent.name), icon("right", "icon tiny")],
      h("h1", { testid: "channel-title" }, channel.name),
      channel.topic && h("span", { class: "topic", title: channel.topic }, channel.topic)]);
    const pins = iconButton("pin", t("pins"), () => openPins(pins), { testid: "pins" });
    fill(actions, channel && channel.type !== 15 && pins,
      iconButton("theme", t("theme"), toggleTheme, { testid: "theme" }));
    const menu = root.querySelector("#open-drawer");
    menu.ariaLabel = menu.title = t("channels");
    menu.dataset.unread = String(state.unread.size > 0);
    const guild = state.guild?.name ?? "Playground";
    document.title = channel ? `#${channel.name} · ${guild}` : guild;
  };
  for (const topic of ["person", "guild", "channel", "channels", "unread"]) on(topic, draw);

  let wasConnected = false;
  on("connection", () => {
    if (state.connected) wasConnected = true;
    banner.hidden = state.connected || !wasConnected;
    fill(banner, icon("warn", "icon small"), t("reconnecting"));
  });
  document.documentElement.dataset.theme = currentTheme();
}

const currentTheme = () => recallTheme()
  ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");

function toggleTheme() {
  const theme = THEMES.find((other) => other !== currentTheme());
  rememberTheme(theme);
  document.documentElement.dataset.theme = theme;
}
