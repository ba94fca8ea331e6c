"""The private card of `/notes import-answers`: look, choose, write."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.localization import Words
from bot.notes import Proposal
from bot.sessions import Session
from cogs.controls import Lasting
from cogs.kit import Card, Interaction, person_of, services_of, words_for
from cogs.notes.render import proposals
from cogs.text import plain_line

_MOST = 25


class ImportCard(Card):
    """Shows what was found; what stays chosen is written when the button is pressed."""

    def __init__(self, _: Words, session: Session, found: Sequence[Proposal]) -> None:
        super().__init__()
        self._session = session
        self._new = [one for one in found if not one.is_known][:_MOST]
        self._chosen = {one.question_id for one in self._new}
        self.add_item(ui.TextDisplay(proposals(found, _)))
        if not self._new:
            return
        self._select = ui.Select[Any](
            custom_id="chosen",
            placeholder=_("None"),
            min_values=0,
            max_values=len(self._new),
            options=[
                discord.SelectOption(
                    label=plain_line(f"#{one.number} {one.asked}"),
                    value=str(one.question_id),
                    default=True,
                )
                for one in self._new
            ],
        )
        self._select.callback = self._choose
        confirm = ui.Button[Any](
            label=_("Write these answers"), style=discord.ButtonStyle.primary, custom_id="write"
        )
        confirm.callback = self._write
        self.add_item(ui.ActionRow[Any](self._select))
        self.add_item(ui.ActionRow[Any](confirm))

    async def _choose(self, interaction: Interaction) -> None:
        self._chosen = {int(value) for value in self._select.values}
        for option in self._select.options:
            option.default = int(option.value) in self._chosen
        await interaction.response.edit_message(view=self)

    async def _write(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        chosen = [one for one in self._new if one.question_id in self._chosen]
        number = await services_of(interaction).answer_import.write(
            self._session, person_of(interaction.user), chosen
        )
        _ = words_for(interaction)
        text = _.plural("{n} answer written.", "{n} answers written.", number)
        await interaction.edit_original_response(view=Lasting(ui.TextDisplay(text)))
