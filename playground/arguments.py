"""A request's arguments, checked as they are read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from simcord.backend import errors

from playground.acting import Upload
from playground.viewing import Viewer


class Arguments:
    """Reads what a request carries beside its name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def id(self, name: str) -> int:
        """Return an id, which must be there."""
        value = self.optional_id(name)
        if value is None:
            raise errors.invalid_form_body(f"{name}: This field is required")
        return value

    def optional_id(self, name: str) -> int | None:
        """Return an id, or None."""
        value = self.values.get(name)
        if value is None:
            return None
        if not str(value).isdecimal():
            raise errors.invalid_form_body(f"{name}: not an id")
        return int(value)

    def ids(self, name: str) -> list[int]:
        """Return a list of ids, empty where there is none."""
        return [int(value) for value in self.values.get(name) or []]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise errors.invalid_form_body(f"{name}: This field is required")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number; without a default it must be there."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise errors.invalid_form_body(f"{name}: not a number")
        return float(value)

    def names(self, name: str) -> list[str]:
        """Return a list of texts, empty where there is none."""
        return [str(value) for value in self.values.get(name) or []]

    def table(self, name: str) -> dict[str, Any]:
        """Return an object, empty where there is none; files in it as (name, bytes)."""
        return {key: _with_files(value) for key, value in (self.values.get(name) or {}).items()}

    def files(self, name: str) -> list[Upload]:
        """Return files, empty where there are none."""
        return [_file(value) for value in self.values.get(name) or []]


def _with_files(value: Any) -> Any:
    if isinstance(value, Mapping) and "base64" in value:
        return _file(value)
    if isinstance(value, list):
        return [_with_files(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _file(value: Mapping[str, Any]) -> Upload:
    try:
        return str(value["name"]), base64.b64decode(value["base64"], validate=True)
    except (KeyError, binascii.Error) as error:
        raise errors.invalid_form_body("a file is {name, base64}") from error


Handler = Callable[[Arguments, Viewer | None], Any]
"""Carries out one request; what it returns, or the awaitable it returns, is the result."""
