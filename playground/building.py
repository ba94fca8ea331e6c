"""Making and changing the world itself: what tests, the rehearsal and the prepared server use."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import discord
from simcord.backend import errors
from simcord.backend.models import Channel, Overwrite
from simcord.enums import AuditLogAction, ChannelType, OverwriteType

from playground.world import Person, World

CHANNEL_TYPES = {
    "text": ChannelType.TEXT,
    "voice": ChannelType.VOICE,
    "stage": ChannelType.STAGE_VOICE,
    "forum": ChannelType.FORUM,
    "category": ChannelType.CATEGORY,
}
COLORS = ("#5865f2", "#2d8f5e", "#b3571d", "#b0306a", "#3f7f93", "#7a5cc2", "#8a6d1f", "#c04040")

# Discord's own names where discord.py has another.
_RENAMED = {
    "use_vad": "use_voice_activation",
    "create_guild_expressions": "create_expressions",
    "manage_guild_expressions": "manage_expressions",
}


def permission_bits(names: Iterable[str]) -> int:
    """Return the number for permissions by Discord's names, such as `MANAGE_MESSAGES`."""
    bits = 0
    for name in names:
        flag = getattr(discord.Permissions, _RENAMED.get(name.lower(), name.lower()), None)
        if flag is None:
            raise errors.invalid_form_body(f"there is no permission {name}")
        bits |= flag.flag
    return bits


class Building:
    """Changes nobody's permissions are asked for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def person(
        self,
        name: str,
        *,
        locale: str = "ja",
        username: str | None = None,
        color: str | None = None,
        about: str = "",
    ) -> Person:
        """Create somebody to act as; they are in no guild yet."""
        world = self._world
        user = world.make_user(username or name, global_name=name)
        color = color or COLORS[len(world.people) % len(COLORS)]
        person = Person(user.id, name, locale, color, about)
        world.people[user.id] = person
        return person

    def join(self, guild_id: int, person_id: int, roles: Iterable[int] = ()) -> None:
        """Let a person into a guild, with roles."""
        self._world.get_user(person_id)
        if person_id in self._world.get_guild(guild_id).members:
            return
        for role in roles:
            self._world.get_role(guild_id, role)
        self._world.add_member(guild_id, person_id, roles=roles, announce=True)

    def role(
        self, guild_id: int, name: str, permissions: Iterable[str] = (), *, color: int = 0
    ) -> int:
        """Create a role and return its id."""
        bits = permission_bits(permissions)
        role = self._world.create_role(guild_id, name, permissions=bits, color=color, hoist=True)
        return role.id

    def channel(
        self,
        guild_id: int,
        name: str,
        kind: str = "text",
        *,
        topic: str | None = None,
        parent_id: int | None = None,
        overwrites: Iterable[Overwrite] = (),
    ) -> Channel:
        """Create a channel of one of `CHANNEL_TYPES`."""
        if kind not in CHANNEL_TYPES:
            raise errors.invalid_form_body(f"type: one of {', '.join(CHANNEL_TYPES)}")
        return self._world.create_channel(
            guild_id,
            name,
            type=CHANNEL_TYPES[kind],
            topic=topic,
            parent_id=parent_id,
            overwrites=list(overwrites),
        )

    def thread(
        self, channel_id: int, name: str, *, private: bool = False, owner_id: int | None = None
    ) -> Channel:
        """Create a thread, of the guild's owner where nobody else is named."""
        world = self._world
        parent = world.get_channel(channel_id)
        if parent.guild_id is None or parent.is_thread:
            raise errors.cannot_execute_on_channel_type()
        owner_id = owner_id or world.get_guild(parent.guild_id).owner_id
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        return world.create_thread(channel_id, name, owner_id, type=kind)

    def scheduled_event(
        self,
        guild_id: int,
        name: str,
        starts_in_s: float,
        *,
        channel_id: int | None = None,
        description: str | None = None,
        creator_id: int | None = None,
    ) -> int:
        """Announce an event: in a voice or stage channel, or else at a place.

        Discord knows no events in text channels: one given here becomes the event's place.
        """
        world = self._world
        start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=starts_in_s)
        channel = world.get_channel(channel_id) if channel_id is not None else None
        kinds = {ChannelType.STAGE_VOICE: 1, ChannelType.VOICE: 2}
        kind = kinds.get(ChannelType(channel.type), 3) if channel is not None else 3
        place = {"location": f"#{channel.name}" if channel else "Discord"}
        return world.create_scheduled_event(
            guild_id,
            name=name,
            entity_type=kind,
            scheduled_start_time=start.isoformat(),
            scheduled_end_time=(start + datetime.timedelta(hours=2)).isoformat(),
            creator_id=creator_id or world.get_guild(guild_id).owner_id,
            channel_id=channel_id if kind != 3 else None,
            description=description,
            entity_metadata=place if kind == 3 else None,
        ).id

    def overwrite(
        self,
        channel_id: int,
        target_id: int,
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
    ) -> None:
        """Set what a role or a member may do in a channel."""
        self._world.set_overwrite(
            channel_id, self.make_overwrite(channel_id, target_id, allow=allow, deny=deny)
        )

    def make_overwrite(
        self,
        channel_id: int,
        target_id: int,
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
    ) -> Overwrite:
        """Return an overwrite for a role or a member of the channel's guild."""
        guild_id = self._world.get_channel(channel_id).guild_id
        is_role = guild_id is not None and target_id in self._world.get_guild(guild_id).roles
        kind = OverwriteType.ROLE if is_role else OverwriteType.MEMBER
        return Overwrite(target_id, kind, permission_bits(allow), permission_bits(deny))

    def timeout(self, guild_id: int, person_id: int, seconds: float) -> None:
        """Time a member out; 0 seconds ends it."""
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        value: Any = until.isoformat() if seconds > 0 else None
        before = self._world.get_member(guild_id, person_id).timed_out_until
        self._world.edit_member(guild_id, person_id, {"timed_out_until": value})
        change = {
            "key": "communication_disabled_until",
            **({"old_value": before} if before else {}),
            **({"new_value": value} if value else {}),
        }
        self._log(guild_id, AuditLogAction.MEMBER_UPDATE, person_id, [change])

    def kick(self, guild_id: int, person_id: int) -> None:
        """Kick a member."""
        self._world.remove_member(guild_id, person_id)
        self._log(guild_id, AuditLogAction.MEMBER_KICK, person_id)

    def ban(self, guild_id: int, person_id: int) -> None:
        """Ban somebody."""
        self._world.apply_ban(guild_id, person_id, None)
        self._log(guild_id, AuditLogAction.MEMBER_BAN, person_id)

    def _log(
        self,
        guild_id: int,
        action: AuditLogAction,
        person_id: int,
        changes: list[dict[str, Any]] | None = None,
    ) -> None:
        """Write what a moderator did into the audit log, as the guild's owner's doing."""
        self._world.record_audit_log(
            guild_id,
            action,
            target_id=person_id,
            changes=changes,
            user_id=self._world.get_guild(guild_id).owner_id,
        )
