"""Runs what `bot.app` has put together: connects, has everything go on, and stops in order."""

import asyncio
import contextlib
import signal
from datetime import timedelta

import aiohttp
import discord
import discord.gateway
import discord.http
import structlog
import yarl

from bot.app import App, build
from bot.client import IntentMissing, StudyBot, TokenRefused
from bot.errors import N_, OperatorError
from bot.lab import Lab
from bot.moments import utc_now
from bot.process import Locks, allow_many_files, show_alive
from bot.settings import Settings
from bot.supervisor import Supervisor
from bot.timeline import drop_old_deliveries
from bot.usage import Health, LoopLag, Scrape
from bot.web import WebServer
from cogs.kit import Services
from cogs.lab import LabCards

log = structlog.get_logger(__name__)

_TICK_SECONDS = 20
_FLUSH_SECONDS = 5
_DAY_SECONDS = 86_400
_CLOSE_SECONDS = 8
_LEASES_SECONDS = 10
_RECONCILE_SECONDS = 15
_PROVE_SECONDS = 30
_IMAGES_SECONDS = 60
_WATCH_SECONDS = 5
_KEEP_USAGE_SECONDS = 10
_TIDY_USAGE_SECONDS = 600


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


async def run(settings: Settings) -> None:
    """Run the bot until SIGINT or SIGTERM.

    Raises:
        OperatorError: it can't start; says what to do.
    """
    token = settings.discord_token
    if token is None:
        raise TokenMissing
    redirect(settings)
    allow_many_files()
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
        if len(services.lab.guest_hosts):
            supervisor.start("lab hypervisors", services.lab.guest_hosts.run)
        await asyncio.wait({connection, stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and not stop.is_set():
            await services.live.start()
            await app.recording_posts.catch_up()
            await app.recordings_part.catch_up()
            supervisor.start("dispatcher", services.dispatcher.run)
            supervisor.every("sessions", _TICK_SECONDS, services.sessions.tick)
            supervisor.every("mutes", _TICK_SECONDS, services.guilds.lift_expired_mutes)
            supervisor.every("marks", _FLUSH_SECONDS, services.sessions.flush)
            supervisor.every("watched notes", _WATCH_SECONDS, services.watches.tick)
            supervisor.start("recordings", app.retention.run)
            supervisor.every("search index", _TICK_SECONDS, services.archive.catch_up)
            supervisor.start("web server", WebServer(app.settings, services.recordings).run)
            _keep_lab(supervisor, services.lab, app.cards)
            _keep_usage(supervisor, app)
            _offer_metrics(supervisor, app)
            supervisor.every("forget", _DAY_SECONDS, lambda: _forget(services))
            supervisor.start("alive", lambda: show_alive(app.settings.study_bot_data / "alive"))
            log.info("ready", user=str(app.client.user), guilds=len(app.client.guilds))
            await asyncio.wait({connection, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            await connection
    finally:
        app.database.hurry()
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
    if not (len(lab.hosts) or len(lab.guest_hosts)):
        return
    supervisor.start("lab queue", lab.launcher.run)
    supervisor.start("lab cards", cards.run)
    supervisor.every("lab images", _IMAGES_SECONDS, lab.images.refresh_names)
    supervisor.every("lab leases", _LEASES_SECONDS, lab.keeper.tick)
    supervisor.every("lab hosts in step", _RECONCILE_SECONDS, lab.keeper.reconcile_all)
    supervisor.every("lab proofs", _PROVE_SECONDS, lambda: lab.proving.prove_due(lab.hosts))
    supervisor.every(
        "lab guest proofs", _PROVE_SECONDS, lambda: lab.proving.prove_due(lab.guest_hosts)
    )


def _keep_usage(supervisor: Supervisor, app: App) -> None:
    """Have what the lab uses sampled, kept and shown; nothing where there is no lab."""
    lab = app.services.lab
    if not (len(lab.hosts) or len(lab.guest_hosts)):
        return
    usage = app.services.usage
    supervisor.start("usage", usage.run)
    supervisor.start("usage shown", app.tops.run)
    supervisor.start("lab room", app.shortages.run)
    supervisor.every("usage kept", _KEEP_USAGE_SECONDS, usage.keep)
    supervisor.every("usage tidied", _TIDY_USAGE_SECONDS, usage.tidy)


def _offer_metrics(supervisor: Supervisor, app: App) -> None:
    """Offer figures to Prometheus where the operator wants it."""
    place = app.settings.metrics_place
    if place is None:
        return
    lag, services = LoopLag(), app.services

    async def write() -> bytes:
        lab = services.lab
        calls = {
            (host.key, call): list(seconds)
            for host in (*lab.hosts, *lab.guest_hosts)
            for call, seconds in host.call_seconds.items()
        }
        health = Health(
            loop_lag_seconds=list(lag.seconds),
            gateway_latency_seconds=app.client.latency,
            waiting={
                "deliveries": services.dispatcher.waiting,
                "live messages": services.live.waiting,
                "launches": (await services.lab.standings.now(0)).waiting,
            },
            call_seconds=calls,
            failures=dict(supervisor.failures),
        )
        return await services.usage.metrics(health)

    supervisor.start("event loop lag", lag.run)
    supervisor.start("metrics", Scrape(*place, write).run)


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
        setattr(discord.Asset, "BASE", settings.study_bot_cdn)  # noqa: B010 - see above
