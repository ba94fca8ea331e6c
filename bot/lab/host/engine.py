"""The engine of this very machine, spoken to over its socket as root sets the host up.

Only what a driver has no business with: what kind of engine it is, and putting the probe's
image there.
"""

import contextlib
import http.client
import io
import json
import socket
import tarfile
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import N_, OperatorError

DEFAULT_SOCKET = Path("/var/run/docker.sock")
_SECONDS = 30


class NoEngineHere(OperatorError):
    """No engine answers on this machine."""

    message = N_(
        "No Docker Engine answers on {socket}. This is run as root on the lab host itself, with"
        " its engine running."
    )


class EngineSaidNo(OperatorError):
    """It answers, but won't."""

    message = N_("The Docker Engine refused: {why}")


@dataclass(frozen=True, slots=True)
class EngineKind:
    """What decides how the host is set up."""

    cgroup_driver: str
    cgroup_version: str
    memory_bytes: int
    cpus: int
    is_rootless: bool
    # Where it keeps images and containers.
    data_folder: str = "/var/lib/docker"


class LocalEngine:
    """A Docker Engine on a socket of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def kind(self) -> EngineKind:
        """Ask what it is."""
        found = json.loads(self._ask("GET", "/info")[1])
        return EngineKind(
            cgroup_driver=found.get("CgroupDriver", ""),
            cgroup_version=found.get("CgroupVersion", "1"),
            memory_bytes=found["MemTotal"],
            cpus=found["NCPU"],
            is_rootless=any("rootless" in each for each in found.get("SecurityOptions") or ()),
            data_folder=found.get("DockerRootDir") or "/var/lib/docker",
        )

    def image_labels(self, name: str) -> dict[str, str] | None:
        """Return a local image's labels, None when it isn't there."""
        status, body = self._ask("GET", f"/images/{name}/json", fine=(404,))
        if status == 404:
            return None
        config: dict[str, Any] = json.loads(body).get("Config") or {}
        return config.get("Labels") or {}

    def image_file(self, name: str, path: str) -> bytes | None:
        """Return a file of a local image; None when there is no such image or file."""
        status, body = self._ask("GET", f"/images/{name}/get", fine=(404, 500))
        if status != 200:
            return None
        with tarfile.open(fileobj=io.BytesIO(body)) as saved:
            for member in saved:
                layer = saved.extractfile(member)
                with contextlib.suppress(tarfile.TarError, KeyError):
                    if layer is not None and not member.name.endswith(".json"):
                        with tarfile.open(fileobj=layer) as files:
                            found = files.extractfile(path)
                            return found.read() if found is not None else None
        return None

    def import_image(self, repository: str, archive: bytes, labels: dict[str, str]) -> None:
        """Make an image of a root file system."""
        query = [("fromSrc", "-"), ("repo", repository), ("tag", "latest")]
        query += [("changes", f"LABEL {name}={value}") for name, value in labels.items()]
        _, said = self._ask("POST", f"/images/create?{urllib.parse.urlencode(query)}", archive)
        # What goes wrong in the middle comes as a line of an answer that began well.
        for line in said.splitlines():
            if "error" in (found := json.loads(line)):
                raise EngineSaidNo(why=found["error"])

    def remove_image(self, name: str) -> bool:
        """Remove an image; say whether it was there."""
        return self._ask("DELETE", f"/images/{name}?force=1", fine=(404, 409))[0] == 200

    def _ask(
        self, method: str, path: str, body: bytes | None = None, fine: tuple[int, ...] = ()
    ) -> tuple[int, bytes]:
        connection = _SocketConnection(self._path)
        try:
            connection.request(method, path, body, {"Content-Type": "application/x-tar"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoEngineHere(socket=self._path) from error
        finally:
            connection.close()
        if answer.status >= 400 and answer.status not in fine:
            raise EngineSaidNo(why=_reason(text))
        return answer.status, text


def _reason(answer: bytes) -> str:
    try:
        return json.loads(answer)["message"]
    except (ValueError, KeyError, TypeError):
        return answer.decode(errors="replace").strip()


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))
