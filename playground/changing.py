"""The `world.…` requests: tests and the rehearsal change what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playground.arguments import Arguments, Handler
from playground.building import Building
from playground.viewing import Viewer
from playground.world import World


class Changing:
    """Answers `world.…` by name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._building = Building(world)

    def handlers(self) -> dict[str, Handler]:
        """Return the requests by name."""
        return {**self._making(), **self._removing()}

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
                "person", lambda a: self._building.kick(a.id("guild"), a.id("person"))
            ),
            "world.ban": removing(
                "person", lambda a: self._building.ban(a.id("guild"), a.id("person"))
            ),
            "world.delete_channel": removing(
                "channel", lambda a: world.delete_channel(a.id("channel"))
            ),
            "world.delete_messages": delete_messages,
            "world.remove_bot": removing("guild", lambda a: world.dismiss_bot(a.id("guild"))),
        }
