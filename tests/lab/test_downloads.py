"""What comes from the web into the lab: whole, the right thing, and from nowhere private."""

from __future__ import annotations

import datetime
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from bot.addresses import Hosts
from bot.lab.errors import DiskFull, PullCancelled
from bot.lab.guest_errors import ChecksumWrong, DownloadFailed
from bot.lab.guests.downloads import Downloads

NAME = "images.example.org"
IMAGE = bytes(range(256)) * 16_384  # 4 MB
SUM = hashlib.sha512(IMAGE).hexdigest()


@dataclass
class Server:
    """A web server of the distribution's, on this machine under its name."""

    port: int
    downloads: Downloads
    asked: list[str] = field(default_factory=list)

    def at(self, path: str) -> str:
        return f"https://{NAME}:{self.port}{path}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for the server's name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
async def server(certificate: Path) -> AsyncIterator[Server]:
    async def whole(_request: web.Request) -> web.Response:
        return web.Response(body=IMAGE)

    async def sums(_request: web.Request) -> web.Response:
        return web.Response(text=f"{'0' * 128}  other.qcow2\n{SUM}  debian.qcow2\n")

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"https://{NAME}:{here.port}/debian.qcow2")

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    async def breaks(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(IMAGE))})
        await answer.prepare(request)
        await answer.write(IMAGE[:1000])
        assert request.transport is not None
        request.transport.abort()
        return answer

    app = web.Application()
    routes = {
        "/debian.qcow2": whole,
        "/SHA512SUMS": sums,
        "/moved": moved,
        "/away": away,
        "/breaks": breaks,
    }
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    trust = ssl.create_default_context(cafile=str(certificate))
    here = Server(
        port,
        Downloads(allowed=Hosts([f"{NAME}:{port}"]), resolve=_resolves_here, ssl=trust),
    )
    yield here
    await runner.cleanup()


async def _resolves_here(
    host: str, port: int, _family: socket.AddressFamily
) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0
        )
    ]


async def test_an_image_comes_whole_with_its_progress(server: Server, tmp_path: Path):
    seen: list[tuple[int, int]] = []
    into = tmp_path / "image"
    address = server.at("/moved")
    await server.downloads.fetch(
        "debian", address, into, SUM, progress=lambda *one: seen.append(one)
    )
    assert into.read_bytes() == IMAGE
    assert seen[-1] == (len(IMAGE), len(IMAGE))
    assert len(seen) > 1


async def test_the_published_sum_is_the_files_own(server: Server):
    assert await server.downloads.published_sum(server.at("/SHA512SUMS"), "debian.qcow2") == SUM
    with pytest.raises(DownloadFailed, match=r"arch\.qcow2"):
        await server.downloads.published_sum(server.at("/SHA512SUMS"), "arch.qcow2")


async def test_another_file_than_promised_is_thrown_away(server: Server, tmp_path: Path):
    into = tmp_path / "image"
    with pytest.raises(ChecksumWrong):
        await server.downloads.fetch("debian", server.at("/debian.qcow2"), into, "0" * 128)
    assert not into.exists()


@pytest.mark.parametrize("path", ["/breaks", "/nowhere"])
async def test_what_breaks_off_or_is_not_there_leaves_nothing(
    server: Server, tmp_path: Path, path: str
):
    into = tmp_path / "image"
    with pytest.raises(DownloadFailed):
        await server.downloads.fetch("debian", server.at(path), into, SUM)
    assert not into.exists()


@pytest.mark.parametrize(
    "target",
    [
        "https://10.0.0.1/image",
        "https://[::1]/image",
        "https://169.254.169.254/latest/meta-data",
        "https://elsewhere.example.org/image",  # resolves to this machine, and isn't allowed
        "http://{name}/debian.qcow2",
        "file:///etc/passwd",
    ],
)
async def test_no_redirect_leads_to_a_private_address_or_out_of_https(
    server: Server, tmp_path: Path, target: str
):
    address = server.at("/away?to=" + target.format(name=f"{NAME}:{server.port}"))
    with pytest.raises(DownloadFailed):
        await server.downloads.fetch("debian", address, tmp_path / "image", SUM)
    assert not (tmp_path / "image").exists()


async def test_one_that_is_cancelled_stops(server: Server, tmp_path: Path):
    with pytest.raises(PullCancelled):
        await server.downloads.fetch(
            "debian", server.at("/debian.qcow2"), tmp_path / "x", SUM, is_cancelled=lambda: True
        )
    assert not (tmp_path / "x").exists()


async def test_a_full_disk_is_said_as_that(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.lab.guests.downloads._take", full)
    with pytest.raises(DiskFull):
        await server.downloads.fetch("debian", server.at("/debian.qcow2"), tmp_path / "x", SUM)


async def test_a_server_that_falls_silent_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.lab.guests.downloads._WHOLE_SECONDS", 0.0)
    with pytest.raises(DownloadFailed, match="too long"):
        await server.downloads.fetch("debian", server.at("/debian.qcow2"), tmp_path / "x", SUM)
