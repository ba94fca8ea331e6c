"""The composition root: the one file that knows every room."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

import discord
import structlog

from bot.archive import Archive
from bot.client import StudyBot
from bot.database import Database
from bot.drawing import DrawingWorker
from bot.guilds import GuildService
from bot.lab import Catalogue, HostSettings, open_lab
from bot.lab.drivers import ContainerDriver, GuestDriver, connect, connect_guests
from bot.notes import AnswerImport, Fetcher, Notes, Watches
from bot.questions import Answers, Asking, Intake, Queue, Views, Votes
from bot.recordings import (
    Consents,
    Keeping,
    RecordingFiles,
    RecordingService,
    Retention,
    load_signer,
    read_clocks,
)
from bot.sessions import QUIET, RETURNED, SessionService
from bot.settings import Settings
from bot.timeline import Dispatcher, Timeline
from bot.usage import Usage, report_section
from cogs.archive import ArchiveCog, Parts, SessionSets
from cogs.catch_up import CatchUp
from cogs.courier import Courier
from cogs.kit import Services, is_trouble
from cogs.lab import (
    ContainersCog,
    ImagesCog,
    LabCards,
    LabCog,
    LabLetters,
    SshKeysCog,
    VmCog,
)
from cogs.life import LifeCog
from cogs.live import LiveMessages
from cogs.moving import Moving
from cogs.notes import NotesCog, NotesLetters, NotesPublisher
from cogs.questions import Listener, QuestionsCog, message_menus
from cogs.questions.board import Faces
from cogs.recordings import (
    ConsentMessages,
    RecordingLetters,
    RecordingPosts,
    RecordingsCog,
    RecordingsPart,
)
from cogs.sessions import SessionsCog
from cogs.sessions.wind_up import Announcements, WindUp
from cogs.setup import SetupCog
from cogs.usage import ReportPart, Reports, Shortages, Tops, UsageCog

log = structlog.get_logger(__name__)

_THREAD_THERE = 160004


@dataclass(frozen=True, slots=True)
class App:
    """Everything, put together."""

    settings: Settings
    database: Database
    client: StudyBot
    services: Services
    drawing: DrawingWorker
    catch_up: CatchUp
    cards: LabCards
    retention: Retention
    recording_posts: RecordingPosts
    recordings_part: RecordingsPart
    tops: Tops
    shortages: Shortages


@contextlib.asynccontextmanager
async def build(
    settings: Settings,
    *,
    connect: Callable[[HostSettings], ContainerDriver] = connect,
    connect_guests: Callable[[HostSettings], GuestDriver] = connect_guests,
) -> AsyncGenerator[App]:
    """Open the database and put the rooms together; nothing runs yet.

    `connect` makes the driver of a lab host, `connect_guests` that of its hypervisor.

    Raises:
        DatabaseUnusable, BadLabFile: the database or lab.toml needs a look first.
    """
    catalogue = await asyncio.to_thread(_catalogue, settings)
    database = await Database.open(settings.database_path)
    drawing = DrawingWorker()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        stack.push_async_callback(drawing.close)
        client = StudyBot(database)
        timeline = Timeline(database)
        guilds = GuildService(timeline, settings)
        sessions = SessionService(timeline, guilds)
        lab = await stack.enter_async_context(
            open_lab(
                timeline,
                guilds,
                sessions,
                catalogue,
                connect,
                connect_guests,
                in_playground=settings.in_playground,
                data=settings.study_bot_data,
            )
        )
        usage = Usage(timeline, lab, guilds, drawing)
        stack.push_async_callback(usage.close)
        notes = Notes(timeline, guilds, sessions)
        fetcher = Fetcher(settings.notes_hosts)
        consents = Consents(timeline, guilds, sessions)
        files = RecordingFiles(
            settings.recordings_path,
            settings.uploads_path,
            settings.study_bot_recording_upload_mb * 1024 * 1024,
        )
        signer = await asyncio.to_thread(load_signer, settings.study_bot_data)
        recordings = RecordingService(
            timeline,
            guilds,
            sessions,
            consents,
            files,
            signer,
            read_clocks,
            is_served=settings.web_url is not None,
        )
        answers = Answers(timeline, sessions)
        queue = Queue(timeline, sessions)
        moving = Moving(timeline.clock)
        stack.push_async_callback(moving.close)
        services = Services(
            settings=settings,
            timeline=timeline,
            dispatcher=Dispatcher(timeline, is_trouble),
            guilds=guilds,
            sessions=sessions,
            intake=Intake(timeline, guilds, sessions),
            asking=Asking(timeline, guilds, sessions),
            queue=queue,
            views=Views(timeline),
            votes=Votes(timeline),
            answers=answers,
            archive=Archive(timeline, guilds, settings),
            notes=notes,
            fetcher=fetcher,
            watches=Watches(timeline, notes, fetcher),
            answer_import=AnswerImport(timeline, notes, answers, queue),
            consents=consents,
            recordings=recordings,
            keeping=Keeping(timeline, sessions, consents),
            lab=lab,
            usage=usage,
            drawing=drawing,
            live=LiveMessages(timeline, timeline.clock, client.get_partial_messageable),
            moving=moving,
            clock=timeline.clock,
            channel=client.get_partial_messageable,
            parent_of=_parents(client),
            open_thread=_threads(client),
            own_id=lambda: client.user.id if client.user else 0,
            client=lambda: client,
        )
        listener = Listener(services)
        catch_up = CatchUp(services, listener)
        publisher = NotesPublisher(services)
        lab_cog = LabCog(services)
        sets = SessionSets(services)
        Parts(services).add_to(sets)
        recordings_part = RecordingsPart(services)
        sets.add_part(recordings_part.section, recordings_part.marks)
        ReportPart(services).add_to(sets)
        services.archive.add_section(report_section)
        client.services = services
        client.cogs_to_load = [
            listener,
            SessionsCog(services, sets),
            QuestionsCog(services),
            SetupCog(services),
            ArchiveCog(services),
            ImagesCog(services),
            ContainersCog(services),
            lab_cog,
            UsageCog(services, lab_cog.group),
            VmCog(services),
            SshKeysCog(services),
            NotesCog(services, publisher),
            RecordingsCog(services),
            LifeCog(services, catch_up),
        ]
        client.message_listener = listener.on_message
        client.menus = message_menus()
        cards = LabCards(services)
        services.live.add_kind(cards.kind())
        tops = Tops(services)
        services.live.add_kind(tops.kind())
        shortages = Shortages(services)
        services.live.add_kind(shortages.kind())
        posts = RecordingPosts(services)
        _wire(services, publisher, sets)
        retention = Retention(timeline, files, read_clocks)
        _wire_recordings(services, posts, retention)
        await guilds.load()
        await sessions.load()
        await posts.load()
        yield App(
            settings,
            database,
            client,
            services,
            drawing,
            catch_up,
            cards,
            retention,
            posts,
            recordings_part,
            tops,
            shortages,
        )


def _catalogue(settings: Settings) -> Catalogue:
    path = settings.study_bot_lab
    return Catalogue.load(path) if path.exists() else Catalogue.none(path)


def _wire(services: Services, publisher: NotesPublisher, sets: SessionSets) -> None:
    """Connect the timeline to those who act on it."""
    for kind in Faces(services).kinds():
        services.live.add_kind(kind)
    announcements = Announcements(services)
    courier = Courier(
        services.channel,
        services.own_id,
        {
            QUIET: announcements.quiet,
            RETURNED: announcements.returned,
            **LabLetters(services).renderers(),
            **NotesLetters(services).renderers(),
            **RecordingLetters(services).renderers(),
        },
    )
    services.dispatcher.add_listener(services.live.on_event)
    services.dispatcher.add_listener(services.lab.directory.on_event)
    services.dispatcher.add_listener(services.usage.on_event)
    services.dispatcher.add_consumer(courier.consumer())
    wind_up = WindUp(services, sets)
    services.live.add_kind(wind_up.kind())
    services.live.add_kind(sets.kind())
    services.dispatcher.add_consumer(wind_up.consumer())
    services.dispatcher.add_consumer(Reports(services).consumer())
    services.dispatcher.add_consumer(services.lab.keeper.consumer())
    for consumer in publisher.consumers():
        services.dispatcher.add_consumer(consumer)


def _wire_recordings(services: Services, posts: RecordingPosts, retention: Retention) -> None:
    """Connect what recordings show to the timeline."""
    for kind in (*posts.kinds(), ConsentMessages(services).kind()):
        services.live.add_kind(kind)
    services.dispatcher.add_listener(retention.on_event)


def _parents(client: StudyBot) -> Callable[[int | None, int], int | None]:
    def parent_of(guild_id: int | None, channel_id: int) -> int | None:
        guild = client.get_guild(guild_id) if guild_id is not None else None
        thread = guild.get_thread(channel_id) if guild is not None else None
        return thread.parent_id if thread is not None else None

    return parent_of


def _threads(client: StudyBot) -> Callable[[int, int, str, bool, int | None], Awaitable[int]]:
    async def open_thread(
        guild_id: int, channel_id: int, name: str, look_first: bool, message_id: int | None
    ) -> int:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.TextChannel):
            raise TypeError(f"channel {channel_id} of guild {guild_id} holds no threads")
        if message_id is not None:
            with contextlib.suppress(discord.NotFound):  # It was deleted just now.
                return await _at_message(channel, message_id, name)
        if look_first:
            for thread in channel.threads:
                if thread.name == name and client.user and thread.owner_id == client.user.id:
                    return thread.id
        thread = await channel.create_thread(name=name, type=discord.ChannelType.public_thread)
        return thread.id

    return open_thread


async def _at_message(channel: discord.TextChannel, message_id: int, name: str) -> int:
    """Open a thread at a message; an interrupted try may have done so."""
    try:
        thread = await channel.get_partial_message(message_id).create_thread(name=name)
    except discord.HTTPException as error:
        if error.code != _THREAD_THERE:
            raise
        return message_id  # A message's thread has its id.
    return thread.id
