"""The one door to the playground: requests of the page, the rehearsal, tests and benchmarks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from simcord.backend import errors
from simcord.backend.models import Interaction

from playground.acting import Acting, Upload
from playground.building import Building
from playground.interactions import Interactions
from playground.viewing import HISTORY_LIMIT, Viewer, Viewing
from playground.wire.control import Control
from playground.world import World

Handler = Callable[["Arguments", Viewer | None], Any]


class DoorError(Exception):
    """A request that was refused; `code` is Discord's where there is one, else 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Arguments:
    """A request's arguments, checked as they are read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def id(self, name: str) -> int:
        """Return an id, which must be there."""
        value = self.optional_id(name)
        if value is None:
            raise errors.invalid_form_body(f"{name}: This field is required")
        return value

    def optional_id(self, name: str) -> int | None:
        """Return an id, or None."""
        value = self.values.get(name)
        if value is None:
            return None
        if not str(value).isdecimal():
            raise errors.invalid_form_body(f"{name}: not an id")
        return int(value)

    def ids(self, name: str) -> list[int]:
        """Return a list of ids, empty where there is none."""
        return [int(value) for value in self.values.get(name) or []]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise errors.invalid_form_body(f"{name}: This field is required")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number; without a default it must be there."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise errors.invalid_form_body(f"{name}: not a number")
        return float(value)

    def names(self, name: str) -> list[str]:
        """Return a list of texts, empty where there is none."""
        return [str(value) for value in self.values.get(name) or []]

    def table(self, name: str) -> dict[str, Any]:
        """Return an object, empty where there is none; files in it as (name, bytes)."""
        return {key: _with_files(value) for key, value in (self.values.get(name) or {}).items()}

    def files(self, name: str) -> list[Upload]:
        """Return files, empty where there are none."""
        return [_file(value) for value in self.values.get(name) or []]


def _with_files(value: Any) -> Any:
    if isinstance(value, Mapping) and "base64" in value:
        return _file(value)
    if isinstance(value, list):
        return [_with_files(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _file(value: Mapping[str, Any]) -> Upload:
    try:
        return str(value["name"]), base64.b64decode(value["base64"], validate=True)
    except (KeyError, binascii.Error) as error:
        raise errors.invalid_form_body("a file is {name, base64}") from error


class Door:
    """Answers requests by name; see docs/playground-protocol.md for all of them."""

    def __init__(
        self,
        world: World,
        acting: Acting,
        interactions: Interactions,
        viewing: Viewing,
        control: Control,
    ) -> None:
        self._world = world
        self._acting = acting
        self._interactions = interactions
        self._viewing = viewing
        self._control = control
        self._building = Building(world)
        self._handlers: dict[str, Handler] = {
            **self._looking(),
            **self._doing(),
            **self._calling(),
            **self._making(),
            **self._removing(),
            **control.handlers(),
        }

    async def do(self, what: str, /, **arguments: Any) -> Any:
        """Carry a request out from within this process; `as_` stands for `as`."""
        if "as_" in arguments:
            arguments["as"] = arguments.pop("as_")
        return await self.handle(what, arguments, None)

    async def handle(self, what: str, arguments: Mapping[str, Any], viewer: Viewer | None) -> Any:
        """Carry a request out and return its result.

        Args:
            what: The request's name.
            arguments: The rest of it.
            viewer: Whoever asked and wants events; `watch` sets whom they look on as.

        Raises:
            DoorError: It was refused, with Discord's error code where there is one.
        """
        handler = self._handlers.get(what)
        if handler is None:
            raise DoorError(0, f"nothing is called {what!r}")
        try:
            result = handler(Arguments(arguments), viewer)
            return await result if isinstance(result, Awaitable) else result
        except errors.BackendError as error:
            raise DoorError(error.code, error.message) from error
        except (errors.SetupError, LookupError, ValueError, TypeError) as error:
            raise DoorError(0, f"{type(error).__name__}: {error}") from error

    def _person(self, arguments: Arguments) -> int:
        person_id = arguments.id("as")
        if person_id not in self._world.people:
            raise errors.unknown_user()
        return person_id

    def _looking(self) -> dict[str, Handler]:
        viewing = self._viewing

        def watch(a: Arguments, viewer: Viewer | None) -> Any:
            person_id, guild_id = self._person(a), a.id("guild")
            snapshot = viewing.watch(person_id, guild_id)
            if viewer is not None:
                viewer.person_id, viewer.guild_id = person_id, guild_id
            return snapshot

        return {
            "hello": lambda _a, _v: viewing.hello(bot_online=self._control.gateway.online),
            "watch": watch,
            "history": lambda a, _v: viewing.history(
                self._person(a),
                a.id("channel"),
                before=a.optional_id("before"),
                limit=int(a.number("limit", HISTORY_LIMIT)),
            ),
            "pins": lambda a, _v: viewing.pins(self._person(a), a.id("channel")),
            "commands": lambda a, _v: self._interactions.visible_commands(
                self._person(a), a.id("channel")
            ),
            "interaction": self._interaction,
        }

    def _interaction(self, a: Arguments, _viewer: Viewer | None) -> Any:
        record = self._world.interactions.get(a.id("interaction"))
        if record is None:
            raise errors.unknown_interaction()
        return self._interactions.describe(record)

    def _doing(self) -> dict[str, Handler]:
        acting, person = self._acting, self._person

        def send(a: Arguments, _viewer: Viewer | None) -> Any:
            message = acting.send(
                person(a),
                a.id("channel"),
                a.text("content", ""),
                reply_to=a.optional_id("reply_to"),
                files=a.files("files"),
            )
            return acting.payload(person(a), message)

        def edit(a: Arguments, _viewer: Viewer | None) -> Any:
            message = acting.edit(person(a), a.id("channel"), a.id("message"), a.text("content"))
            return acting.payload(person(a), message)

        return {
            "send": send,
            "edit": edit,
            "delete": lambda a, _v: acting.delete(person(a), a.id("channel"), a.id("message")),
            "react": lambda a, _v: acting.react(
                person(a), a.id("channel"), a.id("message"), a.text("emoji")
            ),
            "unreact": lambda a, _v: acting.unreact(
                person(a), a.id("channel"), a.id("message"), a.text("emoji")
            ),
            "pin": lambda a, _v: acting.set_pinned(
                person(a), a.id("channel"), a.id("message"), pinned=True
            ),
            "unpin": lambda a, _v: acting.set_pinned(
                person(a), a.id("channel"), a.id("message"), pinned=False
            ),
        }

    def _calling(self) -> dict[str, Handler]:
        calls, person = self._interactions, self._person

        def waiting(start: Callable[[Arguments], Interaction]) -> Handler:
            def handler(a: Arguments, _viewer: Viewer | None) -> Any:
                record = start(a)
                if a.values.get("wait"):
                    return calls.settled(record)
                return {"interaction": str(record.id)}

            return handler

        def autocomplete(a: Arguments, _viewer: Viewer | None) -> Any:
            return calls.choices(
                calls.autocomplete(
                    person(a),
                    a.id("channel"),
                    a.text("name"),
                    a.text("option"),
                    a.values.get("value", ""),
                    a.table("options"),
                )
            )

        return {
            "autocomplete": autocomplete,
            "slash": waiting(
                lambda a: calls.slash(
                    person(a), a.id("channel"), a.text("name"), a.table("options")
                )
            ),
            "menu": waiting(
                lambda a: calls.menu(person(a), a.id("channel"), a.id("message"), a.text("name"))
            ),
            "click": waiting(
                lambda a: calls.click(
                    person(a), a.id("channel"), a.id("message"), a.text("custom_id")
                )
            ),
            "select": waiting(
                lambda a: calls.select(
                    person(a),
                    a.id("channel"),
                    a.id("message"),
                    a.text("custom_id"),
                    a.names("values"),
                )
            ),
            "submit": waiting(
                lambda a: calls.submit(person(a), a.id("interaction"), a.table("values"))
            ),
        }

    def _making(self) -> dict[str, Handler]:
        world, building = self._world, self._building

        def made(made_id: int) -> dict[str, str]:
            return {"id": str(made_id)}

        def person(a: Arguments, _viewer: Viewer | None) -> Any:
            guild_id, roles = a.optional_id("guild"), a.ids("roles")
            for role in roles:
                world.get_role(a.id("guild"), role)
            somebody = building.person(a.text("name"), locale=a.text("locale", "ja"))
            if guild_id is not None:
                building.join(guild_id, somebody.id, roles)
                if a.values.get("owner"):
                    world.crown(guild_id, somebody.id)
            return made(somebody.id)

        def give_role(a: Arguments, _viewer: Viewer | None) -> Any:
            world.get_role(a.id("guild"), a.id("role"))
            world.add_member_role(a.id("guild"), a.id("person"), a.id("role"))
            return made(a.id("role"))

        def join(a: Arguments, _viewer: Viewer | None) -> Any:
            building.join(a.id("guild"), a.id("person"))
            return made(a.id("person"))

        def overwrite(a: Arguments, _viewer: Viewer | None) -> Any:
            building.overwrite(
                a.id("channel"), a.id("target"), allow=a.names("allow"), deny=a.names("deny")
            )
            return made(a.id("target"))

        def add_bot(a: Arguments, _viewer: Viewer | None) -> Any:
            world.admit_bot(a.id("guild"))
            return made(a.id("guild"))

        return {
            "world.guild": lambda a, _v: made(
                world.found_guild(a.text("name"), locale=a.text("locale", "ja")).id
            ),
            "world.person": person,
            "world.join": join,
            "world.role": lambda a, _v: made(
                building.role(a.id("guild"), a.text("name"), a.names("permissions"))
            ),
            "world.give_role": give_role,
            "world.channel": lambda a, _v: made(
                building.channel(
                    a.id("guild"),
                    a.text("name"),
                    a.text("type", "text"),
                    topic=a.values.get("topic"),
                    parent_id=a.optional_id("parent"),
                ).id
            ),
            "world.thread": lambda a, _v: made(
                building.thread(
                    a.id("channel"),
                    a.text("name"),
                    private=bool(a.values.get("private")),
                    owner_id=a.optional_id("as"),
                ).id
            ),
            "world.scheduled_event": lambda a, _v: made(
                building.scheduled_event(
                    a.id("guild"),
                    a.text("name"),
                    a.number("starts_in_s"),
                    channel_id=a.optional_id("channel"),
                    description=a.values.get("description"),
                    creator_id=a.optional_id("creator"),
                )
            ),
            "world.overwrite": overwrite,
            "world.add_bot": add_bot,
        }

    def _removing(self) -> dict[str, Handler]:
        world = self._world

        def removing(name: str, act: Callable[[Arguments], Any]) -> Handler:
            def handler(a: Arguments, _viewer: Viewer | None) -> Any:
                act(a)
                return {"id": str(a.id(name))}

            return handler

        def delete_messages(a: Arguments, _viewer: Viewer | None) -> Any:
            deleted = world.bulk_delete_messages(a.id("channel"), a.ids("messages"))
            return {"ids": [str(message_id) for message_id in deleted]}

        return {
            "world.timeout": removing(
                "person",
                lambda a: self._building.timeout(
                    a.id("guild"), a.id("person"), a.number("seconds")
                ),
            ),
            "world.kick": removing(
                "person", lambda a: world.remove_member(a.id("guild"), a.id("person"))
            ),
            "world.ban": removing(
                "person", lambda a: world.apply_ban(a.id("guild"), a.id("person"), None)
            ),
            "world.delete_channel": removing(
                "channel", lambda a: world.delete_channel(a.id("channel"))
            ),
            "world.delete_messages": delete_messages,
            "world.remove_bot": removing("guild", lambda a: world.dismiss_bot(a.id("guild"))),
        }
