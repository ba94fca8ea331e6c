// What one can do with a message: the toolbar on it and its context menu.

import { h, iconButton } from "./dom.js";
import { localised } from "./commands.js";
import { confirmDialog } from "./dialog.js";
import { QUICK } from "./emoji.js";
import { interact } from "./interactions.js";
import { plainText } from "./markdown-view.js";
import { openMenu } from "./menu.js";
import { may, Permission, silencedBy } from "./permissions.js";
import { chooseReaction, toggleReaction } from "./reactions.js";
import { act, commandsIn, dismiss } from "./session.js";
import { emit, isEphemeral, state } from "./state.js";
import { toast } from "./toast.js";
import { t } from "./words.js";

const MESSAGE_COMMAND = 3;
const PLAIN_TYPES = [0, 19]; // what a person can write, and so edit

export function toolbar(message) {
  const more = iconButton("more", t("menu.more"), () => openMessageMenu(message, { anchor: more }),
    { testid: "message-more", class: "icon-button more" });
  if (isEphemeral(message)) return h("div", { class: "toolbar" }, more);
  const react = iconButton("smile", t("react"), () => chooseReaction(message, { anchor: react }),
    { testid: "message-react" });
  return h("div", { class: "toolbar", role: "group", "aria-label": t("menu.message") },
    h("button", { type: "button", class: "icon-button quick", "aria-label": QUICK[0], title: QUICK[0],
      on: { click: () => toggleReaction(message, QUICK[0], hasReacted(message, QUICK[0])) } }, QUICK[0]),
    react,
    iconButton("reply", t("menu.reply"), () => emit("reply", message), { testid: "message-reply" }),
    more);
}

const hasReacted = (message, emoji) =>
  Boolean(message.reactions?.find((item) => item.emoji.name === emoji)?.me);

const isOwn = (message) => message.author.id === state.me;

export const isEditable = (message) => isOwn(message) && PLAIN_TYPES.includes(message.type);

/** Open the menu of a message at `where` ({anchor} or {point}). */
export function openMessageMenu(message, where) {
  const shared = !isEphemeral(message);
  const text = plainText(message.content);
  const manage = may(Permission.MANAGE_MESSAGES, message.channel_id);
  const pin = manage || may(Permission.PIN_MESSAGES, message.channel_id);
  openMenu([
    shared && { label: t("menu.react"), icon: "smile", testid: "menu-react",
      run: () => chooseReaction(message, where) },
    shared && !silencedBy(message.channel_id)
      && { label: t("menu.reply"), icon: "reply", testid: "menu-reply", run: () => emit("reply", message) },
    isEditable(message) && { label: t("menu.edit"), icon: "edit", testid: "menu-edit",
      run: () => emit("edit", message) },
    shared && pin && { label: t(message.pinned ? "menu.unpin" : "menu.pin"), icon: "pin", testid: "menu-pin",
      run: () => act(message.pinned ? "unpin" : "pin", address(message)) },
    text && { label: t("menu.copy"), icon: "copy", testid: "menu-copy", run: () => copy(message.content) },
    shared && { label: t("menu.apps"), icon: "apps", testid: "menu-apps", items: () => appItems(message) },
    !shared && { label: t("dismiss"), icon: "close", testid: "menu-dismiss", run: () => dismiss(message) },
    shared && (isOwn(message) || manage) && "-",
    shared && (isOwn(message) || manage)
      && { label: t("menu.delete"), icon: "trash", danger: true, testid: "menu-delete",
        run: () => askDelete(message) },
  ], { ...where, label: t("menu.message"), testid: "message-menu" });
}

const address = (message) => ({ channel: message.channel_id, message: message.id });

export function askDelete(message) {
  confirmDialog({
    title: t("delete.title"),
    text: t("delete.text"),
    preview: plainText(message.content),
    action: t("menu.delete"),
    onConfirm: () => act("delete", address(message)),
  });
}

async function appItems(message) {
  const commands = await commandsIn(message.channel_id);
  return commands.filter((command) => command.type === MESSAGE_COMMAND).map((command) => ({
    label: localised(command, "name"),
    testid: `menu-app-${command.name}`,
    run: () => interact("menu", { ...address(message), name: command.name },
      { kind: "command", channelId: message.channel_id, name: localised(command, "name") }),
  }));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    toast(t("copy.refused"));
  }
}
