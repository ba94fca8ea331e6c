"""The form notes are pasted into."""

from typing import Any

import discord
from discord import ui

from bot.localization import Words
from bot.notes import Place, PostedNotes
from bot.sessions import Session
from cogs.kit import Form, Interaction, person_of, services_of
from cogs.notes.places import place_for
from cogs.notes.posting import show_posted
from cogs.notes.publisher import NotesPublisher

_MOST = 4000


class NotesForm(Form):
    """Takes notes as text; those that stand are there to be changed if they fit."""

    def __init__(
        self,
        _: Words,
        publisher: NotesPublisher,
        session: Session,
        place: Place | None,
        known: PostedNotes | None,
    ) -> None:
        super().__init__(_("Notes"))
        self._publisher = publisher
        self._session = session
        self._place = place
        fits = known is not None and len(known.source) <= _MOST
        self._text = ui.TextInput[Any](
            custom_id="text",
            style=discord.TextStyle.long,
            max_length=_MOST,
            default=known.source if known is not None and fits else None,
        )
        self.add_item(
            ui.Label(
                text=_("Notes"),
                description=_("Markdown. Longer ones: as a file or an address."),
                component=self._text,
            )
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Post them."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        place = await place_for(interaction, self._session, self._place)
        event_id = await services_of(interaction).notes.post(
            self._session, person_of(interaction.user), self._text.value, "text", place
        )
        await show_posted(interaction, self._publisher, self._session, event_id)
