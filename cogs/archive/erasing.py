"""`/me erase`: what it means, and doing it."""

from typing import Any

import discord
from discord import ui

from bot.archive import Erased
from bot.localization import Words
from cogs.archive.remaking import Remaking
from cogs.controls import Lasting
from cogs.kit import Card, Interaction, guild_id_of, services_of, words_for


class EraseCard(Card):
    """Says what erasing means; the button does it."""

    def __init__(self, _: Words, remaking: Remaking, *, words_too: bool) -> None:
        super().__init__()
        self._remaking = remaking
        self._words_too = words_too
        self.add_item(ui.TextDisplay(_meaning(words_too, _)))
        confirm = ui.Button[Any](
            label=_("Erase my name and words") if words_too else _("Erase my name"),
            style=discord.ButtonStyle.danger,
            custom_id="erase",
        )
        confirm.callback = self._erase
        self.add_item(ui.ActionRow[Any](confirm))

    async def _erase(self, interaction: Interaction) -> None:
        # Posted files are made anew one by one, which may take longer than three seconds.
        await interaction.response.defer()
        guild_id = guild_id_of(interaction)
        erased = await services_of(interaction).archive.erase(
            guild_id, interaction.user.id, words_too=self._words_too
        )
        unreached = await self._remaking.make_anew(guild_id)
        text = _done(erased, unreached.number, words_for(interaction))
        await interaction.edit_original_response(view=Lasting(ui.TextDisplay(text)))


def _meaning(words_too: bool, _: Words) -> str:
    if words_too:
        what = _(
            "Your questions and answers in this server are emptied, your votes taken back and"
            " your name forgotten."
        )
    else:
        what = _(
            "Your questions and answers in this server stay, without your name; your votes are"
            " taken back."
        )
    rest = _(
        "The board and the files I posted follow. Your own messages stay: delete them yourself."
        " Files that somebody has already downloaded can't be taken back. This can't be undone."
    )
    recordings = _("The recordings of talks you spoke in go, too.")
    return f"{what} {recordings}\n{rest}"


def _done(erased: Erased, unreached: int, _: Words) -> str:
    text = _.plural("Erased, in {n} session.", "Erased, in {n} sessions.", erased.sessions)
    if unreached:
        text += "\n" + _.plural(
            "{n} posted file couldn't be changed yet; I try again for some hours. If it stays,"
            " please ask a moderator to delete it.",
            "{n} posted files couldn't be changed yet; I try again for some hours. If they stay,"
            " please ask a moderator to delete them.",
            unreached,
        )
    return text
