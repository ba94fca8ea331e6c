"""What every cog needs: the services, who acted, in which words, and how errors are told."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import discord
import structlog
from discord import app_commands, ui

from bot.archive import Archive
from bot.database import is_busy
from bot.drawing import DrawingWorker
from bot.errors import N_, NotAllowed, StudyBotError
from bot.guilds import LEADS, GuildService, Person
from bot.lab import Lab
from bot.localization import Words, locale_of, words
from bot.notes import AnswerImport, Fetcher, Notes, Watches
from bot.questions import Answers, Asking, Intake, Queue, Views, Votes
from bot.recordings import Consents, Keeping, RecordingService
from bot.sessions import Session, SessionService
from bot.settings import Settings
from bot.timeline import Dispatcher, Timeline
from bot.usage import Usage
from cogs.text import clip

if TYPE_CHECKING:
    from cogs.live import LiveMessages
    from cogs.moving import Moving

log = structlog.get_logger(__name__)

T = app_commands.locale_str

# A message takes 2,000 characters.
_LONGEST = 1900
_LONGEST_PART = 300

Interaction = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class Services:
    """What the cogs may call; put together in `bot.app`."""

    settings: Settings
    timeline: Timeline
    dispatcher: Dispatcher
    guilds: GuildService
    sessions: SessionService
    intake: Intake
    asking: Asking
    queue: Queue
    views: Views
    votes: Votes
    answers: Answers
    archive: Archive
    notes: Notes
    fetcher: Fetcher
    watches: Watches
    answer_import: AnswerImport
    consents: Consents
    recordings: RecordingService
    keeping: Keeping
    lab: Lab
    usage: Usage
    drawing: DrawingWorker
    live: "LiveMessages"
    moving: "Moving"
    clock: Callable[[], datetime]
    # What of Discord's own state the cogs need to know.
    channel: Callable[[int], discord.PartialMessageable]
    parent_of: Callable[[int | None, int], int | None]
    # (guild, channel, name, look for it first, the message to open it at) → the thread's id
    open_thread: Callable[[int, int, str, bool, int | None], Awaitable[int]]
    own_id: Callable[[], int]
    client: Callable[[], discord.Client]


def services_of(interaction: Interaction) -> Services:
    """Return the services of the client an interaction came to."""
    return cast("Services", interaction.client.services)


class GuildOnly(NotAllowed):
    """Used outside a guild."""

    message = N_("This works only in a server.")


def person_of(user: discord.Member | discord.User | discord.abc.User) -> Person:
    """Describe who acted, as the services know people."""
    if not isinstance(user, discord.Member):
        return Person(user.id, user.display_name)
    permissions = user.guild_permissions
    return Person(
        id=user.id,
        name=user.display_name,
        role_ids=frozenset(role.id for role in user.roles),
        manages_messages=permissions.manage_messages or permissions.administrator,
        manages_guild=permissions.manage_guild or permissions.administrator,
        joined_at=user.joined_at,
    )


def guild_id_of(interaction: Interaction) -> int:
    """Return where an interaction happened.

    Raises:
        GuildOnly: outside a guild.
    """
    if interaction.guild_id is None:
        raise GuildOnly
    return interaction.guild_id


def channel_ids_of(channel: Any) -> tuple[int, int | None]:
    """Return a channel's id and, for a thread, its parent's."""
    parent = channel.parent_id if isinstance(channel, discord.Thread) else None
    return channel.id, parent


def session_here(interaction: Interaction) -> Session:
    """Return the open session of the channel, its threads, or the staff's own channel.

    Raises:
        NoSession: none is open.
    """
    services = services_of(interaction)
    channel_id, parent_id = channel_ids_of(interaction.channel)
    session = services.sessions.at(channel_id, parent_id)
    if session is not None and session.is_open:
        return session
    guild_id = guild_id_of(interaction)
    staff = services.guilds.get(guild_id).staff_channel_id
    opened = services.sessions.open_sessions(guild_id)
    if staff in (channel_id, parent_id) and len(opened) == 1:
        return opened[0]
    return services.sessions.require(channel_id, parent_id)


def leads_here(interaction: Interaction) -> bool:
    """Say whether somebody runs the talk here, over or not, or moderates the server."""
    services = services_of(interaction)
    session = services.sessions.at(*channel_ids_of(interaction.channel))
    speakers = session.speaker_ids if session is not None else ()
    guild = services.guilds.get(guild_id_of(interaction))
    return bool(guild.roles_of(person_of(interaction.user), speakers) & LEADS)


def words_for(interaction: Interaction) -> Words:
    """Return the words for a private reply: the person's own language."""
    return words(locale_of(interaction.locale))


def words_of_guild(services: Services, guild_id: int) -> Words:
    """Return the words for what everybody sees: the guild's language."""
    return words(services.guilds.get(guild_id).locale)


# An interaction that expired, and one that was answered already (by a try that seemed to fail).
_TOO_LATE = frozenset({10062, 40060})


def is_too_late(error: Exception) -> bool:
    """Say whether an interaction can't be answered any more."""
    return isinstance(error, discord.HTTPException) and error.code in _TOO_LATE


def is_trouble(error: Exception) -> bool:
    """Say whether a request may well succeed later: no answer, too many, Discord in trouble."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, aiohttp.ClientError | OSError)


# Discord takes an answer for three seconds; the rest is for the way there.
_LATE_SECONDS = 1.5


@contextlib.asynccontextmanager
async def in_time(interaction: Interaction, *, in_place: bool = False) -> AsyncGenerator[None]:
    """Do inside what is only sometimes slow (a write on a busy disk), and answer afterwards.

    `in_place`: it is a form that gives the message whose button opened it a new look.

    What was asked for is done in any case: an answer that Discord no longer takes would say that
    the bot did not respond, and have it done again. So Discord is told in time to wait for it;
    `tell` and `show_there` know.
    """
    is_over = asyncio.Event()
    in_place = in_place or interaction.type is discord.InteractionType.component
    waiting = asyncio.create_task(_ask_for_patience(interaction, is_over, in_place=in_place))
    try:
        yield
    finally:
        is_over.set()
        await waiting


async def _ask_for_patience(
    interaction: Interaction, is_over: asyncio.Event, *, in_place: bool
) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LATE_SECONDS):
            await is_over.wait()
            return
    if interaction.response.is_done():
        return
    try:
        if in_place:
            # The answer may be the message it came from, with a new look.
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as problem:
        # The answer itself finds out, and tells, what is wrong.
        log.warning("could not ask for patience", error=str(problem))


async def show_there(interaction: Interaction, **look: Any) -> None:
    """Have the message whose control was pressed look like that."""
    if interaction.response.is_done():
        await interaction.edit_original_response(**look)
    else:
        await interaction.response.edit_message(**look)


async def tell(
    interaction: Interaction,
    text: str | None = None,
    *,
    view: ui.View | ui.LayoutView | None = None,
    file: discord.File | None = None,
) -> None:
    """Answer privately, whether or not the interaction was answered before."""
    what: dict[str, Any] = {"content": text, "view": view, "file": file}
    given = {name: value for name, value in what.items() if value is not None}
    if interaction.response.is_done():
        await interaction.followup.send(ephemeral=True, **given)
    else:
        await interaction.response.send_message(ephemeral=True, **given)


async def report(interaction: Interaction, error: Exception) -> None:
    """Tell the person what went wrong, in their language; keep the rest for the log.

    The one place where errors become sentences: commands, buttons and forms all end here.
    """
    while isinstance(
        error, app_commands.CommandInvokeError | app_commands.TransformerError
    ) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    command = interaction.command.qualified_name if interaction.command else interaction.type.name
    if is_too_late(error):
        log.warning("too late to answer", command=command, error=str(error))
        return
    text = _sentence(error, words_for(interaction), command, interaction.guild_id)
    try:
        await tell(interaction, text)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as problem:
        # Too late to answer (the token is gone): the log is all that is left.
        log.warning("could not tell", command=command, text=text, error=str(problem))


def _of_ours(error: StudyBotError, _: Words) -> str:
    """Write a refusal; what somebody typed may be longer than any message."""
    params = {
        name: clip(value, _LONGEST_PART) if isinstance(value, str) else value
        for name, value in error.params.items()
    }
    return clip(_(error.message, **params), _LONGEST)


def _sentence(error: Exception, _: Words, command: str, guild_id: int | None) -> str:
    if isinstance(error, StudyBotError):
        why = clip(str(error), _LONGEST)
        log.info("refused", command=command, guild_id=guild_id, why=why)
        return _of_ours(error, _)
    if isinstance(error, app_commands.AppCommandError) and (text := _of_command(error, _)):
        return text
    if isinstance(error, discord.Forbidden):
        log.warning("forbidden", command=command, guild_id=guild_id, error=str(error))
        return _("I lack a permission for that here. A moderator can see with /setup which one.")
    if is_trouble(error):
        log.warning("discord in trouble", command=command, error=repr(error))
        return _(
            "Discord is having trouble: I can't tell whether this was done. Please look, and try"
            " again in a moment."
        )
    if is_busy(error):
        log.warning("database held by another program", command=command, guild_id=guild_id)
        return _(
            "Another program holds the file I keep everything in, so this was not done. Please try"
            " again in a minute. If it goes on, tell the one who runs this bot."
        )
    incident = secrets.token_hex(4)
    log.error("incident", incident=incident, command=command, exc_info=error)
    return _(
        "Something went wrong on my side, and this was not done. Please try again. If it"
        " happens again, tell the one who runs this bot: incident {incident}.",
        incident=incident,
    )


def _of_command(error: app_commands.AppCommandError, _: Words) -> str | None:
    if isinstance(error, app_commands.TransformerError):
        return _("I can't use “{value}”. Please check what you typed.", value=error.value)
    if isinstance(error, app_commands.NoPrivateMessage):
        return _(GuildOnly.message)
    if isinstance(error, app_commands.CheckFailure):
        return _("You don't have the permission for this here.")
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return _("This command has changed. Please reload Discord and try again.")
    return None


class Form(ui.Modal):
    """A modal whose errors are told like everybody else's."""

    def __init__(self, title: str) -> None:
        super().__init__(title=title[:45], timeout=900)

    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:
        """Tell the person."""
        await report(interaction, error)


class Card(ui.LayoutView):
    """A short-lived private view (15 minutes at most); errors are told."""

    def __init__(self) -> None:
        super().__init__(timeout=840)

    async def on_error(
        self, interaction: Interaction, error: Exception, _item: ui.Item[Any], /
    ) -> None:
        """Tell the person."""
        await report(interaction, error)
