"""The composition root: the one file that knows every room."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import discord
import discord.gateway
import discord.http
import structlog
import yarl

from bot.archive import Archive
from bot.client import IntentMissing, StudyBot, TokenRefused
from bot.database import Database, utc_now
from bot.drawing import DrawingWorker
from bot.errors import N_, OperatorError
from bot.guilds import GuildService
from bot.lab import Catalogue, HostSettings, Lab, open_lab
from bot.lab.drivers import ContainerDriver, connect
from bot.notes import AnswerImport, Fetcher, Notes, Watches
from bot.process import Locks, show_alive
from bot.questions import Answers, Asking, Intake, Queue, Views, Votes
from bot.sessions import QUIET, RETURNED, SessionService
from bot.settings import Settings
from bot.supervisor import Supervisor
from bot.timeline import Dispatcher, Timeline, drop_old_deliveries
from cogs.archive import ArchiveCog
from cogs.catch_up import CatchUp
from cogs.courier import Courier
from cogs.kit import Services, is_trouble
from cogs.lab import ContainersCog, ImagesCog, LabCards, LabCog, LabLetters
from cogs.life import LifeCog
from cogs.live import LiveMessages
from cogs.notes import NotesCog, NotesLetters, NotesPublisher
from cogs.questions import Listener, QuestionsCog, message_menus
from cogs.questions.board import Faces
from cogs.sessions import SessionsCog
from cogs.sessions.wind_up import Announcements, WindUp
from cogs.setup import SetupCog

log = structlog.get_logger(__name__)

_TICK_SECONDS = 20
_FLUSH_SECONDS = 5
_DAY_SECONDS = 86_400
_CLOSE_SECONDS = 8
_LEASES_SECONDS = 10
_RECONCILE_SECONDS = 15
_PROVE_SECONDS = 900
_IMAGES_SECONDS = 60
_WATCH_SECONDS = 5


class TokenMissing(OperatorError):
    """Nothing to log in with."""

    message = N_(
        "DISCORD_TOKEN is not set. Put DISCORD_TOKEN=… into .env or the environment; the README"
        " says where the token comes from. To try the bot without one: study-bot playground."
    )


class DiscordUnreachable(OperatorError):
    """No connection at the start."""

    message = N_("Discord can't be reached ({why}). Check this machine's network and try again.")
    exit_status = 1


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


@contextlib.asynccontextmanager
async def build(
    settings: Settings, *, connect: Callable[[HostSettings], ContainerDriver] = connect
) -> AsyncGenerator[App]:
    """Open the database and put the rooms together; nothing runs yet.

    `connect` makes the driver of a lab host.

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
                in_playground=settings.in_playground,
            )
        )
        notes = Notes(timeline, guilds, sessions)
        fetcher = Fetcher(settings.notes_hosts)
        answers = Answers(timeline, sessions)
        queue = Queue(timeline, sessions)
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
            lab=lab,
            drawing=drawing,
            live=LiveMessages(timeline, timeline.clock, client.get_partial_messageable),
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
        client.services = services
        client.cogs_to_load = [
            listener,
            SessionsCog(services),
            QuestionsCog(services),
            SetupCog(services),
            ArchiveCog(services),
            ImagesCog(services),
            ContainersCog(services),
            LabCog(services),
            NotesCog(services, publisher),
            LifeCog(services, catch_up),
        ]
        client.message_listener = listener.on_message
        client.menus = message_menus()
        cards = LabCards(services)
        services.live.add_kind(cards.kind())
        _wire(services, publisher)
        await guilds.load()
        await sessions.load()
        yield App(settings, database, client, services, drawing, catch_up, cards)


def _catalogue(settings: Settings) -> Catalogue:
    path = settings.study_bot_lab
    return Catalogue.load(path) if path.exists() else Catalogue.none(path)


def _wire(services: Services, publisher: NotesPublisher) -> None:
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
        },
    )
    services.dispatcher.add_listener(services.live.on_event)
    services.dispatcher.add_listener(services.lab.directory.on_event)
    services.dispatcher.add_consumer(courier.consumer())
    wind_up = WindUp(services)
    services.live.add_kind(wind_up.kind())
    services.dispatcher.add_consumer(wind_up.consumer())
    services.dispatcher.add_consumer(services.lab.keeper.consumer())
    for consumer in publisher.consumers():
        services.dispatcher.add_consumer(consumer)


def _parents(client: StudyBot) -> Callable[[int | None, int], int | None]:
    def parent_of(guild_id: int | None, channel_id: int) -> int | None:
        guild = client.get_guild(guild_id) if guild_id is not None else None
        thread = guild.get_thread(channel_id) if guild is not None else None
        return thread.parent_id if thread is not None else None

    return parent_of


def _threads(client: StudyBot) -> Callable[[int, int, str, bool], Awaitable[int]]:
    async def open_thread(guild_id: int, channel_id: int, name: str, look_first: bool) -> int:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.TextChannel):
            raise TypeError(f"channel {channel_id} of guild {guild_id} holds no threads")
        if look_first:
            for thread in channel.threads:
                if thread.name == name and client.user and thread.owner_id == client.user.id:
                    return thread.id
        thread = await channel.create_thread(name=name, type=discord.ChannelType.public_thread)
        return thread.id

    return open_thread


async def run(settings: Settings) -> None:
    """Run the bot until SIGINT or SIGTERM.

    Raises:
        OperatorError: it can't start; says what to do.
    """
    token = settings.discord_token
    if token is None:
        raise TokenMissing
    redirect(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with Locks(settings.study_bot_data, token.get_secret_value()):
        async with build(settings) as app:
            await _serve(app, token.get_secret_value(), stop)


async def _serve(app: App, token: str, stop: asyncio.Event) -> None:
    supervisor = Supervisor()
    services = app.services
    connection = asyncio.create_task(_connect(app.client, token), name="discord")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    ready = asyncio.create_task(app.client.wait_until_first_ready(), name="ready")
    try:
        if len(services.lab.hosts):
            # Beside the log-in: the first command must not find machines that nobody asked yet.
            supervisor.start("lab hosts", services.lab.hosts.run)
        await asyncio.wait({connection, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not stop.is_set():
            await services.live.start()
            supervisor.start("dispatcher", services.dispatcher.run)
            supervisor.every("sessions", _TICK_SECONDS, services.sessions.tick)
            supervisor.every("mutes", _TICK_SECONDS, services.guilds.lift_expired_mutes)
            supervisor.every("marks", _FLUSH_SECONDS, services.sessions.flush)
            supervisor.every("watched notes", _WATCH_SECONDS, services.watches.tick)
            supervisor.every("search index", _TICK_SECONDS, services.archive.catch_up)
            _keep_lab(supervisor, services.lab, app.cards)
            supervisor.every("forget", _DAY_SECONDS, lambda: _forget(services))
            supervisor.start("alive", lambda: show_alive(app.settings.study_bot_data / "alive"))
            log.info("ready", user=str(app.client.user), guilds=len(app.client.guilds))
            await asyncio.wait({connection, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            await connection
    finally:
        ready.cancel()
        stopping.cancel()
        await supervisor.stop()
        await services.live.stop()
        if not app.client.is_closed():
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, discord.DiscordException):
                await asyncio.wait_for(app.client.close(), _CLOSE_SECONDS)
        connection.cancel()
        with contextlib.suppress(asyncio.CancelledError, OperatorError, Exception):
            await connection
        await services.sessions.flush()
        log.info("stopped")


def _keep_lab(supervisor: Supervisor, lab: Lab, cards: LabCards) -> None:
    """Run what the lab does by itself; nothing where there is no lab."""
    if not len(lab.hosts):
        return
    supervisor.start("lab queue", lab.launcher.run)
    supervisor.start("lab cards", cards.run)
    supervisor.every("lab images", _IMAGES_SECONDS, lab.images.refresh_names)
    supervisor.every("lab leases", _LEASES_SECONDS, lab.keeper.tick)
    supervisor.every("lab hosts in step", _RECONCILE_SECONDS, lab.keeper.reconcile_all)
    supervisor.every("lab proofs", _PROVE_SECONDS, lambda: lab.proving.prove_all(lab.hosts))


async def _connect(client: StudyBot, token: str) -> None:
    try:
        await client.start(token)
    except discord.PrivilegedIntentsRequired as error:
        raise IntentMissing from error
    except discord.LoginFailure as error:
        raise TokenRefused from error
    except discord.ConnectionClosed as error:
        if error.code == 4014:
            raise IntentMissing from error
        if error.code == 4004:
            raise TokenRefused from error
        raise
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise DiscordUnreachable(why=error) from error


async def _forget(services: Services) -> None:
    await services.archive.forget_old()
    before = utc_now() - timedelta(days=30)
    await services.timeline.database.write(drop_old_deliveries, before)


def redirect(settings: Settings) -> None:
    """Have discord.py speak to another server on this machine (the playground)."""
    if settings.study_bot_api_base is not None:
        discord.http.Route.BASE = settings.study_bot_api_base
    if settings.study_bot_gateway is not None:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.study_bot_gateway)
    if settings.study_bot_cdn is not None:
        # Declared as a literal; the class reads it at each use all the same.
        setattr(discord.Asset, "BASE", settings.study_bot_cdn)  # noqa: B010
