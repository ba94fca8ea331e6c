"""Closed to others: other hosts, other sites, other runs."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
import yarl

from playground.page import STATIC
from tests.playground.conftest import Stage


async def status(url: str, **headers: str) -> int:
    exactly = yarl.URL(url, encoded=True)  # a browser would tidy the path; others don't
    async with aiohttp.ClientSession() as client, client.get(exactly, headers=headers) as response:
        return response.status


async def test_another_host_is_refused(stage: Stage) -> None:
    url = f"{stage.playground.api}/gateway"
    assert await status(url) == 200
    assert await status(url, Host="evil.example") == 403
    assert await status(stage.playground.page, Host="localhost:80") == 403


async def test_another_site_is_refused(stage: Stage) -> None:
    origin = stage.playground.api.removesuffix("/api/v10")
    assert await status(f"{stage.playground.api}/gateway", Origin=origin) == 200
    assert await status(f"{stage.playground.api}/gateway", Origin="https://evil.example") == 403
    assert await status(stage.playground.cdn + "/embed/avatars/0.png", Origin="null") == 403
    crossing = {"Sec-Fetch-Site": "cross-site"}
    assert await status(stage.playground.cdn + "/embed/avatars/0.png", **crossing) == 403
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(stage.playground.socket, origin="https://evil.example")
        async with client.ws_connect(stage.playground.socket, origin=origin) as socket:
            await socket.send_json({"id": 1, "do": "hello"})
            assert (await socket.receive_json())["ok"]


async def test_the_address_is_the_key(stage: Stage) -> None:
    base = stage.playground.page.rsplit("/", 2)[0]
    assert await status(f"{base}/guess/") == 404
    assert await status(f"{base}/guess/ws") == 404
    assert await status(f"{base}/") == 404
    assert await status(f"{stage.playground.api}/users/@me") == 401


async def test_only_the_pages_own_files_are_served(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    up = "..%2F" * (len(STATIC.parts) - 1)
    way = up + "%2F".join((tmp_path / "secret.json").parts[1:])
    assert await status(f"{stage.playground.page}static/{way}") == 404
    assert await status(f"{stage.playground.page}static/..%2Fapp.py") == 404


async def test_what_the_page_may_do_is_narrow(stage: Stage) -> None:
    async with aiohttp.ClientSession() as client, client.get(stage.playground.page) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
