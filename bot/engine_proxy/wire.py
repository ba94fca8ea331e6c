"""Reads one HTTP/1.1 request, strictly, and writes one.

Each connection carries one request. What reads leniently here and differently there is how
requests are smuggled past a proxy, so all that isn't plain is refused, and nothing that comes
after the body is looked at.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.engine_proxy.refusal import Refused

HEAD_MOST = 32 * 1024
BODY_MOST = 512 * 1024

_LINE = re.compile(r"(GET|HEAD|POST|DELETE) (/[!-~]{0,8000}) HTTP/1\.1", re.ASCII)
_HEADER = re.compile(r"([A-Za-z0-9-]{1,100}):[ \t]*([ -~\t]*?)[ \t]*", re.ASCII)
_REASONS = {400: "Bad Request", 403: "Forbidden", 413: "Content Too Large"}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `upgrade`: the connection is to become a plain stream."""

    method: str
    target: str
    upgrade: bool
    registry_auth: str | None
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read a request; None when the other side said nothing and left.

    Raises:
        Refused: it is not plain HTTP/1.1.
        IncompleteReadError: the other side left in the middle.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise Refused("the request's head is too long", 400) from error
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    found = _LINE.fullmatch(first)
    if found is None:
        raise Refused("the request is not one that passes", 400)
    headers = _headers(lines)
    if "transfer-encoding" in headers or "expect" in headers:
        raise Refused("a body must come at once, with its length", 400)
    length = headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,9}", length, re.ASCII):
        raise Refused("the body's length can't be read", 400)
    if int(length) > BODY_MOST:
        raise Refused(f"the body is longer than {BODY_MOST} bytes", 413)
    auth = headers.get("x-registry-auth") or None
    if auth is not None and not re.fullmatch(r"[A-Za-z0-9+/=_-]{1,8000}", auth, re.ASCII):
        raise Refused("X-Registry-Auth can't be read", 400)
    return Request(
        method=found[1],
        target=found[2],
        upgrade=headers.get("upgrade", "").lower() == "tcp",
        registry_auth=auth,
        body=await reader.readexactly(int(length)),
    )


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise Refused("a header can't be read", 400)
        name = found[1].lower()
        if name in headers:
            raise Refused(f"the header {name} stands twice", 400)
        headers[name] = found[2]
    return headers


def request(method: str, target: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Write a request for the engine."""
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def answer(status: int, message: str) -> bytes:
    """Write an error as the engine writes its own."""
    body = json.dumps({"message": message}).encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Refused')}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
