// Discord's five kinds of select as a button that opens a list, in messages and forms alike.

import { h, hexColor, icon } from "./dom.js";
import { faceOf } from "./faces.js";
import { openListbox } from "./listbox.js";
import { channelOf, isThread, nameOf, rolesOf, state } from "./state.js";
import { emojiText } from "./emoji.js";
import { t } from "./words.js";

export const SelectType = { STRING: 3, USER: 5, ROLE: 6, MENTIONABLE: 7, CHANNEL: 8 };

/** The options a select offers, for listbox.js. */
function optionsOf(component) {
  switch (component.type) {
    case SelectType.USER: return userOptions();
    case SelectType.ROLE: return roleOptions();
    case SelectType.MENTIONABLE: return [...userOptions(), ...roleOptions()];
    case SelectType.CHANNEL: return channelOptions(component.channel_types);
    default:
      return (component.options ?? []).map((option) => ({ ...option,
        mark: option.emoji && h("span", { class: "option-mark" }, emojiText(option.emoji)) }));
  }
}

function userOptions() {
  return [...state.members.values()].map(({ user }) => ({
    value: user.id,
    label: nameOf(user),
    description: rolesOf(user.id).map((role) => role.name).join(", ") || null,
    mark: faceOf(user, "avatar tiny"),
  }));
}

function roleOptions() {
  return [...state.roles.values()].filter((role) => role.id !== state.guildId)
    .sort((a, b) => b.position - a.position)
    .map((role) => {
      const mark = h("span", { class: "role-dot" });
      mark.style.backgroundColor = hexColor(role.color) ?? "";
      return { value: role.id, label: role.name, mark };
    });
}

function channelOptions(types) {
  return [...state.channels.values(), ...state.threads.values()]
    .filter((channel) => (types?.length ? types.includes(channel.type) : channel.type !== 4))
    .map((channel) => ({
      value: channel.id,
      label: channel.name,
      description: isThread(channel) ? channelOf(channel.parent_id)?.name : null,
      mark: icon(channelIcon(channel), "icon small"),
    }));
}

export function channelIcon(channel) {
  if (channel.type === 12) return "lock";
  if (isThread(channel)) return "thread";
  if (channel.type === 2 || channel.type === 13) return "voice";
  if (channel.type === 1) return "at";
  return channel.type === 15 ? "forum" : "hash";
}

/** The values a select starts with. */
function defaultsOf(component) {
  if (component.type !== SelectType.STRING) {
    return (component.default_values ?? []).map((item) => String(item.id));
  }
  return (component.options ?? []).filter((option) => option.default).map((option) => option.value);
}

/** A select's button. `onChange(values)` is called with each new choice. */
export function selectButton(component, { onChange, disabled = false, busy = false, testid } = {}) {
  let values = defaultsOf(component);
  const text = h("span", { class: "select-text" });
  const button = h("button",
    { type: "button", class: "select", testid, "aria-haspopup": "listbox", disabled: disabled || busy,
      "aria-busy": busy ? "true" : null, on: { click: open } },
    text, icon("down", "icon small"));
  const show = () => {
    const labels = optionsOf(component).filter(({ value }) => values.includes(value)).map(({ label }) => label);
    text.textContent = labels.join(", ") || component.placeholder || t("select.placeholder");
    text.classList.toggle("placeholder", labels.length === 0);
  };
  function open() {
    openListbox({
      anchor: button,
      options: optionsOf(component),
      selected: values,
      min: component.min_values ?? 1,
      max: component.max_values ?? 1,
      label: component.placeholder ?? t("select.placeholder"),
      onDone: (next) => {
        values = next;
        show();
        onChange?.(next);
      },
    });
  }
  show();
  return { element: button, values: () => values };
}
