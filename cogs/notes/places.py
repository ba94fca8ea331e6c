"""Where notes go: chosen by a person, by the server, or the talk's own channel."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

import discord
from discord import app_commands

from bot.errors import Term
from bot.localization import words
from bot.notes import Place, Plan
from bot.sessions import Session
from cogs.kit import Interaction, Services, services_of
from cogs.notes.errors import (
    NotYourPlace,
    PermissionLacking,
    PlaceGone,
    PlaceRefused,
    PrivatePlace,
    TagRequired,
    ThreadLocked,
)
from cogs.notes.render import TAG, thread_name
from cogs.permissions import PERMISSION_NAMES, missing

_TYPES = (
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.public_thread,
    discord.ChannelType.forum,
)
_CLOCK_SLACK = timedelta(seconds=30)
_WRITES = frozenset({"view_channel", "send_messages", "read_message_history"})
_NEEDED = {
    "channel": _WRITES,
    "thread": _WRITES | {"create_public_threads", "send_messages_in_threads"},
    "forum": _WRITES | {"send_messages_in_threads"},
}
_TAG_REQUIRED = 40067

Writable = discord.TextChannel | discord.Thread


class ChosenPlace(app_commands.Transformer):
    """A channel, thread or forum that the person may write in themselves."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """Discord's own chooser."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """What it offers."""
        return list(_TYPES)

    async def transform(self, _interaction: Interaction, value: Any, /) -> Place:
        """Return the place.

        Raises:
            PrivatePlace, NotYourPlace.
        """
        chosen = cast("app_commands.AppCommandChannel | app_commands.AppCommandThread", value)
        is_thread = isinstance(chosen, app_commands.AppCommandThread)
        if chosen.type is discord.ChannelType.private_thread:
            raise PrivatePlace
        held = chosen.permissions
        if not (held.send_messages_in_threads if is_thread else held.send_messages):
            raise NotYourPlace
        if isinstance(chosen, app_commands.AppCommandThread):
            return Place("channel", chosen.id, chosen.parent_id)
        if chosen.type is discord.ChannelType.forum:
            return Place("forum", chosen.id, chosen.id)
        return Place("channel", chosen.id, chosen.id)


async def place_for(
    interaction: Interaction, session: Session, chosen: Place | None
) -> Place | None:
    """Return where notes go that are posted now; None: where they stand."""
    services = services_of(interaction)
    if chosen is not None or await services.notes.get(session) is not None:
        return chosen
    guild = services.guilds.get(session.guild_id)
    server = interaction.guild
    known = server.get_channel(guild.notes_channel_id or 0) if server else None
    if isinstance(known, discord.ForumChannel):
        return Place("forum", known.id, known.id)
    if isinstance(known, discord.TextChannel):
        return Place("channel", known.id, known.id)
    if guild.rules.notes_thread and session.follow_up_id is not None:
        # One thread for all that belongs to the talk.
        return Place("channel", session.follow_up_id, session.channel_id)
    kind = "thread" if guild.rules.notes_thread else "channel"
    return Place(kind, session.channel_id, session.channel_id)


class Places:
    """Opens the place of a set: finds it, wakes it, makes it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def opened(self, plan: Plan, head: str) -> tuple[Writable, int | None]:
        """Return where to write; for a new post of a forum, also its first message.

        Raises:
            PlaceGone, ThreadLocked, TagRequired: said to whoever posts.
        """
        if plan.notes.channel_id is not None:
            known = await self._fetched(plan.notes.channel_id)
            if known is not None:
                return await _awake(known), None
            # A thread that was deleted is opened anew; a channel isn't ours to make.
            await self._services.notes.opened(plan, None)
        place = plan.notes.place
        parent = await self._fetched(place.channel_id)
        if parent is None:
            raise PlaceGone
        if place.kind == "channel":
            return await _awake(parent), None
        if isinstance(parent, discord.ForumChannel):
            thread = _already(parent.threads, plan, self._services.own_id())
            if thread is None:
                return await self._posted(parent, plan, head)
            async for first in thread.history(limit=1, oldest_first=True):
                return thread, first.id
            return thread, None
        if not isinstance(parent, discord.TextChannel):
            raise PlaceGone
        thread = _already(parent.threads, plan, self._services.own_id())
        if thread is None:
            thread = await parent.create_thread(
                name=thread_name(plan), type=discord.ChannelType.public_thread
            )
        return thread, None

    async def refused(self, plan: Plan, error: discord.Forbidden) -> Exception:
        """Return the sentence for something that Discord forbade."""
        place = plan.notes.place
        channel_id = plan.notes.channel_id or place.channel_id
        channel = await self._fetched(place.channel_id)
        if channel is None:
            return PlaceGone()
        held = channel.permissions_for(channel.guild.me)
        needed = _NEEDED[place.kind]
        if isinstance(channel, discord.Thread):
            needed = needed - {"send_messages"} | {"send_messages_in_threads"}
        if lacks := missing(held, needed):
            permission = Term(PERMISSION_NAMES[lacks[0]])
            return PermissionLacking(channel=channel_id, permission=permission)
        return PlaceRefused(channel=channel_id, why=error.text)

    async def _posted(
        self, forum: discord.ForumChannel, plan: Plan, head: str
    ) -> tuple[discord.Thread, int]:
        tags = _tags(forum.available_tags, plan.locale)
        if not tags and forum.flags.require_tag:
            raise TagRequired(channel=forum.id, tag=words(plan.locale)(TAG))
        try:
            made = await forum.create_thread(
                name=thread_name(plan), content=head, applied_tags=tags, suppress_embeds=True
            )
        except discord.HTTPException as error:
            if error.code == _TAG_REQUIRED:
                tag = words(plan.locale)(TAG)
                raise TagRequired(channel=forum.id, tag=tag) from error
            raise
        return made.thread, made.message.id

    async def _fetched(
        self, channel_id: int
    ) -> discord.TextChannel | discord.Thread | discord.ForumChannel | None:
        """Return a channel, also an archived thread; None where there is none to be seen."""
        client = self._services.client()
        try:
            channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        except (discord.NotFound, discord.Forbidden):
            return None
        if isinstance(channel, discord.TextChannel | discord.Thread | discord.ForumChannel):
            return channel
        return None


async def _awake(channel: Writable | discord.ForumChannel) -> Writable:
    """Unarchive a thread: nothing can be edited in it otherwise.

    Raises:
        ThreadLocked: only moderators may.
    """
    if isinstance(channel, discord.ForumChannel):
        raise PlaceGone
    if isinstance(channel, discord.Thread) and channel.archived:
        try:
            return await channel.edit(archived=False)
        except discord.Forbidden as error:
            raise ThreadLocked(channel=channel.id) from error
    return channel


def _already(threads: Sequence[discord.Thread], plan: Plan, own_id: int) -> discord.Thread | None:
    """Return the thread that an interrupted try opened for these notes."""
    since = plan.session.started_at - _CLOCK_SLACK
    for thread in threads:
        is_ours = thread.owner_id == own_id and thread.name == thread_name(plan)
        if is_ours and thread.created_at is not None and thread.created_at >= since:
            return thread
    return None


def _tags(available: Sequence[discord.ForumTag], locale: str) -> list[discord.ForumTag]:
    """Return a forum's tag for notes, if it has one that anybody may set."""
    wanted = {TAG.casefold(), words("ja")(TAG).casefold(), words(locale)(TAG).casefold()}
    found = [tag for tag in available if tag.name.casefold() in wanted and not tag.moderated]
    return found[:1]
