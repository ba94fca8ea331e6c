// Refused actions in the person's words, by Discord's error code.

import { Disconnected } from "./socket.js";
import { has, t } from "./words.js";

export function refusalText(error) {
  if (error instanceof Disconnected) return t("error.disconnected");
  const key = `error.${error.code}`;
  return has(key) ? t(key) : t("error.other", { code: error.code ?? "?", message: error.message });
}
