"""Reads JSON strictly and builds what is forwarded, key by key, from what is known.

The engine's decoder takes keys in any letter case, the last of two equal ones, and bytes that
are not UTF-8. None of that can matter here: a key passes only when it is written as below, and
what is forwarded is serialised anew.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from bot.engine_proxy.refusal import Refused

# Takes a value and where it stands; returns what is forwarded in its place, or refuses.
Check = Callable[[Any, str], Any]

_TEXT_MOST = 32_768
_ITEMS_MOST = 1_000


def parse(data: bytes) -> Any:
    """Read JSON as UTF-8 without doubled keys and without numbers JSON doesn't have.

    Raises:
        Refused: it is anything else.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant
        )
        # A lone surrogate is legal in JSON's escapes and no character; encoding finds it.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Refused("the body is not JSON in UTF-8", 400) from error
    return value


def serialise(value: Any) -> bytes:
    """Write JSON for the engine."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("a key stands twice in the body")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def is_default(value: Any) -> bool:
    """Say whether a value means "not set": empty, zero, false, or a list of such."""
    if isinstance(value, list):
        return all(map(is_default, cast("list[Any]", value)))
    return not value


def record(fields: Mapping[str, Check]) -> Check:
    """Take an object with these keys; others must not be set, and are left out."""

    def check(value: Any, where: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, item in _object(value, where).items():
            place = f"{where}.{key}" if where else key
            if key in fields:
                if item is not None:
                    made[key] = fields[key](item, place)
            elif not is_default(item):
                raise Refused(f"{_shown(place)} may not be set")
        return made

    return check


def mapping(keys: Check, values: Check) -> Check:
    """Take an object whose keys are chosen freely."""

    def check(value: Any, where: str) -> dict[str, Any]:
        items = _object(value, where).items()
        if len(items) > _ITEMS_MOST:
            raise Refused(f"{where} has more than {_ITEMS_MOST} items")
        return {keys(key, where): values(item, f"{where}.{key}") for key, item in items}

    return check


def items(each: Check, most: int = _ITEMS_MOST) -> Check:
    """Take a list."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(f"{where} must be a list")
        found = cast("list[Any]", value)
        if len(found) > most:
            raise Refused(f"{where} has more than {most} items")
        return [each(item, where) for item in found]

    return check


def text(pattern: str = r"[^\0]*", most: int = _TEXT_MOST) -> Check:
    """Take a string that matches as a whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str):
            raise Refused(f"{_shown(where)} must be text")
        if len(value) > most or not compiled.fullmatch(value):
            raise Refused(f"{_shown(where)} may not be {_shown(repr(value))}")
        return value

    return check


def one_of(*allowed: str) -> Check:
    """Take one of a few strings."""
    return text("|".join(map(re.escape, allowed)))


def integer(least: int, most: int) -> Check:
    """Take a whole number."""

    def check(value: Any, where: str) -> int:
        # JSON's true is a bool, and Python's bool an int.
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Refused(f"{where} must be a whole number from {least} to {most}")
        return value

    return check


def flag(value: Any, where: str) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise Refused(f"{where} must be true or false")
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{_shown(where) or 'the body'} must be an object")
    return cast("dict[str, Any]", value)


def _shown(words: str) -> str:
    """Keep a refusal short and on one line, whatever was asked for."""
    plain = words.encode("ascii", "backslashreplace").decode()
    plain = "".join(letter if letter.isprintable() else "?" for letter in plain)
    return plain if len(plain) <= 120 else plain[:119] + "…"
