"""One engine's HTTP interface: connections, time limits, and its refusals in one line.

docker-py's own calls know a single time limit, and none at all where an answer streams: an
engine that hangs would keep a thread for ever. So its transports carry requests of ours.
"""

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from paramiko import SSHException

from bot.lab.drivers.refusals import Refused, one_line, refusal, root_cause
from bot.lab.drivers.transport import Transport
from bot.lab.errors import HostUnreachable, LabError
from bot.lab.model import HostSettings

# Seconds: what an ordinary call may take, and one that makes the engine work.
ORDINARY = 10.0
WORK = 30.0
PING = 2.0
# The newest version of the interface that is spoken. The newest engines still take it, and
# what is read and written here means the same from 1.41 (Engine 20.10) up to it.
NEWEST = (1, 44)
CHUNK = 64 * 1024
# Everything a connection can fail with; requests' errors are OSErrors.
FAILURES = (OSError, urllib3.exceptions.HTTPError, SSHException, EOFError)

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The version agreed with an engine, and what it runs on in Go's words ("amd64")."""

    version: str
    architecture: str


class Stream:
    """An answer that comes bit by bit."""

    def __init__(self, response: requests.Response) -> None:
        self._response = response
        self._is_cut = False

    def chunks(self) -> Iterator[bytes]:
        """Yield what comes, as it comes. Raises `HostUnreachable` when the engine falls silent."""
        while True:
            try:
                chunk: bytes = self._response.raw.read1(CHUNK)
            except FAILURES as error:
                if self._is_cut:
                    return
                raise HostUnreachable(why=root_cause(error)) from error
            if not chunk:
                return
            yield chunk

    def cut(self) -> None:
        """Make `chunks` end now; from any thread."""
        self._is_cut = True
        with suppress(*FAILURES, ValueError, RuntimeError):  # it ended by itself in between
            self._response.raw.shutdown()


class Wire:
    """Speaks with one engine. Connects at the first call, and anew after the connection died."""

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._spoken: Spoken | None = None

    def ping(self) -> None:
        """Ask for a sign of life. Raises `HostUnreachable`."""
        with _what_it_is(), self._exchange("GET", "/_ping", seconds=urllib3.Timeout(total=PING)):
            pass

    def spoken(self) -> Spoken:
        """Agree on a version of the interface, once."""
        spoken = self._spoken
        if spoken is None:
            with _what_it_is(), self._exchange("GET", "/version") as response:
                answer = _json(response)
            version = _agree(str(answer["ApiVersion"]), str(answer.get("MinAPIVersion", "1.0")))
            self._spoken = spoken = Spoken(version, str(answer.get("Arch", "")))
        return spoken

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float = ORDINARY,
    ) -> Any:
        """Make one call and return its JSON, None where there is none.

        Raises:
            HostUnreachable: no answer, or not in time.
            Refused: the engine said no.
            DiskFull: it had no space left.
        """
        path = f"/v{self.spoken().version}{path}"
        with self._exchange(method, path, query=query, body=body, seconds=seconds) as response:
            return _json(response) if response.content else None

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        seconds: float = ORDINARY,
    ) -> Generator[Stream]:
        """Make a call whose answer is read bit by bit, with `seconds` of silence at most.

        Leaving the context closes the connection: the engine stops what it did for it.
        """
        path = f"/v{self.spoken().version}{path}"
        with self._exchange(
            method, path, query=query, body=body, seconds=seconds, streamed=True
        ) as response:
            yield Stream(response)

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            transport, self._transport, self._spoken = self._transport, None, None
        if transport is not None:
            transport.close()

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        *,
        seconds: float | urllib3.Timeout = ORDINARY,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        streamed: bool = False,
    ) -> Generator[requests.Response]:
        transport = self._connected()
        with transport.room(streamed=streamed):
            try:
                response = transport.session.request(
                    method,
                    transport.base + path,
                    params=query,
                    json=body,
                    timeout=seconds,  # pyright: ignore[reportArgumentType] - takes urllib3's too
                    stream=streamed,
                )
            except FAILURES as error:
                self._failed(transport)
                raise HostUnreachable(why=root_cause(error)) from error
            with response:
                if response.status_code >= 400:
                    raise self._refused(response)
                yield response

    def _connected(self) -> Transport:
        with self._lock:
            if self._transport is None:
                try:
                    self._transport = Transport(self._settings)
                except FAILURES as error:
                    raise HostUnreachable(why=root_cause(error)) from error
            return self._transport

    def _failed(self, transport: Transport) -> None:
        """Connect anew next time where a failure means that the line itself is gone."""
        if transport.is_dead():
            with self._lock:
                if self._transport is transport:
                    self._transport = None
            transport.close()

    def _refused(self, response: requests.Response) -> LabError:
        try:
            reason = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            reason = response.text or response.reason
        if "client version" in reason:  # another engine than the one agreed with: agree anew
            self._spoken = None
        return refusal(response.status_code, reason)


@contextmanager
def _what_it_is() -> Generator[None]:
    """Take a no to the simplest questions as: that is no engine, or not for us."""
    try:
        yield
    except Refused as refused:
        raise HostUnreachable(why=one_line(refused.reason)) from refused


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise HostUnreachable(why="what answers there is no Docker Engine") from error


def _agree(theirs: str, oldest: str) -> str:
    """Choose the newest version that both speak."""
    version = min(_numbers(theirs), max(NEWEST, _numbers(oldest)))
    return ".".join(map(str, version))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
