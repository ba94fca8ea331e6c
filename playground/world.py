"""What there is: SimCord's model of Discord, on the real clock and for a long run.

SimCord is made for tests of a second or two. This subclass gives it the real time, keeps
nothing it doesn't need, and mends what Discord does differently.
"""

from __future__ import annotations

import datetime
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import discord
from simcord._clock import Clock
from simcord.backend import DEFAULT_EVERYONE_PERMISSIONS, Backend, errors, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Channel, Guild, Interaction, Message, Role
from simcord.enums import ChannelType

from playground.cdn import Cdn, media_urls, show_uploads_in_embeds

BOT_PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
    manage_messages=True,
    pin_messages=True,
    view_audit_log=True,
)
"""What the bot asks for in its invite: no more is granted here than it will have there."""

BOT_NAME = "study-bot"
PIN_LIMIT = 250
INTERACTION_LIFE = datetime.timedelta(minutes=15)

Listener = Callable[[str, Mapping[str, Any]], None]
Whisper = Callable[[str, Message], None]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a keyboard; what Discord's model of a user doesn't hold."""

    id: int
    name: str
    locale: str
    color: str
    about: str


class UtcClock(Clock):
    """The machine's own clock: ids made now must read as now to discord.py."""

    def now(self) -> datetime.datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.datetime.now(datetime.UTC)


class World(Backend):
    """Everything that exists in this playground, and the one place that changes it.

    `subscribers` hear what Discord would broadcast; `whisperers` hear of ephemeral messages,
    which Discord tells their receiver's client alone; `departures` and `arrivals` hear of the
    bot leaving and joining a guild, which only the bot is told as GUILD_DELETE and GUILD_CREATE.
    """

    def __init__(self, cdn_base: str) -> None:
        self._last_id = 0
        super().__init__(clock=UtcClock())
        # SimCord remembers every request and event for assertions; here they would pile up.
        self.transcript = cast("list[Any]", deque[Any](maxlen=0))
        self.http_requests = cast("list[Any]", deque[Any](maxlen=0))
        self.cdn: Cdn = Cdn(cdn_base)
        self.bot_user.name = BOT_NAME
        self.application_id = self.bot_user.id
        self.people: dict[int, Person] = {}
        self.whisperers: list[Whisper] = []
        self.departures: list[Callable[[int], None]] = []
        self.nonce: str | int | None = None
        """Stands on the next message the bot makes; set for the length of one request."""
        self.nonces: deque[tuple[float, str, Message]] = deque()
        """Nonces the bot used lately, with the time on the monotonic clock."""

    def _allocate_at(self, milliseconds: int) -> int:
        # SimCord keeps every id it ever gave; counting on from the last one needs no memory.
        self._last_id = max(milliseconds << 22, self._last_id + 1)
        return self._last_id

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell every subscriber, with what Discord adds and SimCord leaves out."""
        if event == "MESSAGE_CREATE" and self.nonce is not None:
            payload = {**payload, "nonce": self.nonce}
        elif event == "MESSAGE_REACTION_ADD":
            message = self.messages[int(payload["channel_id"])].get(int(payload["message_id"]))
            if message is not None:
                payload = {**payload, "message_author_id": str(message.author_id)}
        elif event == "TYPING_START":
            payload = {**payload, "timestamp": int(time.time())}
        super().emit(event, payload)

    # Guilds

    def found_guild(self, name: str, *, locale: str = "en-US") -> Guild:
        """Create a guild with the bot in it, owned by somebody who never acts."""
        owner = self.make_user("owner", global_name="Owner")
        guild = Guild(id=self.snowflake(), name=name, owner_id=owner.id, preferred_locale=locale)
        guild.roles[guild.id] = Role(
            id=guild.id, name="@everyone", permissions=DEFAULT_EVERYONE_PERMISSIONS, position=0
        )
        self.guilds[guild.id] = guild
        self.add_member(guild.id, owner.id)
        self.admit_bot(guild.id)
        return guild

    def admit_bot(self, guild_id: int) -> None:
        """Let the bot in with the permissions of its invite; it sees GUILD_CREATE."""
        guild = self.get_guild(guild_id)
        if self.bot_user.id in guild.members:
            return
        role = next((role for role in guild.roles.values() if role.managed), None)
        if role is None:
            role = Role(
                id=self.snowflake(),
                name=self.bot_user.name,
                permissions=BOT_PERMISSIONS.value,
                position=max(role.position for role in guild.roles.values()) + 1,
                managed=True,
            )
            guild.roles[role.id] = role
        self.add_member(guild_id, self.bot_user.id, roles=[role.id])
        payload = dict(serializers.guild_create_payload(self, guild))
        del payload["unavailable"]  # by its absence discord.py tells joining from coming online
        self.emit("GUILD_CREATE", payload)

    def dismiss_bot(self, guild_id: int) -> None:
        """Take the bot out of a guild, which goes on existing for the people in it."""
        guild = self.get_guild(guild_id)
        if self.bot_user.id not in guild.members:
            raise errors.unknown_member()
        self.commands.pop(guild_id, None)
        self.remove_member(guild_id, self.bot_user.id)
        for listener in self.departures:
            listener(guild_id)

    def crown(self, guild_id: int, user_id: int) -> None:
        """Make a member the owner, in place of whoever was."""
        guild = self.get_guild(guild_id)
        former, guild.owner_id = guild.owner_id, user_id
        if former not in self.people and former in guild.members:
            self.remove_member(guild_id, former)
        self.emit("GUILD_UPDATE", serializers.guild_create_payload(self, guild))

    # Messages

    def commit_message(self, message: Message, *, broadcast: bool = True) -> Message:
        """Publish a message: embeds show its uploads, an ephemeral one goes to its receiver."""
        show_uploads_in_embeds(message)
        thread = self.get_channel(message.channel_id)
        if thread.thread_metadata is not None and thread.thread_metadata.archived:
            thread.thread_metadata.archived = False
            self.announce_channel_update(thread.id)
        committed = super().commit_message(message, broadcast=broadcast)
        if message.is_ephemeral:
            self._whisper("MESSAGE_CREATE", message)
        return committed

    def edit_message(self, channel_id: int, message_id: int, fields: dict[str, Any]) -> Message:
        """Change a message; files it no longer shows are forgotten."""
        before = self.get_message(channel_id, message_id)
        shown, was_loading = media_urls(before), bool(before.flags & 1 << 7)
        if "attachments" in fields or "embeds" in fields:
            preview = Message(
                id=0,
                channel_id=channel_id,
                author_id=0,
                embeds=list(fields.get("embeds", before.embeds) or []),
                attachments=list(fields.get("attachments", before.attachments) or []),
            )
            show_uploads_in_embeds(preview)
            fields = {**fields, "embeds": preview.embeds, "attachments": preview.attachments}
        message = super().edit_message(channel_id, message_id, fields)
        if was_loading:
            message.edited_timestamp = None
        self.cdn.forget(shown - media_urls(message))
        if message.is_ephemeral:
            self._whisper("MESSAGE_UPDATE", message)
        return message

    def delete_message(self, channel_id: int, message_id: int) -> None:
        """Delete one message and its files."""
        message = self.get_message(channel_id, message_id)
        super().delete_message(channel_id, message_id)
        self.cdn.forget(media_urls(message))
        if message.is_ephemeral:
            self._whisper("MESSAGE_DELETE", message)

    def bulk_delete_messages(self, channel_id: int, message_ids: Iterable[int]) -> list[int]:
        """Delete several messages, announced as one event, and their files."""
        ids = list(message_ids)
        store = self.messages.get(channel_id, {})
        shown = [media_urls(store[message_id]) for message_id in ids if message_id in store]
        deleted = super().bulk_delete_messages(channel_id, ids)
        self.cdn.forget(set[str]().union(*shown))
        return deleted

    def set_pinned(
        self, channel_id: int, message_id: int, pinned: bool, *, actor_id: int | None = None
    ) -> None:
        """Pin or unpin; like Discord, this also says MESSAGE_UPDATE."""
        message = self.get_message(channel_id, message_id)
        if message.pinned == pinned:
            return
        if pinned:
            held = sum(other.pinned for other in self.messages[channel_id].values())
            if held >= PIN_LIMIT:
                raise errors.BackendError(
                    400, 30003, f"Maximum number of pinned messages reached ({PIN_LIMIT})."
                )
        super().set_pinned(channel_id, message_id, pinned, actor_id=actor_id)
        self.emit("MESSAGE_UPDATE", dict(serializers.message_payload(self, message)))

    def _whisper(self, event: str, message: Message) -> None:
        for listener in self.whisperers:
            listener(event, message)

    def get_dm_channel(self, user_id: int) -> Channel:
        """Return the bot's channel with somebody; its first opening is announced."""
        known = user_id in self.dm_channels
        channel = super().get_dm_channel(user_id)
        if not known:
            self.emit("CHANNEL_CREATE", serializers.channel_payload(self, channel))
        return channel

    def add_thread_member(self, thread_id: int, user_id: int) -> Channel:
        """Let somebody into a thread; a private one becomes known to them only now."""
        thread = self.get_thread(thread_id)
        known = user_id in thread.thread_members or thread.type != ChannelType.PRIVATE_THREAD
        super().add_thread_member(thread_id, user_id)
        if not known:
            self.emit("THREAD_CREATE", serializers.channel_payload(self, thread))
        return thread

    def create_thread(
        self,
        parent_id: int,
        name: str,
        owner_id: int,
        *,
        type: int = ChannelType.PUBLIC_THREAD,  # noqa: A002  SimCord's name
        auto_archive_duration: int = 1440,
        message_id: int | None = None,
        applied_tags: Iterable[int] = (),
        broadcast: bool = True,
    ) -> Channel:
        """Start a thread; only a public one without a message gets a line in its parent."""
        line = broadcast and message_id is None and type != ChannelType.PRIVATE_THREAD
        thread = super().create_thread(
            parent_id,
            name,
            owner_id,
            type=type,
            auto_archive_duration=auto_archive_duration,
            message_id=message_id,
            applied_tags=applied_tags,
            broadcast=line,
        )
        if broadcast and not line:
            self.announce_thread_create(thread)
        return thread

    # Interactions

    def new_interaction(
        self,
        type: int,  # noqa: A002  SimCord's name, and it is given by name
        channel_id: int,
        user_id: int,
        guild_id: int | None,
    ) -> Interaction:
        """Open an interaction's record; those whose token ran out are dropped."""
        oldest = self.snowflake() - (int(INTERACTION_LIFE.total_seconds() * 1000) << 22)
        while self.interactions and (stale := next(iter(self.interactions))) < oldest:
            self.interaction_tokens.pop(self.interactions.pop(stale).token, None)
        return super().new_interaction(type, channel_id, user_id, guild_id)

    # Sight

    def bot_sees(self, event: str, payload: Mapping[str, Any]) -> bool:
        """Whether the bot's place in the guild and its permissions let it hear of this."""
        guild_id = guild_of(event, payload)
        if guild_id is None and event == "CHANNEL_CREATE":
            return False  # bots aren't told of direct messages being opened
        if guild_id is not None:
            guild = self.guilds.get(guild_id)
            if guild is None or self.bot_user.id not in guild.members:
                return False
        channel_id = payload.get("channel_id")
        if event.startswith("THREAD_") and channel_id is None:
            channel_id = payload.get("id")
        if channel_id is None or int(channel_id) not in self.channels:
            return True
        if event.startswith(("INTERACTION_", "GUILD_", "VOICE_")):
            return True  # these tell of a channel without letting anybody look into it
        return channel_accessible(self, int(channel_id), self.bot_user.id)


def guild_of(event: str, payload: Mapping[str, Any]) -> int | None:
    """Return the guild an event belongs to; None in direct messages."""
    guild_id = payload.get("guild_id")
    if guild_id is None and event in {"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"}:
        guild_id = payload.get("id")
    return None if guild_id is None else int(guild_id)
