"""What the one who runs the proxy decides, from the environment alone."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Self, TypeVar

from bot.engine_proxy import names
from bot.errors import N_, OperatorError

PREFIX = "STUDY_BOT_PROXY_"
T = TypeVar("T")

# What runs a container no less confined than runc does. Others (nvidia …) hand devices in.
RUNTIMES = frozenset(
    {
        "runc",
        "io.containerd.runc.v2",
        "runsc",
        "io.containerd.runsc.v1",
        "kata",
        "kata-runtime",
        "io.containerd.kata.v2",
    }
)


class BadProxySetting(OperatorError):
    """A setting that can't be used; one line a setting."""

    message = N_("The engine proxy can't start, these settings need a look:\n{problems}")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the checks go by; the same values stand in the bot's lab.toml.

    `installation` None: any. `mirror` None: images can't be given another name.
    """

    installation: str | None = None
    subnet: IPv4Network = field(default_factory=lambda: IPv4Network("10.213.0.0/16"))
    bind: frozenset[IPv4Address | IPv6Address] = frozenset(
        {IPv4Address("127.0.0.1"), IPv6Address("::1")}
    )
    ports: range = range(30000, 31000)
    runtimes: frozenset[str] = RUNTIMES
    mirror: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """What the label may say; empty: anything. Probes have one of their own."""
        return (self.installation, f"{self.installation}.probe") if self.installation else ()


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Where the proxy listens, where the engine does, and the rules between."""

    listen: Path = Path("/run/engine/engine.sock")
    engine: Path = Path("/var/run/docker.sock")
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read them; an empty one counts as not set.

        Raises:
            BadProxySetting: names each one, and what it takes.
        """
        given = {
            key.removeprefix(PREFIX).lower(): value.strip()
            for key, value in environment.items()
            if key.startswith(PREFIX) and value.strip()
        }
        problems: list[str] = []
        values: dict[str, object] = {}
        for name, text in sorted(given.items()):
            if name not in SETTINGS:
                problems.append(f"  {PREFIX}{name.upper()}: there is no such setting.")
                continue
            read, form = SETTINGS[name]
            try:
                values[name] = read(text)
            except ValueError:
                problems.append(f"  {PREFIX}{name.upper()} = {text!r}: write {form}.")
        if problems:
            raise BadProxySetting(problems="\n".join(problems))
        places = {name: values.pop(name) for name in ("listen", "engine") if name in values}
        return cls(rules=Rules(**values), **places)  # pyright: ignore[reportArgumentType] - by name


def _socket(text: str) -> Path:
    path = Path(text.removeprefix("unix://"))
    if not path.is_absolute():
        raise ValueError(text)
    return path


def _ports(text: str) -> range:
    first, last = map(int, text.split("-"))
    if not 1024 <= first <= last <= 65535:
        raise ValueError(text)
    return range(first, last + 1)


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(text)
        return text

    return read


def _each(read: Callable[[str], T]) -> Callable[[str], frozenset[T]]:
    return lambda text: frozenset(read(part) for part in re.split(r"[\s,]+", text))


# How each setting is read, and what a wrong one should have been.
SETTINGS: dict[str, tuple[Callable[[str], object], str]] = {
    "listen": (_socket, "an absolute path, or unix:///path"),
    "engine": (_socket, "an absolute path, or unix:///path"),
    "installation": (_matching(r"[\w.:-]+"), "the id on the label study-bot.installation"),
    "subnet": (IPv4Network, "an IPv4 network such as 10.213.0.0/16"),
    "bind": (_each(ip_address), "addresses with commas between, such as 127.0.0.1,::1"),
    "ports": (_ports, "a range from 1024 on, such as 30000-30999"),
    "runtimes": (_each(_matching(r"[\w.-]+")), "names with commas between, such as runc,runsc"),
    "mirror": (
        _matching(names.REGISTRY),
        "a registry such as registry.example.org:5000",
    ),
}
