"""What an engine says when it refuses, as errors of ours."""

import re

from bot.errors import N_, StudyBotError, Term
from bot.lab.errors import (
    BadCommand,
    BadImageName,
    ContainerGone,
    DiskFull,
    EngineRefused,
    ImageNotFound,
    LabError,
    NameTaken,
    PortTaken,
    RegistryUnreachable,
    WrongArchitecture,
)

LONGEST = 200
OTHER_PROCESSORS = Term(N_("other processors"))

# The runtimes' words: the command in the first group, what is wrong with it in the second.
_COMMAND = re.compile(r'exec:? "([^"]+)": (.+?)(?:: unknown)?$')
_PORT = re.compile(r"(?:bind for|listen (?:tcp|udp)[46]?) \S+?:(\d+)", re.IGNORECASE)
_PORT_TAKEN = ("port is already allocated", "address already in use")
_OTHER_PLATFORM = ("no matching manifest", "does not match the specified platform")
_NO_REGISTRY = (
    "dial tcp",
    "no such host",
    "connection refused",
    "connection reset",
    "i/o timeout",
    "tls handshake",
    "client.timeout",
    "deadline exceeded",
    "request canceled while waiting",
    "network is unreachable",
    "no route to host",
    "server gave http response",
    "x509:",
    "unexpected http status: 5",
    "unexpected status code 5",
    ": eof",
)
_NO_IMAGE = (
    "manifest unknown",
    "name unknown",
    "not found",
    "does not exist",
    "access denied",
    "access to the resource is denied",
    "unauthorized",
    "no such image",
)


class Refused(EngineRefused):
    """An engine's no, with the HTTP status, for those who know what it was about."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(why=one_line(reason))
        self.status = status
        self.reason = reason


def one_line(reason: object) -> str:
    """Reduce what an engine or a library says to one plain line.

    Of a long chain of reasons the end is kept, where the cause is.
    """
    plain = "".join(mark if mark.isprintable() else " " for mark in str(reason))
    text = " ".join(plain.split())
    return text if len(text) <= LONGEST else "…" + text[1 - LONGEST :]


def root_cause(error: BaseException) -> str:
    """Say what a failed connection came down to: "Connection refused", not its wrappings."""
    seen: set[int] = set()
    line = one_line(error)
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, TimeoutError) or "Timeout" in type(one).__name__:
            return "no answer in time"
        if isinstance(one, OSError) and one.strerror:
            line = one_line(one.strerror)
        inner = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        waiting += [part for part in inner if isinstance(part, BaseException)]
    return line


def refusal(status: int, reason: str) -> LabError:
    """Turn any answer of status 400 and above into an error."""
    if is_disk_full(reason):
        return DiskFull()
    return Refused(status, reason)


def is_disk_full(reason: str) -> bool:
    """Whether the host had no space left."""
    return "no space left on device" in reason or "disk quota exceeded" in reason


def of_create(refused: Refused, *, name: str, image: str, ours: str) -> StudyBotError:
    """Say why a container wasn't made."""
    why = refused.reason.lower()
    if "no such image" in why:
        return ImageNotFound(image=image)
    if "invalid reference format" in why:
        return BadImageName(text=image)
    if refused.status == 409 and "name" in why:
        return NameTaken(name=name)
    if "no command specified" in why:
        return BadCommand(why=one_line(refused.reason))
    if any(sign in why for sign in _OTHER_PLATFORM):
        return WrongArchitecture(image=image, theirs=OTHER_PROCESSORS, ours=ours)
    return refused


def of_start(refused: Refused) -> StudyBotError:
    """Say why a container didn't start."""
    if refused.status == 404 and "no such container" in refused.reason.lower():
        return ContainerGone()
    if any(sign in refused.reason for sign in _PORT_TAKEN):
        port = _PORT.search(refused.reason)
        return PortTaken(port=port.group(1) if port else "?")
    return bad_command(refused.reason) or refused


def bad_command(reason: str) -> BadCommand | None:
    """Recognise a runtime's words about a program that isn't there or can't be run."""
    found = _COMMAND.search(reason.strip())
    return BadCommand(why=one_line(f"{found[1]}: {found[2]}")) if found else None


def of_pull(reason: str, *, image: str, ours: str) -> StudyBotError:
    """Say why an image couldn't be pulled."""
    lowered = reason.lower()
    if is_disk_full(reason):
        return DiskFull()
    if "invalid reference format" in lowered:
        return BadImageName(text=image)
    if any(sign in lowered for sign in _OTHER_PLATFORM):
        return WrongArchitecture(image=image, theirs=OTHER_PROCESSORS, ours=ours)
    if any(sign in lowered for sign in _NO_REGISTRY):
        return RegistryUnreachable(image=image)
    if any(sign in lowered for sign in _NO_IMAGE):
        return ImageNotFound(image=image)
    return EngineRefused(why=one_line(reason))
