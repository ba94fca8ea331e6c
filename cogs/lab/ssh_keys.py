"""`/ssh-key`: the keys people log in to their virtual machines with. All of it is private."""

from collections.abc import Sequence
from typing import Any

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.lab import SshKey
from bot.localization import Words
from cogs.kit import (
    Form,
    Interaction,
    Services,
    T,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    tell,
    words_for,
)
from cogs.lab.choices import own_key
from cogs.live import with_time
from cogs.text import coded, one_line

_MOST_LENGTH = 4000
_NAME_LENGTH = 32


class SshKeysCog(commands.Cog):
    """Takes, lists and forgets one's own public keys."""

    group = app_commands.Group(
        name="ssh-key",
        description=T("Your SSH keys for virtual machines; only you see them"),
        guild_only=True,
    )

    def __init__(self, services: Services) -> None:
        self._keys = services.lab.keys
        self._access = services.lab.access

    @group.command(name="add", description=T("Add a public key; without one, a form opens"))
    @app_commands.describe(
        key=T("The one line of your .pub file: ssh-ed25519 AAAA…"),
        name=T("What to call it; left out: by its comment"),
    )
    async def add(
        self,
        interaction: Interaction,
        key: app_commands.Range[str, 1, _MOST_LENGTH] | None = None,
        name: app_commands.Range[str, 1, _NAME_LENGTH] | None = None,
    ) -> None:
        """Keep a key, or ask for it in a form."""
        self._access.require_lab(guild_id_of(interaction))
        if key is None:
            await interaction.response.send_modal(KeyForm(words_for(interaction), name))
            return
        await add_key(interaction, key, name)

    @group.command(name="list", description=T("Your public keys and their fingerprints"))
    async def list(self, interaction: Interaction) -> None:
        """List one's own."""
        guild_id = guild_id_of(interaction)
        self._access.require_lab(guild_id)
        own = await self._keys.of(guild_id, interaction.user.id)
        await tell(interaction, keys_text(own, words_for(interaction)))

    @group.command(name="remove", description=T("Forget one of your keys"))
    @app_commands.describe(name=T("The key's name"))
    @app_commands.autocomplete(name=own_key)
    async def remove(self, interaction: Interaction, name: app_commands.Range[str, 1, 100]) -> None:
        """Forget a key."""
        by = person_of(interaction.user)
        async with in_time(interaction):
            removed = await self._keys.remove(guild_id_of(interaction), by, name)
        _ = words_for(interaction)
        text = _(
            "{name} is forgotten. Virtual machines that are there already still let it in.",
            name=coded(removed.name),
        )
        await tell(interaction, text)


class KeyForm(Form):
    """Takes a public key."""

    def __init__(self, _: Words, name: str | None) -> None:
        super().__init__(_("Add an SSH key"))
        self._key = ui.TextInput[Any](
            style=discord.TextStyle.long,
            max_length=_MOST_LENGTH,
            placeholder="ssh-ed25519 AAAA… you@laptop",
        )
        self._name = ui.TextInput[Any](required=False, max_length=_NAME_LENGTH, default=name)
        hint = _("The one line of your .pub file; never the private key")
        self.add_item(ui.Label(text=_("Public key"), description=hint, component=self._key))
        self.add_item(ui.Label(text=_("Name (optional)"), component=self._name))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Keep it."""
        await add_key(interaction, self._key.value, self._name.value or None)


async def add_key(interaction: Interaction, key: str, name: str | None) -> None:
    """Keep a key and show what was understood."""
    keys = services_of(interaction).lab.keys
    by = person_of(interaction.user)
    async with in_time(interaction):
        added = await keys.add(guild_id_of(interaction), by, key, name)
    _ = words_for(interaction)
    text = _(
        "Added {name}. Virtual machines that you create from now on let you in with it.",
        name=coded(added.name),
    )
    await tell(interaction, f"{text}\n{_line(added)}")


def keys_text(own: Sequence[SshKey], _: Words) -> str:
    """List keys by name, kind and fingerprint."""
    if not own:
        return _("You have no SSH key on file. /ssh-key add takes one.")
    head = _.plural("**{n} SSH key**", "**{n} SSH keys**", len(own))
    return "\n".join([head, *(f"- {_line(one)} · {with_time(one.added_at, 'f')}" for one in own)])


def _line(key: SshKey) -> str:
    return f"**{one_line(key.name)}** · {coded(key.kind)} · {coded(key.fingerprint)}"
