"""Reading notes from the web: what is read, what is refused, and that nothing leads inside."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from bot.addresses import is_public
from bot.notes import Fetcher, FileTooBig, NotText, SourceProblem
from bot.notes.errors import (
    AddressRefused,
    BadAddress,
    NotANote,
    SourceTooSlow,
    SourceUnreachable,
    TooManyRedirects,
)
from bot.notes.sources import checked, text_of

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
NAME = "notes.lan"


@asynccontextmanager
async def serving(**answers: Answer | web.Response) -> AsyncIterator[int]:
    """Serve answers by path on a loopback port; paths' slashes are written __."""
    app = web.Application()
    for name, answer in answers.items():

        async def handle(request: web.Request, answer: Any = answer) -> web.StreamResponse:
            return await answer(request) if callable(answer) else answer

        app.router.add_get("/" + name.replace("__", "/"), handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Names:
    """A resolver that answers with the addresses one after the other."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def __call__(
        self, host: str, port: int, family: socket.AddressFamily
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]


def fetcher(**given: Any) -> Fetcher:
    """Read from one host of the operator's own, by name."""
    return Fetcher([NAME], resolve=Names("127.0.0.1"), **given)


def text(body: str | bytes, **more: Any) -> web.Response:
    """Answer with text."""
    if isinstance(body, bytes):
        return web.Response(body=body, **more)
    return web.Response(text=body, **more)


# -- which addresses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1"),
        *("fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "::7f00:1"),
        *("2001:0:7f00:1::", "", "example.org", "127.1"),
    ],
)
def test_addresses_that_are_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_that_are_public(address: str):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_in_ipv6_gains_nothing(address: Any):
    wrapped = [f"::ffff:{address}", f"64:ff9b::{int(address) >> 16:x}:{int(address) & 0xFFFF:x}"]
    assert [is_public(one) for one in wrapped] == [is_public(str(address))] * 2


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "0.0.0.0"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254"),
    ],
)
async def test_this_machine_is_read_under_no_name(host: str):
    async with serving(x=text("secret")) as port:
        with pytest.raises((AddressRefused, SourceUnreachable, BadAddress)):
            await Fetcher().fetch(f"http://{host}:{port}/x")


async def test_a_name_that_leads_inside_is_refused():
    async with serving(x=text("secret")) as port:
        with pytest.raises(AddressRefused):
            await Fetcher(resolve=Names("127.0.0.1")).fetch(f"http://rebind.example:{port}/x")


async def test_the_connection_goes_to_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
):
    # A name that is public when it is checked, and private for whoever asked a second time.
    names = Names("93.184.216.34", "127.0.0.1")
    tried: list[str] = []

    async def connect(_loop: Any, _sock: Any, address: tuple[str, int]) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    with pytest.raises(SourceUnreachable):
        await Fetcher(resolve=names).fetch("http://rebind.example/x")
    assert tried == ["93.184.216.34"]
    assert names.asked == 1


@pytest.mark.parametrize("inside", ["http://127.0.0.1:{port}/x", "http://[::1]:{port}/x"])
async def test_no_redirect_leads_inside(inside: str):
    ports: list[int] = []

    async def on(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": inside.format(port=ports[0])})

    async with serving(x=text("secret"), on=on) as port:
        ports.append(port)
        with pytest.raises(AddressRefused):
            await fetcher().fetch(f"http://{NAME}:{port}/on")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/y", "http://a:b@x/"])
async def test_redirects_lead_to_the_web_alone(target: str):
    on = web.Response(status=302, headers={"Location": target})
    async with serving(on=on) as port:
        with pytest.raises(SourceProblem):
            await fetcher().fetch(f"http://{NAME}:{port}/on")


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "notes", "http://", "http://u:p@x/", "javascript:1", "http://x:0x/"],
)
async def test_what_is_no_address_of_the_web(address: str):
    with pytest.raises(BadAddress):
        await Fetcher().fetch(address)


async def test_a_host_is_allowed_by_its_name_and_port():
    async with serving(x=text("eins")) as port:
        names = Names("127.0.0.1")
        allowed = Fetcher([f"{NAME}:{port}"], resolve=names)
        assert (await allowed.fetch(f"http://{NAME.upper()}:{port}/x")).text == "eins"
        with pytest.raises(AddressRefused):
            await Fetcher([f"{NAME}:1"], resolve=names).fetch(f"http://{NAME}:{port}/x")
        with pytest.raises(AddressRefused):
            await allowed.fetch(f"http://other.lan:{port}/x")


# -- what comes back -------------------------------------------------------------------------


async def test_text_comes_back_with_what_tells_whether_it_changed():
    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return text("# eins", headers={"ETag": '"1"', "Last-Modified": "Mon"})

    async with serving(x=answer) as port:
        first = await fetcher().fetch(f"http://{NAME}:{port}/x")
        assert (first.text, first.etag, first.modified) == ("# eins", '"1"', "Mon")
        assert await fetcher().fetch(f"http://{NAME}:{port}/x", etag=first.etag) is None


async def test_five_redirects_are_followed_and_no_more():
    async def on(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        if not left:
            return text("there")
        return web.Response(status=307, headers={"Location": f"/on?left={left - 1}"})

    async with serving(on=on) as port:
        assert (await fetcher().fetch(f"http://{NAME}:{port}/on?left=5")).text == "there"
        with pytest.raises(TooManyRedirects):
            await fetcher().fetch(f"http://{NAME}:{port}/on?left=6")


async def test_more_than_the_limit_is_not_read_whether_announced_or_not():
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 65_536)
        return response

    async with serving(big=text("x" * 2000), endless=endless) as port:
        for path in ("big", "endless"):
            with pytest.raises(FileTooBig):
                await fetcher(most_bytes=1000).fetch(f"http://{NAME}:{port}/{path}")


async def test_packed_text_is_unpacked_up_to_the_limit():
    def packed(size: int) -> web.Response:
        headers = {"Content-Encoding": "gzip"}
        body = gzip.compress(b"x" * size)
        return web.Response(body=body, headers=headers, content_type="text/plain")

    async with serving(small=packed(900), bomb=packed(50_000_000)) as port:
        small = await fetcher(most_bytes=1000).fetch(f"http://{NAME}:{port}/small")
        assert small.text == "x" * 900
        with pytest.raises(FileTooBig):
            await fetcher(most_bytes=100_000).fetch(f"http://{NAME}:{port}/bomb")


async def test_a_slow_server_is_not_waited_for():
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    async with serving(slow=slow) as port:
        with pytest.raises(SourceTooSlow):
            await fetcher(seconds=0.3).fetch(f"http://{NAME}:{port}/slow")


@pytest.mark.parametrize("kind", ["image/png", "video/mp4", "application/pdf", "text/html"])
async def test_what_is_no_text_is_refused(kind: str):
    async with serving(x=text(b"<html></html>", content_type=kind)) as port:
        with pytest.raises(NotANote):
            await fetcher().fetch(f"http://{NAME}:{port}/x")


async def test_bytes_that_are_no_text_are_refused():
    async with serving(x=text(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")) as port:
        with pytest.raises(NotText):
            await fetcher().fetch(f"http://{NAME}:{port}/x")


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_answer_that_is_no_yes_is_said(status: int):
    async with serving(x=web.Response(status=status)) as port:
        with pytest.raises(SourceUnreachable, match=str(status)):
            await fetcher().fetch(f"http://{NAME}:{port}/x")


async def test_nobody_there_is_said():
    async with serving(x=text("x")) as port:
        pass
    with pytest.raises(SourceUnreachable):
        await fetcher().fetch(f"http://{NAME}:{port}/x")


async def test_the_charset_that_is_said_is_believed_where_it_fits():
    body = text(
        "仮想マシン".encode("cp932"), headers={"Content-Type": "text/plain; charset=Shift_JIS"}
    )
    async with serving(x=body) as port:
        assert (await fetcher().fetch(f"http://{NAME}:{port}/x")).text == "仮想マシン"


async def test_the_page_of_a_hedgedoc_leads_to_its_text():
    async def page(_request: web.Request) -> web.Response:
        return text("<title>HedgeDoc - Ideas grow better</title>", content_type="text/html")

    async def markdown(_request: web.Request) -> web.Response:
        return text("# eins")

    async with serving(note=page, note__download=markdown) as port:
        for path in ("note?both", "note#top", "note/download"):
            assert (await fetcher().fetch(f"http://{NAME}:{port}/{path}")).text == "# eins"


@pytest.mark.parametrize(
    ("page", "raw"),
    [
        (
            "https://github.com/o/r/blob/main/docs/a%20b.md",
            "https://raw.githubusercontent.com/o/r/main/docs/a%20b.md",
        ),
        ("https://gist.github.com/o/123abc", "https://gist.github.com/o/123abc/raw"),
        ("https://hackmd.io/@me/talk?view", "https://hackmd.io/@me/talk/download"),
        ("https://hackmd.io/abc/edit", "https://hackmd.io/abc/download"),
        ("https://example.org/a.md?x=1", "https://example.org/a.md?x=1"),
    ],
)
def test_pages_people_copy_lead_to_the_text_behind_them(page: str, raw: str):
    assert str(text_of(checked(page))) == raw
