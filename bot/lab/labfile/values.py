"""The kinds of values in lab.toml. Each stays text as written; what can't be used is refused."""

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from bot.errors import StudyBotError
from bot.lab.capabilities import DEFAULT_CAPABILITIES, MORE_CAPABILITIES
from bot.lab.inputs import (
    LEAST_CPUS,
    MOST_CPUS,
    MOST_VARIABLE_LENGTH,
    MOST_VARIABLES,
    check_environment,
    parse_duration,
    parse_ports,
    parse_size,
)
from bot.lab.names import check_name
from bot.lab.references import ImagePattern, ImageReference

UNTIL_END = "until end"

_PRIVATE = tuple(
    ipaddress.IPv4Network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_LEAST_PORT, _MOST_PORT = 1024, 65535
# Room for two owners at the least; larger than a /8 no private range is.
_LONGEST_PREFIX, _SHORTEST_PREFIX = 24, 8
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})(?:\.[a-zA-Z0-9][a-zA-Z0-9-]{0,62})*", re.ASCII
)
_HIDDEN_FOLDERS = ("/proc", "/sys", "/dev")


def _checked(check: Callable[[str], object]) -> AfterValidator:
    """Return what lets a text through as it is, where `check` finds nothing wrong with it."""

    def validate(text: str) -> str:
        try:
            check(text)
        except StudyBotError as error:
            raise ValueError(str(error)) from error
        return text

    return AfterValidator(validate)


def _size(text: str) -> None:
    parse_size(text, least=1024**2)


def _grace(text: str) -> None:
    parse_duration(text, least=timedelta(0))


def _stop_grace(text: str) -> None:
    parse_duration(text, least=timedelta(0), most=timedelta(minutes=5))


def _lifetime(text: str) -> None:
    if text == UNTIL_END:
        return
    try:
        parse_duration(text)
    except StudyBotError as error:
        raise ValueError(f'{error} Or "{UNTIL_END}": until the session\'s end.') from error


def _name(text: str) -> None:
    if check_name(text) != text:
        raise ValueError(f'write it in small, half-width letters: "{check_name(text)}"')


def _pattern(text: str) -> None:
    ImagePattern.parse(text)


def endpoint_of(text: str) -> SplitResult:
    """Take an engine's address apart.

    Raises:
        ValueError: it isn't unix:///path, ssh://user@machine or tcp://machine:port.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("this is no address") from None
    if parts.query or parts.fragment or parts.password is not None:
        raise ValueError("only user, machine, port and path may stand in it")
    # An option would be an address to ssh, and a command of its own.
    named = parts.hostname is not None and is_machine(parts.hostname)
    if parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1:
        return parts
    if parts.scheme == "ssh" and named and parts.path in ("", "/"):
        if parts.username is not None and not re.fullmatch(r"[\w.][\w.-]*", parts.username):
            raise ValueError("the user before the @ has a sign that no user's name has")
        return parts
    if parts.scheme == "tcp" and named and port and parts.path in ("", "/"):
        if parts.username is not None:
            raise ValueError("no user belongs into a tcp:// address")
        return parts
    raise ValueError(
        "must be unix:///var/run/docker.sock, ssh://user@machine or tcp://machine:2376"
    )


def is_machine(text: str) -> bool:
    """Say whether this is a host name or an address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None
    return True


def _address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must be an address of the host such as 127.0.0.1, not a name") from None


def _public_name(text: str) -> None:
    if not is_machine(text):
        raise ValueError("must be a host name or an address, without http:// and port")


def port_range(text: str) -> tuple[int, int]:
    """Read "30000-30999".

    Raises:
        ValueError.
    """
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text, re.ASCII)
    if match is None:
        raise ValueError('must be a range like "30000-30999"')
    first, last = int(match[1]), int(match[2])
    if first > last:
        raise ValueError("begins after its end")
    if first < _LEAST_PORT or last > _MOST_PORT:
        raise ValueError(f"must lie between {_LEAST_PORT} and {_MOST_PORT}")
    return first, last


def _subnet(text: str) -> None:
    _subnet_of(text, longest=_LONGEST_PREFIX)


def _subnet_of(text: str, *, longest: int) -> None:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        raise ValueError('must be an IPv4 network like "10.213.0.0/16"') from None
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise ValueError("must lie in a private range such as 10.0.0.0/8")
    if not _SHORTEST_PREFIX <= network.prefixlen <= longest:
        raise ValueError(f"must be a /{longest} or larger: each owner gets a part of it")


def mirror_of(text: str) -> str:
    """Return the part of a mirror's address that stands before an image's name.

    Whether it speaks TLS is the engine's to know, so the scheme says nothing.

    Raises:
        ValueError.
    """
    name = re.sub(r"^https?://", "", text).rstrip("/")
    try:
        reference = ImageReference.parse(f"{name}/library/x")
    except StudyBotError:
        reference = None
    if reference is None or not reference.names_registry or "@" in name:
        raise ValueError('must be a registry like "mirror.example.org" or "127.0.0.1:5000"')
    return name


def capability(text: str) -> str:
    """Return a capability's name without CAP_, in capitals."""
    return text.upper().removeprefix("CAP_")


def _added_capability(text: str) -> None:
    name = capability(text)
    if name not in DEFAULT_CAPABILITIES and name not in MORE_CAPABILITIES:
        raise ValueError(
            f"{name} is never given, because it would reach the host or get around a limit."
            f" A template may add {', '.join(MORE_CAPABILITIES)}"
        )


def _dropped_capability(text: str) -> None:
    if capability(text) not in DEFAULT_CAPABILITIES:
        raise ValueError(
            f"{capability(text)} isn't given anyway. A template may drop"
            f" {', '.join(DEFAULT_CAPABILITIES)}"
        )


def _writable(text: str) -> None:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) != text or text.startswith("//"):
        raise ValueError('must be a folder\'s whole path like "/var/lib/app"')
    if re.search(r"[,:\s\\]|[^ -~]", text):
        raise ValueError("has a sign that can't stand in a mount's path")
    if len(path.parts) == 1 or any(path.is_relative_to(one) for one in _HIDDEN_FOLDERS):
        raise ValueError("can't be made writable")


def _runtime(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", text, re.ASCII):
        raise ValueError("must be a runtime's name as the engine lists it")


def _variable(key: str) -> None:
    try:
        check_environment({key: ""})
    except StudyBotError:
        raise ValueError(
            "a variable's name has letters, digits and underscores, no digit first"
        ) from None


def _port_entry(value: object) -> object:
    return str(value) if type(value) is int else value


def _libvirt(text: str) -> None:
    parts = urlsplit(text)
    if not re.fullmatch(r"[a-z]+(?:\+[a-z0-9]+)?", parts.scheme) or "://" not in text:
        raise ValueError('must be a libvirt URI such as "qemu:///system" or "qemu+ssh://…/system"')
    if parts.password is not None:
        raise ValueError("no password belongs into it")
    if "command=" in parts.query:
        raise ValueError("a command= in it would be run on this machine")


def origin_is_address(text: str) -> bool:
    """Whether a file of the catalogue comes from the web, not from this machine."""
    return "://" in text


def _https(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ValueError("must begin with https:// (and have no user in it)")


def _origin(text: str) -> None:
    if origin_is_address(text):
        _https(text)
    elif not text or "\0" in text:
        raise ValueError("must be an https:// address or a file's path")


def _sha512(text: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{128}", text):
        raise ValueError("must be a SHA-512 sum: 128 hexadecimal digits")


def _guest_subnet(text: str) -> None:
    _subnet_of(text, longest=26)


def _pool(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", text, re.ASCII):
        raise ValueError("must be a storage pool's name as libvirt lists it")


def _folder(text: str) -> None:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        raise ValueError('must be a folder\'s whole path like "/var/lib/libvirt/study"')


def _user(text: str) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", text, re.ASCII):
        raise ValueError("must be a user's name such as root or debian")


Size = Annotated[str, _checked(_size)]
LibvirtUri = Annotated[str, _checked(_libvirt)]
Origin = Annotated[str, _checked(_origin)]
HttpsAddress = Annotated[str, _checked(_https)]
Sha512 = Annotated[str, _checked(_sha512)]
GuestSubnet = Annotated[str, _checked(_guest_subnet)]
PoolName = Annotated[str, _checked(_pool)]
Folder = Annotated[str, _checked(_folder)]
UserName = Annotated[str, _checked(_user)]
Memory = Annotated[str, _checked(parse_size)]
Cpus = Annotated[float, Field(ge=LEAST_CPUS, le=MOST_CPUS)]
Duration = Annotated[str, _checked(parse_duration)]
Grace = Annotated[str, _checked(_grace)]
StopGrace = Annotated[str, _checked(_stop_grace)]
Lifetime = Annotated[str, _checked(_lifetime)]
Name = Annotated[str, _checked(_name)]
Image = Annotated[str, _checked(ImageReference.parse)]
Pattern = Annotated[str, _checked(_pattern)]
Endpoint = Annotated[str, _checked(endpoint_of)]
Address = Annotated[str, _checked(_address)]
PublicName = Annotated[str, _checked(_public_name)]
PortRange = Annotated[str, _checked(port_range)]
Subnet = Annotated[str, _checked(_subnet)]
Mirror = Annotated[str, _checked(mirror_of)]
Runtime = Annotated[str, _checked(_runtime)]
AddedCapability = Annotated[str, _checked(_added_capability)]
DroppedCapability = Annotated[str, _checked(_dropped_capability)]
WritableFolder = Annotated[str, _checked(_writable)]
PortEntry = Annotated[str, BeforeValidator(_port_entry), _checked(parse_ports)]
Environment = Annotated[
    dict[
        Annotated[str, _checked(_variable)],
        Annotated[str, Field(max_length=MOST_VARIABLE_LENGTH)],
    ],
    Field(max_length=MOST_VARIABLES),
]
