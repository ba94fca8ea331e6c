"""Buttons and selects that outlive the process.

Everything a lasting control needs stands in its custom id: `do:VERB:KEY[:ARG]`. Two dynamic
item classes serve them all; a cog says with `@handles("verb")` what a verb does. After a
restart they work on, without any view having been kept.

A lasting view holds nothing but these and is never stopped: discord.py forgets a dynamic
item's class for the whole process when a view that also holds ordinary items times out.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import discord
import structlog
from discord import ui

from bot.errors import N_, Conflict
from cogs.kit import Interaction, report

log = structlog.get_logger(__name__)

_TEMPLATE = re.compile(r"do:(?P<verb>[a-z_]+):(?P<key>\d+)(?::(?P<arg>\d+))?")


class ControlUnknown(Conflict):
    """The control is of another version of the bot."""

    message = N_("This button is out of date. Please use a newer message.")


@dataclass(frozen=True, slots=True)
class Press:
    """What was pressed or chosen: `key` is usually a session, `arg` a question or a page."""

    interaction: Interaction
    key: int
    arg: int | None
    values: Sequence[str] = ()

    @property
    def value(self) -> str:
        """What was chosen.

        Raises:
            ControlUnknown: it was no select.
        """
        if not self.values:
            raise ControlUnknown
        return self.values[0]


Handler = Callable[[Press], Awaitable[None]]

_handlers: dict[str, Handler] = {}


def handles(verb: str) -> Callable[[Handler], Handler]:
    """Say what pressing a control of this verb does."""

    def register(handler: Handler) -> Handler:
        _handlers[verb] = handler
        return handler

    return register


async def _unknown(_press: Press) -> None:
    raise ControlUnknown


async def _act(match: re.Match[str], interaction: Interaction, values: Sequence[str]) -> None:
    # Neither the tree's nor a view's error handler sees a dynamic item's errors.
    try:
        handler = _handlers.get(match["verb"], _unknown)
        arg = int(match["arg"]) if match["arg"] else None
        await handler(Press(interaction, int(match["key"]), arg, values))
    except Exception as error:  # noqa: BLE001 - told to the person and logged by `report`
        await report(interaction, error)


class LastingButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """A button that outlives the process."""

    def __init__(self, button: ui.Button[Any], match: re.Match[str]) -> None:
        super().__init__(button)
        self._match = match

    @classmethod
    async def from_custom_id(
        cls, _interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild it from a press."""
        assert isinstance(item, ui.Button)  # noqa: S101 - the prefix "do:" is the buttons'
        return cls(item, match)

    async def callback(self, interaction: Interaction) -> None:
        """Do what the verb says."""
        await _act(self._match, interaction, ())


_SELECT_TEMPLATE = re.compile(r"choose:(?P<verb>[a-z_]+):(?P<key>\d+)(?::(?P<arg>\d+))?")


class LastingSelect(ui.DynamicItem[ui.Select[Any]], template=_SELECT_TEMPLATE):
    """A select that outlives the process."""

    def __init__(self, select: ui.Select[Any], match: re.Match[str]) -> None:
        super().__init__(select)
        self._match = match

    @classmethod
    async def from_custom_id(
        cls, _interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild it from a choice."""
        assert isinstance(item, ui.Select)  # noqa: S101 - the prefix "choose:" is the selects'
        return cls(item, match)

    async def callback(self, interaction: Interaction) -> None:
        """Do what the verb says with what was chosen."""
        await _act(self._match, interaction, self.item.values)


def _custom_id(prefix: str, verb: str, key: int, arg: int | None) -> str:
    return f"{prefix}:{verb}:{key}" + (f":{arg}" if arg is not None else "")


def button(
    verb: str,
    key: int,
    label: str,
    *,
    arg: int | None = None,
    style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    emoji: str | None = None,
    disabled: bool = False,
) -> LastingButton:
    """Make a lasting button."""
    custom_id = _custom_id("do", verb, key, arg)
    match = _TEMPLATE.fullmatch(custom_id)
    assert match is not None, custom_id  # noqa: S101 - a verb that can't be read back is a bug
    return LastingButton(
        ui.Button(
            label=label[:80], custom_id=custom_id, style=style, emoji=emoji, disabled=disabled
        ),
        match,
    )


def select(
    verb: str,
    key: int,
    placeholder: str,
    options: Sequence[discord.SelectOption],
    *,
    arg: int | None = None,
) -> LastingSelect:
    """Make a lasting select of one choice among at most 25."""
    custom_id = _custom_id("choose", verb, key, arg)
    match = _SELECT_TEMPLATE.fullmatch(custom_id)
    assert match is not None, custom_id  # noqa: S101 - a verb that can't be read back is a bug
    return LastingSelect(
        ui.Select(placeholder=placeholder[:150], custom_id=custom_id, options=list(options)[:25]),
        match,
    )


def row(*items: LastingButton | LastingSelect) -> ui.ActionRow[Any]:
    """Put lasting controls into a row: up to five buttons, or one select."""
    return ui.ActionRow[Any](*items)


class Lasting(ui.LayoutView):
    """A view that outlives the process. Put nothing but texts and lasting controls into it."""

    def __init__(self, *items: ui.Item[Any]) -> None:
        super().__init__(timeout=None)
        for item in items:
            self.add_item(item)


DYNAMIC_ITEMS = (LastingButton, LastingSelect)
