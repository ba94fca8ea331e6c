// Avatars of users, in the colour each is known by.

import { avatar } from "./dom.js";
import { colorOf, nameOf } from "./state.js";

/** The avatar of a Discord user object. */
export function faceOf(user, className = "avatar") {
  return avatar({ id: user.id, name: nameOf(user), color: colorOf(user.id) }, className);
}
