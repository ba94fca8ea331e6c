"""Reads what people type into the options of a command, and what operators write likewise.

Japanese keyboards give full-width digits, signs and spaces, phones give curly quotation marks:
all of them mean what their plain form means.
"""

import re
import shlex
import unicodedata
from collections.abc import Mapping
from datetime import timedelta

from bot.lab.errors import (
    BadCpus,
    BadDuration,
    BadEnvironment,
    BadPorts,
    BadShellWords,
    BadSize,
    CommandTooLong,
    DurationOutOfRange,
    EnvironmentTooLarge,
    PortTwice,
    SizeOutOfRange,
    TooManyPorts,
)
from bot.lab.model import Port

MOST_PORTS = 10
MOST_VARIABLES = 30
MOST_VARIABLE_LENGTH = 1000
MOST_COMMAND_LENGTH = 2000
# The engine starts nothing with less.
LEAST_MEMORY_BYTES = 6 * 1024**2
MOST_SIZE_BYTES = 1024**5
LEAST_DURATION = timedelta(minutes=1)
MOST_DURATION = timedelta(days=7)
# The engine's smallest step, and more than any machine has.
LEAST_CPUS, MOST_CPUS = 0.01, 1024.0

_HIGHEST_PORT = 65535
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,6})?) ?([kmgt]?)(?:i?b)?", re.ASCII)
_PORT = re.compile(r"(?:(\d{1,5}):)?(\d{1,5})(?:/(tcp|udp))?", re.ASCII)
_CPUS = re.compile(r"\d{0,5}(?:\.\d{0,9})?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = (
    r"(\d{1,6}(?:\.\d{1,3})?) ?(seconds?|secs?|s|秒|minutes?|mins?|m|分|hours?|h|時間|days?|d|日)"
)
_DURATION_PART = re.compile(_PART, re.ASCII)
_DURATION = re.compile(rf"(?:{_PART} ?){{1,4}}", re.ASCII)
_JAPANESE_UNITS = {"秒": "s", "分": "m", "時": "h", "日": "d"}
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
# A piece of a command line: quoted, escaped, or neither.
_PIECES = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^'\"\\]+|.", re.DOTALL)
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    (0x3000, 0xA0, 0x202F), ord(" ")
)
_QUOTES = str.maketrans("“”„＂‘’‚＇", "\"\"\"\"''''")


def normalised(text: str) -> str:
    """Return `text` in half width, without white space around it."""
    return unicodedata.normalize("NFKC", text).strip()


def parse_ports(text: str) -> tuple[Port, ...]:
    """Read "80:80 443:443/tcp 8080"; commas may stand between them too.

    The port of the host, before the colon, is kept as the wish it is: 0 where there is none.

    Raises:
        BadPorts: not ports. PortTwice: one port of the container under two of the host.
        TooManyPorts: more than `MOST_PORTS`.
    """
    found: dict[tuple[int, str], Port] = {}
    for word in re.split(r"[\s,、]+", normalised(text).lower()):
        if not word:
            continue
        match = _PORT.fullmatch(word)
        if match is None:
            raise BadPorts
        port = Port(int(match[2]), int(match[1] or 0), match[3] or "tcp")
        if not 0 < port.container <= _HIGHEST_PORT or port.host > _HIGHEST_PORT:
            raise BadPorts
        if found.setdefault((port.container, port.protocol), port) != port:
            raise PortTwice(port=port.container)
    if len(found) > MOST_PORTS:
        raise TooManyPorts(most=MOST_PORTS)
    return tuple(found.values())


def parse_command(text: str) -> tuple[str, ...]:
    """Split a command line into words as a shell would; nothing is expanded.

    Raises:
        BadShellWords: a quotation mark isn't closed. CommandTooLong.
    """
    if len(text) > MOST_COMMAND_LENGTH:
        raise CommandTooLong(most=MOST_COMMAND_LENGTH)
    try:
        return tuple(_words(text))
    except ValueError as error:
        raise BadShellWords from error


def parse_environment(text: str) -> dict[str, str]:
    """Read "A=1 B='x y'"; of a key that stands twice, the last counts.

    Raises:
        BadEnvironment: not KEY=value. EnvironmentTooLarge.
    """
    try:
        words = _words(text)
    except ValueError as error:
        raise BadEnvironment from error
    environment: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise BadEnvironment
        environment[key] = value
    check_environment(environment)
    return environment


def check_environment(environment: Mapping[str, str]) -> None:
    """Let through variables that every program can read.

    Raises:
        BadEnvironment: a key isn't letters, digits and underscores. EnvironmentTooLarge.
    """
    for key, value in environment.items():
        if not _KEY.fullmatch(key) or "\0" in value:
            raise BadEnvironment
        if len(value) > MOST_VARIABLE_LENGTH:
            raise EnvironmentTooLarge(most=MOST_VARIABLES, length=MOST_VARIABLE_LENGTH)
    if len(environment) > MOST_VARIABLES:
        raise EnvironmentTooLarge(most=MOST_VARIABLES, length=MOST_VARIABLE_LENGTH)


def parse_size(text: str, *, least: int = LEAST_MEMORY_BYTES, most: int = MOST_SIZE_BYTES) -> int:
    """Read "256M", "1.5g" or "512 MiB" as the engine does (1K is 1,024 bytes), in bytes.

    A unit must stand there: to the engine a bare 256 is 256 bytes, which nobody means.

    Raises:
        BadSize: not a size. SizeOutOfRange.
    """
    match = _SIZE.fullmatch(normalised(text).lower())
    if match is None or match[0][-1].isdigit():
        raise BadSize(text=text)
    size = round(float(match[1]) * _UNITS[match.group(2) or ""])
    if not least <= size <= most:
        raise SizeOutOfRange(text=text, least=size_text(least), most=size_text(most))
    return size


def size_text(size_bytes: int) -> str:
    """Write a size so that `parse_size` reads exactly the same: "256M"."""
    for unit in ("T", "G", "M", "K"):
        step = _UNITS[unit.lower()]
        if size_bytes and size_bytes % step == 0:
            return f"{size_bytes // step}{unit}"
    return f"{size_bytes}B"


def parse_duration(
    text: str, *, least: timedelta = LEAST_DURATION, most: timedelta = MOST_DURATION
) -> timedelta:
    """Read "30m", "2h", "1h30m", "90" (minutes) or "30分".

    Raises:
        BadDuration: not a duration. DurationOutOfRange.
    """
    plain = normalised(text).lower()
    if plain.isdecimal() and plain.isascii():
        plain += "m"
    if not _DURATION.fullmatch(plain):
        raise BadDuration(text=text)
    seconds = 0.0
    for part in _DURATION_PART.finditer(plain):
        unit = part[2][0]
        seconds += float(part[1]) * _SECONDS[_JAPANESE_UNITS.get(unit, unit)]
    if not least.total_seconds() <= seconds <= most.total_seconds():
        raise DurationOutOfRange(text=text, least=duration_text(least), most=duration_text(most))
    return timedelta(seconds=round(seconds))


def duration_text(duration: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same: "90m", "2h"."""
    seconds = round(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def parse_cpus(text: str) -> float:
    """Read "0.5" or "2".

    Raises:
        BadCpus.
    """
    plain = normalised(text)
    if not _CPUS.fullmatch(plain) or not any(sign.isdigit() for sign in plain):
        raise BadCpus(text=text)
    cpus = round(float(plain), 2)
    if not LEAST_CPUS <= cpus <= MOST_CPUS:
        raise BadCpus(text=text)
    return cpus


def _words(text: str) -> list[str]:
    """Split as a shell does; ValueError where a quotation mark isn't closed.

    What is quoted stays as typed. Curly quotation marks count only where the plain ones leave
    something to close: within plain ones they are text.
    """
    plain = "".join(
        piece if piece[0] in "'\"\\" and len(piece) > 1 else piece.translate(_PLAIN)
        for piece in _PIECES.findall(_with_plain_quotes(text.replace("\0", "")))
    )
    return shlex.split(plain, comments=False, posix=True)


def _with_plain_quotes(text: str) -> str:
    return "".join(
        piece if piece[0] in "'\"\\" and len(piece) > 1 else piece.translate(_QUOTES)
        for piece in _PIECES.findall(text)
    )
