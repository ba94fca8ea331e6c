"""Options of the usage commands: an instance somebody may know of, a machine of the lab."""

from typing import Any

from discord import app_commands

from bot.errors import N_, NotFound
from bot.lab import Instance
from bot.lab.errors import NoSuchInstance
from cogs.kit import Interaction, guild_id_of, person_of, services_of
from cogs.lab.choices import Choice, choices


class NoSuchHost(NotFound):
    """The lab has no machine of that name."""

    message = N_("The lab has no machine “{name}”. /lab status shows those it has.")


class SeenInstance(app_commands.Transformer):
    """An instance by its name: a public one, one's own; for staff each of their talk's."""

    async def transform(self, interaction: Interaction, value: Any, /) -> Instance:
        """Return it.

        Raises:
            NoSuchInstance: there is none that they may know of. LabOff, NoLab.
        """
        services = services_of(interaction)
        guild_id, by = guild_id_of(interaction), person_of(interaction.user)
        wanted = str(value).strip().casefold()
        for instance in await services.lab.instances.visible(guild_id, by):
            if instance.name.casefold() == wanted:
                return instance
        raise NoSuchInstance(name=str(value))

    async def autocomplete(self, interaction: Interaction, value: Any, /) -> list[Choice]:
        """Offer those, from memory."""
        directory = services_of(interaction).lab.directory
        found = directory.seen(guild_id_of(interaction), person_of(interaction.user))
        labels = ((f"{one.name} ({one.template or one.image})", one.name) for one in found)
        return choices(str(value), labels)


class ChosenHost(app_commands.Transformer):
    """A machine of the lab by its name."""

    async def transform(self, interaction: Interaction, value: Any, /) -> str:
        """Return its name.

        Raises:
            NoSuchHost. LabOff, NoLab.
        """
        services = services_of(interaction)
        services.lab.access.require_lab(guild_id_of(interaction))
        wanted = str(value).strip().casefold()
        for host in services.usage.hosts:
            if host.casefold() == wanted:
                return host
        raise NoSuchHost(name=str(value))

    async def autocomplete(self, interaction: Interaction, value: Any, /) -> list[Choice]:
        """Offer them all."""
        services = services_of(interaction)
        if not services.lab.access.has_lab(guild_id_of(interaction)):
            return []
        return choices(str(value), ((host, host) for host in services.usage.hosts))
