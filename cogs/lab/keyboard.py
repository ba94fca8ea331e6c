"""A guest's keyboard: keys as buttons, and a form for text."""

from collections.abc import Awaitable, Callable
from typing import Any

from discord import ui

from bot.lab import Instance
from bot.localization import Words
from cogs.controls import button, row
from cogs.kit import Form, Interaction

_MOST_TYPED = 300

# Their places stand in the custom ids of messages that were sent: add at the end only.
KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Enter", ("ENTER",)),
    ("Tab", ("TAB",)),
    ("Esc", ("ESC",)),
    ("Ctrl-Alt-Del", ("LEFTCTRL", "LEFTALT", "DELETE")),
    ("←", ("LEFT",)),
    ("↑", ("UP",)),
    ("↓", ("DOWN",)),
    ("→", ("RIGHT",)),
    ("Space", ("SPACE",)),
    ("Backspace", ("BACKSPACE",)),
    ("F12", ("F12",)),
)
_ROWS = ((0, 1, 2, 9, 3), (4, 5, 6, 7, 8))


def key_rows(instance_id: int) -> list[ui.ActionRow[Any]]:
    """Return the buttons of a guest's keys."""
    return [
        row(*(button("vm_key", instance_id, KEYS[place][0], arg=place) for place in places))
        for places in _ROWS
    ]


class TypeForm(Form):
    """Takes a text to type on a guest's keyboard."""

    def __init__(
        self,
        _: Words,
        instance: Instance,
        typed: Callable[[Interaction, Instance, str], Awaitable[None]],
    ) -> None:
        super().__init__(_("Type on {name}", name=instance.name))
        self._instance = instance
        self._typed = typed
        self._text = ui.TextInput[Any](max_length=_MOST_TYPED)
        self._enter = ui.Checkbox[Any](default=True)
        hint = _("On a US keyboard, which is what it sees")
        self.add_item(ui.Label(text=_("Text"), description=hint, component=self._text))
        self.add_item(ui.Label(text=_("Then press Enter"), component=self._enter))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Type it, then show the screen."""
        text = self._text.value + ("\n" if self._enter.value else "")
        await self._typed(interaction, self._instance, text)
