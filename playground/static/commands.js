// Slash commands as the picker shows them: sub-commands laid flat, names in the person's language.

import { locale } from "./words.js";

const CHAT_INPUT = 1;
const SUB_COMMAND = 1;
const SUB_COMMAND_GROUP = 2;

export const OptionType = {
  STRING: 3, INTEGER: 4, BOOLEAN: 5, USER: 6, CHANNEL: 7, ROLE: 8, MENTIONABLE: 9, NUMBER: 10,
  ATTACHMENT: 11,
};

/** A name, description or choice in the person's language. */
export function localised(object, field) {
  const translations = object[`${field}_localizations`] ?? {};
  const wanted = locale();
  const near = Object.keys(translations).find((key) => key.split("-")[0] === wanted.split("-")[0]);
  return translations[wanted] ?? translations[near] ?? object[field];
}

/** Every runnable slash command: {path, shown, description, options}, required options first. */
export function slashCommands(commands) {
  return commands.filter((command) => (command.type ?? CHAT_INPUT) === CHAT_INPUT)
    .flatMap((command) => leaves(command, [], []))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function leaves(node, names, shown) {
  const path = [...names, node.name];
  const shownPath = [...shown, localised(node, "name")];
  const nested = (node.options ?? [])
    .filter((option) => [SUB_COMMAND, SUB_COMMAND_GROUP].includes(option.type));
  if (nested.length) return nested.flatMap((option) => leaves(option, path, shownPath));
  const options = node.options ?? [];
  return [{
    path: path.join(" "),
    shown: shownPath.join(" "),
    description: localised(node, "description"),
    options: [...options.filter((option) => option.required), ...options.filter((option) => !option.required)],
  }];
}

/** The commands a typed beginning means, best first: by name, by word in it, by description. */
export function matchCommands(commands, typed) {
  const wanted = fold(typed);
  const rank = ({ path, shown, description }) => {
    const names = [fold(path), fold(shown)];
    if (names.some((name) => name.startsWith(wanted))) return 0;
    if (names.some((name) => name.includes(wanted))) return 1;
    return wanted.length > 1 && fold(description).includes(wanted) ? 2 : 3;
  };
  return commands.map((command) => ({ command, order: rank(command) }))
    .filter(({ order }) => order < 3).sort((a, b) => a.order - b.order).map(({ command }) => command);
}

const fold = (text) => (text ?? "").normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
