"""What one person sees: the snapshot on arrival, and events from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simcord.backend import errors, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Channel, Message
from simcord.enums import ChannelType

from playground.acting import Acting
from playground.world import World

_SHOWN = (
    "MESSAGE_CREATE",
    "MESSAGE_UPDATE",
    "MESSAGE_DELETE",
    "MESSAGE_REACTION_",
    "CHANNEL_",
    "THREAD_",
    "TYPING_START",
    "GUILD_MEMBER_",
    "GUILD_ROLE_",
    "GUILD_SCHEDULED_EVENT_",
    "GUILD_UPDATE",
)

HISTORY_LIMIT = 50


@dataclass
class Viewer:
    """One page (or test) that looks on, and as whom."""

    push: Callable[[str, Any], None]
    """Sends an event's type and data."""
    person_id: int | None = None
    guild_id: int | None = None


class Viewing:
    """Snapshots and the fan-out of events to viewers."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting
        self.viewers: list[Viewer] = []
        world.subscribers.append(self._on_event)
        world.whisperers.append(self._on_whisper)

    # Snapshots

    def hello(self, *, bot_online: bool) -> dict[str, Any]:
        """Return everybody one can be, and where."""
        world = self._world
        return {
            "people": [
                {
                    "id": str(person.id),
                    "name": person.name,
                    "locale": person.locale,
                    "color": person.color,
                    "about": person.about,
                    "guild_ids": [
                        str(guild.id)
                        for guild in world.guilds.values()
                        if person.id in guild.members
                    ],
                }
                for person in world.people.values()
            ],
            "guilds": [
                {"id": str(guild.id), "name": guild.name, "locale": guild.preferred_locale}
                for guild in world.guilds.values()
            ],
            "bot": {
                "id": str(world.bot_user.id),
                "name": world.bot_user.name,
                "online": bot_online,
            },
        }

    def watch(self, person_id: int, guild_id: int) -> dict[str, Any]:
        """Return what a person sees of a guild, and their direct messages with the bot."""
        world = self._world
        guild = world.get_guild(guild_id)
        if person_id not in guild.members:
            raise errors.missing_access()
        channel_ids = [*guild.channel_ids]
        if person_id in world.dm_channels:
            channel_ids.append(world.dm_channels[person_id])
        return {
            "guild": self._guild(guild_id),
            "channels": self._visible(person_id, channel_ids),
            "threads": self._visible(person_id, guild.thread_ids),
            "members": [
                dict(serializers.member_payload(world, guild, member))
                for member in guild.members.values()
            ],
            "roles": serializers.roles_payload(guild),
        }

    def _guild(self, guild_id: int) -> dict[str, Any]:
        guild = self._world.get_guild(guild_id)
        return {
            "id": str(guild.id),
            "name": guild.name,
            "owner_id": str(guild.owner_id),
            "preferred_locale": guild.preferred_locale,
            "guild_scheduled_events": [
                serializers.scheduled_event_payload(self._world, event)
                for event in guild.scheduled_events.values()
            ],
        }

    def _visible(self, person_id: int, channel_ids: list[int]) -> list[dict[str, Any]]:
        world = self._world
        return [
            self.channel(person_id, world.channels[channel_id])
            for channel_id in channel_ids
            if channel_accessible(world, channel_id, person_id)
        ]

    def channel(self, person_id: int, channel: Channel) -> dict[str, Any]:
        """Return a channel with the person's own permissions in it."""
        payload = dict(serializers.channel_payload(self._world, channel))
        if channel.guild_id is not None:
            payload["permissions"] = str(
                self._world.compute_permissions(channel.guild_id, person_id, channel.id)
            )
        return payload

    def history(
        self, person_id: int, channel_id: int, *, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return messages oldest first, the person's own ephemeral ones among them."""
        self._acting.require(person_id, channel_id)
        if not channel_accessible(self._world, channel_id, person_id, history=True):
            return []
        page: list[Message] = []
        for message in reversed(self._world.messages[channel_id].values()):
            if len(page) == limit:
                break
            if (before is None or message.id < before) and message.visible_to(person_id):
                page.append(message)
        return [self._acting.payload(person_id, message) for message in reversed(page)]

    def pins(self, person_id: int, channel_id: int) -> list[dict[str, Any]]:
        """Return pinned messages, oldest first."""
        self._acting.require(person_id, channel_id, "read_message_history")
        return [
            self._acting.payload(person_id, message)
            for message in self._world.messages[channel_id].values()
            if message.pinned and not message.is_ephemeral
        ]

    # Events

    def tell_all(self, event: str, data: Any) -> None:
        """Push something every viewer may know."""
        for viewer in list(self.viewers):
            viewer.push(event, data)

    def tell_person(self, person_id: int, event: str, data: Any) -> None:
        """Push something to whoever looks on as this person."""
        for viewer in list(self.viewers):
            if viewer.person_id == person_id:
                viewer.push(event, data)

    def _on_whisper(self, event: str, message: Message) -> None:
        receiver = int((message.interaction_metadata or {}).get("user", {}).get("id", 0))
        if event == "MESSAGE_DELETE":
            data: Any = {"id": str(message.id), "channel_id": str(message.channel_id)}
            channel = self._world.channels.get(message.channel_id)
            if channel is not None and channel.guild_id is not None:
                data["guild_id"] = str(channel.guild_id)
        else:
            data = self._acting.payload(receiver, message)
        self.tell_person(receiver, event, data)

    def _on_event(self, event: str, payload: Mapping[str, Any]) -> None:
        if not event.startswith(_SHOWN):
            return
        for viewer in list(self.viewers):
            if viewer.person_id is None or viewer.guild_id is None:
                continue
            shown = self._project(viewer.person_id, viewer.guild_id, event, payload)
            if shown is not None:
                viewer.push(*shown)

    def _project(
        self, person_id: int, guild_id: int, event: str, payload: Mapping[str, Any]
    ) -> tuple[str, Any] | None:
        world = self._world
        about_channel = event.startswith(("CHANNEL_", "THREAD_")) and event not in {
            "CHANNEL_PINS_UPDATE",
            "THREAD_MEMBERS_UPDATE",
        }
        channel_id = payload.get("id" if about_channel else "channel_id")
        if event == "THREAD_MEMBERS_UPDATE":
            channel_id = payload["id"]
        channel = world.channels.get(int(channel_id)) if channel_id is not None else None
        private = channel is not None and channel.type == ChannelType.DM
        of_guild = payload.get("id") if event == "GUILD_UPDATE" else payload.get("guild_id")
        if not private and (of_guild is None or int(of_guild) != guild_id):
            return None
        if event == "GUILD_UPDATE":
            return event, self._guild(guild_id)
        if event.startswith("GUILD_"):
            return event, payload
        if channel is None:
            # Deleted: it can't be asked any more who saw it, so no more than its id is told.
            bare = {key: payload[key] for key in ("id", "guild_id", "type") if key in payload}
            return (event, bare) if about_channel else None
        if not channel_accessible(world, channel.id, person_id):
            if event not in {"CHANNEL_UPDATE", "THREAD_UPDATE"}:
                return None
            gone = {"id": str(channel.id), "guild_id": str(guild_id), "type": channel.type}
            return event.replace("UPDATE", "DELETE"), gone
        if about_channel:
            return event, {**payload, **self.channel(person_id, channel)}
        if event in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
            message = world.messages[channel.id].get(int(payload["id"]))
            return None if message is None else (event, self._acting.payload(person_id, message))
        return event, payload
