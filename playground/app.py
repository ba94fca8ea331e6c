"""Puts the playground together and listens."""

from __future__ import annotations

import base64
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from playground.acting import Acting
from playground.door import Door
from playground.guard import Guard
from playground.interactions import Interactions
from playground.page import Page
from playground.prepared import Server, prepare
from playground.records import Records
from playground.viewing import Viewing
from playground.wire.control import Control
from playground.wire.gateway import Gateway
from playground.wire.intents import Portal
from playground.wire.rest import Rest
from playground.world import World

LOOPBACK = "127.0.0.1"
BODY_LIMIT = 110 << 20


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens, as the first line on standard output says."""

    page: str
    socket: str
    api: str
    gateway: str
    cdn: str
    bot_token: str


@dataclass(frozen=True, slots=True)
class Playground:
    """A running playground, driven from this process or over its addresses."""

    addresses: Addresses
    door: Door
    viewing: Viewing
    server: Server | None
    """The prepared server's ids; None where it was started empty."""


@asynccontextmanager
async def running(*, port: int = 0, empty: bool = False) -> AsyncIterator[Playground]:
    """Run a playground on a loopback port (0: any free one) for the length of the block."""
    listener = socket.create_server((LOOPBACK, port))
    authority = f"{LOOPBACK}:{listener.getsockname()[1]}"
    guard = Guard(authority)
    world = World(f"http://{authority}/cdn")
    server = None if empty else prepare(world)
    addresses = Addresses(
        page=f"http://{authority}/{guard.token}/",
        socket=f"ws://{authority}/{guard.token}/ws",
        api=f"http://{authority}/api/v10",
        gateway=f"ws://{authority}/gateway",
        cdn=world.cdn.base,
        bot_token=_bot_token(world.bot_user.id),
    )
    portal = Portal()
    rest = Rest(world, portal, addresses.bot_token, addresses.gateway)
    gateway = Gateway(world, portal, addresses.bot_token, addresses.gateway)
    acting = Acting(world)
    records = Records(world, acting)
    interactions = Interactions(world, acting, records)
    viewing = Viewing(world, acting)
    door = Door(world, acting, interactions, records, viewing, Control(rest, gateway, portal))
    page = Page(door, viewing, guard.token)

    rest.interaction_listeners.append(records.token_used)
    records.listeners.append(
        lambda person_id, record: viewing.tell_person(person_id, "INTERACTION", record)
    )
    gateway.presence_listeners.append(lambda online: viewing.tell_all("BOT", {"online": online}))

    app = web.Application(middlewares=[guard.check], client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(guard.add_headers)
    app.add_routes(
        [
            web.route("*", r"/api/v{version:\d+}/{path:.*}", rest.serve),
            web.get("/gateway", gateway.serve),
            web.get("/gateway/", gateway.serve),
            web.get("/cdn/{path:.+}", world.cdn.serve),
            *page.routes(),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield Playground(addresses, door, viewing, server)
    finally:
        records.close()
        await gateway.shut()
        await page.shut()
        await runner.cleanup()
        listener.close()


def _bot_token(bot_id: int) -> str:
    """Make a token of the shape Discord's have, so that what checks the shape is content."""
    start = base64.b64encode(str(bot_id).encode()).decode().rstrip("=")
    return f"{start}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"
