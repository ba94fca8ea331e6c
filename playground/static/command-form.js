// A chosen slash command with its options as fields.

import { h, icon, iconButton } from "./dom.js";
import { localised, OptionType } from "./commands.js";
import { fileInput } from "./file-input.js";
import { interact } from "./interactions.js";
import { selectButton, SelectType } from "./select.js";
import { ask, encodeFiles } from "./session.js";
import { Suggestions } from "./suggestions.js";
import { t } from "./words.js";

const AUTOCOMPLETE_DELAY_MS = 150;

const SELECTS = {
  [OptionType.USER]: SelectType.USER,
  [OptionType.CHANNEL]: SelectType.CHANNEL,
  [OptionType.ROLE]: SelectType.ROLE,
  [OptionType.MENTIONABLE]: SelectType.MENTIONABLE,
};

/** The form of a command from commands.js; returns {element, focus}. */
export function commandForm(command, { channelId, onSent, onCancel }) {
  let sending = false;
  const fields = command.options.map((option) => makeField(option, autocomplete));
  const element = h("form", { class: "command-form", testid: "command-form", "aria-label": `/${command.shown}` },
    h("div", { class: "command-head" }, icon("slash", "icon small"),
      h("strong", { testid: "command-name" }, `/${command.shown}`),
      h("span", { class: "command-description" }, command.description),
      iconButton("close", t("cancel"), onCancel, { testid: "command-cancel" })),
    fields.length > 0 && h("div", { class: "command-options" }, fields.map(({ row }) => row)),
    h("div", { class: "command-foot" },
      h("span", { class: "hint" }, t("command.keys")),
      h("button", { type: "submit", class: "button primary", testid: "command-send" }, t("command.send"))));

  /** The values given so far, by option name. */
  async function values() {
    const given = {};
    for (const field of fields) {
      const value = await field.read();
      if (value !== undefined) given[field.name] = value;
    }
    return given;
  }

  async function autocomplete(option, value) {
    const options = await values();
    delete options[option.name];
    return ask("autocomplete", { channel: channelId, name: command.path, option: option.name, value, options });
  }

  async function send() {
    const wrong = fields.filter((field) => !field.check());
    wrong[0]?.focus();
    if (wrong.length || sending) return;
    sending = true;
    element.setAttribute("aria-busy", "true");
    const id = await interact("slash", { channel: channelId, name: command.path, options: await values() },
      { kind: "command", channelId, name: `/${command.path}` });
    sending = false;
    element.removeAttribute("aria-busy");
    if (id) onSent();
  }

  element.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) onCancel();
    // A select's button opens with Enter; elsewhere Enter sends, as in the composer.
    if (event.key === "Enter" && event.target.matches("textarea") && !event.isComposing && !event.shiftKey
      && event.keyCode !== 229) {
      event.preventDefault();
      send();
    }
  });

  const focus = () => (fields[0] ?? element.querySelector("[type=submit]")).focus();
  return { element, focus };
}

function makeField(option, autocomplete) {
  const control = makeControl(option, autocomplete);
  const id = `option-${option.name}`;
  const problem = h("span", { class: "field-problem", role: "alert" });
  control.target.id = id;
  const row = h("div", { class: "command-option" },
    h("label", { for: id }, localised(option, "name"), option.required && h("span", { class: "required" }, "＊")),
    control.element, describe(option), problem);

  row.addEventListener("input", () => {
    problem.textContent = "";
    control.target.removeAttribute("aria-invalid");
  });

  return {
    row,
    name: option.name,
    read: control.read,
    focus: () => control.target.focus(),
    check() {
      problem.textContent = control.problem() ?? "";
      control.target.setAttribute("aria-invalid", String(Boolean(problem.textContent)));
      return !problem.textContent;
    },
  };
}

/** discord.py sends "…" where a command's author wrote nothing. */
function describe(option) {
  const text = localised(option, "description");
  return text !== "…" && h("span", { class: "field-description" }, text);
}

/** {element, target (what takes focus), read() → value or undefined, problem() → text or null} */
function makeControl(option, autocomplete) {
  const testid = `command-option-${option.name}`;
  if (option.type === OptionType.ATTACHMENT) return fileControl(option, testid);
  if (option.type === OptionType.BOOLEAN) {
    const choices = [{ name: t("yes"), value: true }, { name: t("no"), value: false }];
    return choiceControl(option, choices, testid);
  }
  if (option.choices?.length) return choiceControl(option, option.choices, testid);
  if (option.type in SELECTS) return entityControl(option, testid);
  return textControl(option, testid, option.autocomplete ? autocomplete : null);
}

const missing = (option, empty) => (option.required && empty ? t("field.required") : null);

function choiceControl(option, choices, testid) {
  const select = selectButton({
    type: SelectType.STRING,
    min_values: option.required ? 1 : 0,
    options: choices.map((choice) => ({ label: localised(choice, "name"), value: String(choice.value) })),
  }, { testid });
  const chosen = () => choices.find((choice) => String(choice.value) === select.values()[0]);
  return { element: select.element, target: select.element, read: () => chosen()?.value,
    problem: () => missing(option, !chosen()) };
}

function entityControl(option, testid) {
  const select = selectButton({ type: SELECTS[option.type], min_values: option.required ? 1 : 0,
    channel_types: option.channel_types }, { testid });
  return { element: select.element, target: select.element, read: () => select.values()[0],
    problem: () => missing(option, !select.values().length) };
}

function fileControl(option, testid) {
  const { element, input } = fileInput({ testid });
  return { element, target: input,
    read: async () => (input.files.length ? (await encodeFiles(input.files))[0] : undefined),
    problem: () => missing(option, !input.files.length) };
}

function textControl(option, testid, autocomplete) {
  const numeric = option.type !== OptionType.STRING;
  const input = h("input", { type: "text", class: "field", testid, autocomplete: "off",
    inputmode: numeric ? (option.type === OptionType.INTEGER ? "numeric" : "decimal") : null });
  let picked = null; // the choice whose name stands in the input
  const text = () => input.value.trim();
  const number = () => Number(text().normalize("NFKC"));
  const suggestions = autocomplete && attachAutocomplete(option, input, autocomplete, (choice) => {
    picked = choice;
  });
  input.addEventListener("input", () => (picked = null));
  return {
    element: suggestions ? h("div", { class: "autocomplete" }, input, suggestions) : input,
    target: input,
    read() {
      if (picked) return picked.value;
      if (!text()) return undefined;
      return numeric && !Number.isNaN(number()) ? number() : text();
    },
    problem() {
      if (!text()) return missing(option, true);
      return numeric && !picked ? numberProblem(option, number()) : lengthProblem(option, text());
    },
  };
}

function numberProblem(option, value) {
  const { min_value: least = -Infinity, max_value: most = Infinity } = option;
  if (option.type === OptionType.INTEGER && !Number.isInteger(value)) return t("field.integer");
  if (Number.isNaN(value)) return t("field.number");
  if (value < least) return t("field.atLeast", { limit: least });
  return value > most ? t("field.atMost", { limit: most }) : null;
}

function lengthProblem(option, text) {
  const length = [...text].length;
  if (length < (option.min_length ?? 0)) return t("field.longer", { limit: option.min_length });
  if (length > (option.max_length ?? 6000)) return t("field.shorter", { limit: option.max_length });
  return null;
}

/** The list under an option whose values the bot suggests. */
function attachAutocomplete(option, input, autocomplete, onPick) {
  let timer = null;
  let asked = 0;
  const suggestions = new Suggestions({ input, label: localised(option, "name"),
    testid: `autocomplete-${option.name}`, onChoose: choose });

  function choose({ choice }) {
    input.value = localised(choice, "name");
    suggestions.hide();
    onPick(choice);
  }

  async function refresh() {
    const number = (asked += 1);
    let choices = [];
    try {
      const answer = await autocomplete(option, input.value);
      if (answer.failed) throw new Error("no answer");
      ({ choices } = answer);
    } catch {
      if (number === asked) suggestions.show([], { empty: t("autocomplete.failed") });
      return;
    }
    if (number !== asked || document.activeElement !== input) return;
    suggestions.show(choices.map((choice) => ({ choice, title: localised(choice, "name"),
      testid: `option-${choice.value}` })), { empty: t("autocomplete.none") });
  }

  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, AUTOCOMPLETE_DELAY_MS);
  };
  input.addEventListener("input", schedule);
  input.addEventListener("focus", schedule);
  input.addEventListener("blur", () => {
    asked += 1;
    clearTimeout(timer);
    suggestions.hide();
  });
  input.addEventListener("keydown", (event) => {
    if (!event.isComposing && event.keyCode !== 229) suggestions.handleKey(event);
  });
  return suggestions.element;
}
