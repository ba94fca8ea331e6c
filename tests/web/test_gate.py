"""How many connections one client may hold."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.recordings.errors import LinkForged
from bot.web.gate import MOST_OF_ONE, client_of
from tests.patience import LONG_SECONDS
from tests.web.stand_in import Site, StandIn, leave, site


class Transport(asyncio.BaseTransport):
    """Somebody at the other end."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 1)})


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site(StandIn({}, LinkForged)) as running:
        yield running


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("2606:4700:0:1::5", "2606:4700:0:1::/64"),
        ("127.0.0.1", None),
        ("172.17.0.1", None),
        ("fd00::1", None),
    ],
)
def test_clients_are_told_apart_unless_they_come_through_a_proxy(address: str, client: str | None):
    assert client_of(Transport(address)) == client


async def test_one_client_cannot_take_all_connections(
    here: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr("bot.web.gate.client_of", lambda _transport: "somebody")
    held = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(MOST_OF_ONE)]
    await asyncio.sleep(0.2)
    assert await closed(here.port)
    # Of those there are, and of whoever comes, in the order the gate asks.
    asked = iter(["somebody"] * MOST_OF_ONE)
    monkeypatch.setattr("bot.web.gate.client_of", lambda _transport: next(asked, "another"))
    async with here.get("/health") as answer:
        assert answer.status == 200
    for _reader, writer in held:
        await leave(writer)


async def closed(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await asyncio.wait_for(reader.read(1), LONG_SECONDS) == b""
    except ConnectionResetError:
        return True
    finally:
        await leave(writer)
