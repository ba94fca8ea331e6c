"""The forms behind `/setup`: limits, and time zones that aren't in the list."""

from collections.abc import Mapping
from typing import Any, Protocol

import discord
from discord import ui

from bot.errors import N_, BadInput, Term
from bot.guilds import CHOICE_NAMES, CHOICES
from bot.localization import Words
from cogs.kit import Form, Interaction

# A form holds five fields.
LIMITS = ("open_questions", "question_pace_seconds", "anonymous", "anonymous_open", "late_hours")
TIMES = (
    "quiet_ask_minutes",
    "quiet_end_minutes",
    "session_hours",
    "show_names",
    "notes_thread",
)
RECORDINGS = ("recording_days",)

# What the choices that are no numbers read like: off, on.
_SWITCHES = {
    "anonymous": (N_("not allowed"), N_("allowed")),
    "show_names": (N_("hidden"), N_("shown")),
    "notes_thread": (N_("in the talk's channel"), N_("in a thread of it")),
}
_DEFAULT = "default"


class NotANumber(BadInput):
    """Letters where a number belongs."""

    message = N_("{name}: please write a whole number.")


class Change(Protocol):
    """Makes a change to the server's choices."""

    async def __call__(
        self,
        interaction: Interaction,
        *,
        columns: Mapping[str, Any] | None = None,
        choices: Mapping[str, int | None] | None = None,
    ) -> None:
        """Make it and show the card anew."""


def switch_words(name: str, value: int, _: Words) -> str | None:
    """Say what a choice that is no number means; None for numbers."""
    return _(_SWITCHES[name][value]) if name in _SWITCHES else None


class LimitsForm(Form):
    """Takes some of the limits; an empty field goes back to the default."""

    def __init__(
        self,
        _: Words,
        names: tuple[str, ...],
        chosen: Mapping[str, int],
        defaults: Mapping[str, int],
        change: Change,
    ) -> None:
        super().__init__(_("Limits"))
        self._change = change
        self._numbers: dict[str, ui.TextInput[Any]] = {}
        self._switches: dict[str, ui.Select[Any]] = {}
        for name in names:
            label = _(CHOICE_NAMES[name])[:45]
            if name in _SWITCHES:
                self._switches[name] = switch = _switch(name, chosen.get(name), defaults[name], _)
                self.add_item(ui.Label(text=label, component=switch))
            else:
                self._numbers[name] = number = ui.TextInput[Any](
                    custom_id=name,
                    required=False,
                    max_length=6,
                    default=str(chosen[name]) if name in chosen else None,
                    placeholder=str(defaults[name]),
                )
                least, most = CHOICES[name]
                hint = _(
                    "{least} to {most}; left empty: {default}",
                    least=least,
                    most=most,
                    default=defaults[name],
                )
                self.add_item(ui.Label(text=label, description=hint[:100], component=number))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Make the change."""
        choices = {name: _number(name, field.value) for name, field in self._numbers.items()}
        for name, switch in self._switches.items():
            value = switch.values[0] if switch.values else _DEFAULT
            choices[name] = None if value == _DEFAULT else int(value)
        await self._change(interaction, choices=choices)


class TimeZoneForm(Form):
    """Takes a time zone by its name."""

    def __init__(self, _: Words, present: str, change: Change) -> None:
        super().__init__(_("Time zone"))
        self._change = change
        self._name = ui.TextInput[Any](custom_id="time_zone", default=present, max_length=60)
        self.add_item(
            ui.Label(
                text=_("Time zone"),
                description=_("A name of the tz database, like Asia/Tokyo"),
                component=self._name,
            )
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Make the change."""
        await self._change(interaction, columns={"time_zone": self._name.value.strip()})


def _switch(name: str, chosen: int | None, default: int, _: Words) -> ui.Select[Any]:
    words = {str(value): _(word) for value, word in enumerate(_SWITCHES[name])}
    options = {_DEFAULT: _("Default ({word})", word=_(_SWITCHES[name][default])), **words}
    present = _DEFAULT if chosen is None else str(chosen)
    return ui.Select[Any](
        custom_id=name,
        options=[
            discord.SelectOption(label=label, value=value, default=value == present)
            for value, label in options.items()
        ],
    )


def _number(name: str, typed: str) -> int | None:
    typed = typed.strip()
    if not typed:
        return None
    # Full-width digits are digits too: `isdecimal` and `int` agree on them.
    if not typed.isdecimal():
        raise NotANumber(name=Term(CHOICE_NAMES[name]))
    return int(typed)
