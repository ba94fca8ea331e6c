"""What Discord checks of commands as they are synced, and SimCord doesn't."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from simcord.backend import errors
from simcord.enums import AppCommandType

from playground.wire.routing import Call, route

_NAME = re.compile(r"[-_'\w]{1,32}")
_MOST = {AppCommandType.CHAT_INPUT: 100, AppCommandType.USER: 15, AppCommandType.MESSAGE: 15}
_CHARACTERS = 8_000


@route("PUT", "/applications/{application}/commands")
@route("PUT", "/applications/{application}/guilds/{guild}/commands")
def _sync(call: Call) -> Any:
    commands = [command for command in call.json or [] if isinstance(command, Mapping)]
    kinds = Counter(command.get("type", 1) for command in commands)
    for kind, count in kinds.items():
        if count > _MOST.get(kind, 0):
            raise errors.BackendError(
                400, 30032, f"Maximum number of application commands reached ({_MOST.get(kind)})"
            )
    for command in commands:
        check(command)
    return call.delegate()


def check(command: Mapping[str, Any]) -> None:
    """Refuse a command whose names, texts or sizes Discord would refuse.

    Raises:
        BackendError: 50035, with the path of what is wrong.
    """
    chat = command.get("type", 1) == AppCommandType.CHAT_INPUT
    name = str(command.get("name", ""))
    for node, path in _walk(command, name):
        named = chat or node is not command
        for text in (node.get("name"), *(node.get("name_localizations") or {}).values()):
            _check_name(str(text), path, slash=named)
        if named:
            texts = (node.get("description_localizations") or {}).values()
            for text in (node.get("description"), *texts):
                if not 1 <= len(str(text or "")) <= 100:
                    raise errors.invalid_form_body(f"{path}: description of 1 to 100 characters")
        if len(node.get("options") or []) > 25 or len(node.get("choices") or []) > 25:
            raise errors.invalid_form_body(f"{path}: at most 25 options, at most 25 choices")
        _check_order(node, path)
    size = sum(_size(node) for node, _ in _walk(command, name))
    if size > _CHARACTERS:
        raise errors.invalid_form_body(
            f"{name}: {size} characters, a command may have {_CHARACTERS}"
        )


def _walk(node: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    yield node, path
    for option in node.get("options") or []:
        yield from _walk(option, f"{path} {option.get('name')}")


def _check_name(name: str, path: str, *, slash: bool) -> None:
    if not slash:
        if not 1 <= len(name) <= 32:
            raise errors.invalid_form_body(f"{path}: name {name!r} of 1 to 32 characters")
    elif not _NAME.fullmatch(name) or name != name.lower():
        raise errors.invalid_form_body(
            f"{path}: name {name!r}: 1 to 32 lower-case letters, digits, '-' and '_'"
        )


def _check_order(node: Mapping[str, Any], path: str) -> None:
    required = [bool(option.get("required")) for option in node.get("options") or []]
    if required != sorted(required, reverse=True):
        raise errors.invalid_form_body(f"{path}: required options come first")


def _size(node: Mapping[str, Any]) -> int:
    """Count a node's own characters as Discord does: of each text its longest localisation."""

    def longest(key: str, part: Mapping[str, Any]) -> int:
        texts = (part.get(key), *(part.get(f"{key}_localizations") or {}).values())
        return max(len(str(text or "")) for text in texts)

    choices = node.get("choices") or []
    return (
        longest("name", node)
        + longest("description", node)
        + sum(longest("name", choice) + len(str(choice.get("value", ""))) for choice in choices)
    )
