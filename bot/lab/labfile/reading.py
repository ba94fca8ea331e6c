"""Reads lab.toml and says in one line a problem what is wrong with it, and where."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.lab.errors import BadLabFile
from bot.lab.labfile.lines import KeyPath, line_of, lines_of
from bot.lab.labfile.rules import Problem, problems_of
from bot.lab.labfile.tables import LabFile

_MOST_SHOWN = 60
_WRONG_KIND = {
    "string_type": 'must be text in quotation marks, like "…"',
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list, like […]",
    "dict_type": 'must be a table, like { KEY = "value" }',
    "model_type": "must be a table",
}
# What people who know the engine look for first. No key leads there, whatever it is called.
_NEVER = re.compile(
    r"privileged|devices?|binds?|mounts?|volumes?|sockets?|network(?:_mode)?|pid|ipc|uts|userns"
    r"(?:_mode)?|cgroup.*|security_opts?|cap_add|sysctls?|restart|user"
)


def read(path: Path) -> LabFile:
    """Read and check the whole file.

    Raises:
        BadLabFile: with one line a problem, in the file's order.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _refused(path, f"can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise _refused(path, f"isn't UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refused(path, _syntax(str(error), text)) from error
    try:
        file = LabFile.model_validate(content)
    except ValidationError as error:
        problems = [_problem(one) for one in error.errors(include_url=False)]
        raise _listed(path, text, problems) from error
    problems = list(problems_of(file, path.parent))
    if problems:
        raise _listed(path, text, problems)
    return file


def spoken(path: KeyPath) -> str:
    """Write a key's path: "hosts[0].ports"."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if number else part
        for number, part in enumerate(path)
    )


def _refused(path: Path, what: str) -> BadLabFile:
    return BadLabFile(path=path, problems=f"  {path.name} {what}")


def _syntax(message: str, text: str) -> str:
    """Turn tomllib's "… (at line 3, column 5)" around, so that the line comes first."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if match is None:
        return f"isn't TOML: {message}."
    line = match[2] or str(text.count("\n") + 1)
    column = f" (column {match[3]})" if match[3] else " (the file ends here)"
    return f", line {line}: isn't TOML: {match[1]}{column}."


def _listed(path: Path, text: str, problems: Iterable[Problem]) -> BadLabFile:
    lines = lines_of(text)
    found = sorted(
        ((line_of(lines, key) or 0, spoken(key), what) for key, what in problems),
        key=lambda one: one[0],
    )
    return BadLabFile(
        path=path,
        problems="\n".join(
            f"  {path.name}, {f'line {line}, ' if line else ''}{key}: {_sentence(what)}"
            for line, key, what in found
        ),
    )


def _sentence(what: str) -> str:
    """End it, and keep it on its one line whatever the file has in it."""
    shown = "".join(one if one.isprintable() else repr(one)[1:-1] for one in what)
    return shown if shown.endswith((".", "?")) else f"{shown}."


def _problem(error: ErrorDetails) -> Problem:
    """Say one of pydantic's errors in words that help in a TOML file."""
    path = tuple(part for part in error["loc"] if part != "[key]")
    kind, given = error["type"], error["input"]
    if kind == "missing":
        return path, "is missing"
    if kind == "extra_forbidden":
        return path, _unknown_key(path)
    if kind in _WRONG_KIND:
        hint = ""
        if isinstance(given, Mapping) and kind == "list_type":
            hint = f". Write its heading as [[{spoken(path)}]]"
        return path, f"{_WRONG_KIND[kind]}{_but_is(path, given)}{hint}"
    what = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    if kind == "value_error":
        return path, what
    return path, f"{what}{_but_is(path, given)}"


def _but_is(path: KeyPath, given: Any) -> str:
    if "environment" in path:
        return ""  # it may be a password
    if isinstance(given, bool):
        text = str(given).lower()
    elif isinstance(given, str):
        text = f'"{given}"'
    elif isinstance(given, (int, float)):
        text = str(given)
    else:
        text = "a table" if isinstance(given, Mapping) else "a list"
    return f", not {text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + '…'}"


def _unknown_key(path: KeyPath) -> str:
    key = str(path[-1])
    if path[0] == "templates" and _NEVER.fullmatch(key.lower()):
        return (
            "there is no such key, on purpose: nothing here reaches privileges, the host's"
            " namespaces, devices, folders or the engine's socket"
        )
    known = _keys_at(path[:-1])
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f'there is no such key. Is it "{close[0]}"?'
    return f"there is no such key. Known here: {', '.join(known)}"


def _keys_at(path: KeyPath) -> list[str]:
    """Return the keys of the table at `path`."""
    table: type[BaseModel] = LabFile
    for part in path:
        if isinstance(part, int):
            continue
        annotation: Any = table.model_fields[part].annotation
        table = (*get_args(annotation), annotation)[0]
    return list(table.model_fields)
