"""Looks up at the engine what a name stands for, and whether it is the lab's."""

import asyncio
import json
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from bot.engine_proxy.containers import check_confined, check_installation
from bot.engine_proxy.networks import check_bridge
from bot.engine_proxy.refusal import Refused
from bot.engine_proxy.settings import Rules

_ANSWER_MOST = 4 * 1024**2
_REMEMBERED = 5_000


class EngineSilent(Exception):
    """The engine doesn't answer, or not in a way that can be read."""


class Engine:
    """The real engine's socket."""

    def __init__(self, path: Path, rules: Rules) -> None:
        self._path = path
        self._rules = rules
        # A container's labels and limits never change, and no id is used twice.
        self._known: OrderedDict[str, None] = OrderedDict()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection.

        Raises:
            EngineSilent: nobody listens.
        """
        try:
            return await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise EngineSilent(f"{self._path}: {error.strerror}") from error

    async def container(self, name: str) -> str:
        """Return a container's id, if it is the lab's.

        Raises:
            Refused: it isn't, or isn't there.
        """
        if name in self._known:
            self._known.move_to_end(name)
            return name
        found = await self._inspect(f"/containers/{name}/json")
        try:
            check_installation(found["Config"].get("Labels"), self._rules)
            check_confined(found)
        except Refused as error:
            raise Refused(f"container {name}: {error}") from error
        self._known[found["Id"]] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found["Id"]

    async def execution(self, name: str) -> str:
        """Return an execution's id, if it is in a container of the lab."""
        found = await self._inspect(f"/exec/{name}/json")
        if found["ProcessConfig"].get("privileged"):
            raise Refused(f"execution {name}: it is privileged")
        await self.container(found["ContainerID"])
        return found["ID"]

    async def network(self, name: str) -> str:
        """Return a network's id, if it is the lab's.

        Raises:
            Refused: it isn't, or isn't there.
        """
        found = await self._inspect(f"/networks/{name}")
        try:
            check_installation(found.get("Labels"), self._rules)
            check_bridge(found)
        except Refused as error:
            raise Refused(f"network {name}: {error}") from error
        return found["Id"]

    async def volumes(self, image: str) -> list[str]:
        """Return where an image declares volumes."""
        found = await self._inspect(f"/images/{quote(image, safe='/:@')}/json")
        config = cast("dict[str, Any]", found.get("Config") or {})
        return list(cast("dict[str, Any]", config.get("Volumes") or {}))

    async def _inspect(self, target: str) -> dict[str, Any]:
        status, body = await self._get(target)
        try:
            found = json.loads(body)
        except ValueError as error:
            raise EngineSilent(f"{target} was not answered in JSON") from error
        if status != 200:
            # Its own words, as if it had been asked directly: no such container.
            raise Refused(str(found.get("message", "refused")), status)
        return cast("dict[str, Any]", found)

    async def _get(self, target: str) -> tuple[int, bytes]:
        reader, writer = await self.connect()
        try:
            # In HTTP/1.0 an answer ends where the connection does, and is not sent in chunks.
            writer.write(f"GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode("ascii"))
            data = bytearray()
            while chunk := await reader.read(65_536):
                data += chunk
                if len(data) > _ANSWER_MOST:
                    raise EngineSilent(f"the answer to {target} is too long")
        except OSError as error:
            raise EngineSilent(str(error)) from error
        finally:
            writer.close()
        head, _blank, body = bytes(data).partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] ([0-9]{3}) ", head)
        if status is None:
            raise EngineSilent(f"{target} was not answered")
        return int(status[1]), body
