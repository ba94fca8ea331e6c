"""The one door to the playground: requests of the page, the rehearsal, tests and benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from simcord.backend import errors
from simcord.backend.models import Interaction

from playground.acting import Acting
from playground.arguments import Arguments, Handler
from playground.changing import Changing
from playground.interactions import Interactions
from playground.records import Records
from playground.viewing import HISTORY_LIMIT, Viewer, Viewing
from playground.wire.control import Control
from playground.world import World


class DoorError(Exception):
    """A request that was refused; `code` is Discord's where there is one, else 0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Door:
    """Answers requests by name; see docs/playground-protocol.md for all of them."""

    def __init__(
        self,
        world: World,
        acting: Acting,
        interactions: Interactions,
        records: Records,
        viewing: Viewing,
        control: Control,
    ) -> None:
        self._world = world
        self._acting = acting
        self._interactions = interactions
        self._records = records
        self._viewing = viewing
        self._control = control
        self._handlers: dict[str, Handler] = {
            **self._looking(),
            **self._doing(),
            **self._calling(),
            **Changing(world).handlers(),
            **control.handlers(),
        }

    async def do(self, what: str, /, **arguments: Any) -> Any:
        """Carry a request out from within this process; `as_` stands for `as`."""
        if "as_" in arguments:
            arguments["as"] = arguments.pop("as_")
        return await self.handle(what, arguments, None)

    async def answered(self, what: str, /, *, within_s: float, **arguments: Any) -> dict[str, Any]:
        """Act and return the record of it; act again where the application did not respond.

        That is what people do, and a bot is slow while it starts. It goes on for `within_s`
        seconds; a record that is `failed` then is returned as it stands.
        """
        clock = asyncio.get_running_loop().time
        end = clock() + within_s
        while True:
            record: dict[str, Any] = await self.do(what, wait=True, **arguments)
            if record["state"] != "failed" or clock() > end:
                return record

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
        return self._records.describe(record)

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
                    return self._records.settled(record)
                return {"interaction": str(record.id)}

            return handler

        def autocomplete(a: Arguments, _viewer: Viewer | None) -> Any:
            return self._records.choices(
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
