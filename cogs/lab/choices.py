"""Options of the lab's commands: what people type, read; and what is offered while they type."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from discord import app_commands

from bot.lab import GuestTemplate, Instance, Kind, LabRole
from bot.lab.guest_errors import NotAContainer, NotAGuest
from cogs.kit import Interaction, channel_ids_of, guild_id_of, person_of, services_of
from cogs.text import plain_line

T = TypeVar("T")

Choice = app_commands.Choice[Any]

_CHOICES = 25


class Read(app_commands.Transformer, Generic[T]):
    """An option that one of the lab's parsers reads; some usual values are offered."""

    def __init__(self, parse: Callable[[str], T], *usual: str) -> None:
        self._parse = parse
        self._usual = usual

    async def transform(self, _interaction: Interaction, value: Any, /) -> T:
        """Read it; what is wrong with it is said by the parser."""
        return self._parse(str(value))

    async def autocomplete(self, _interaction: Interaction, value: Any, /) -> list[Choice]:
        """Offer what was typed so far, and usual values."""
        typed = str(value).strip()
        return choices(typed, ((one, one) for one in self._usual))


class ChosenInstance(app_commands.Transformer):
    """An instance by its name. `kind`: only of that kind."""

    def __init__(self, kind: Kind | None = None) -> None:
        self._kind = kind

    async def transform(self, interaction: Interaction, value: Any, /) -> Instance:
        """Return it.

        Raises:
            NoSuchInstance, NotYours, NotAGuest, NotAContainer, LabOff, NoLab.
        """
        services = services_of(interaction)
        by = person_of(interaction.user)
        found = await services.lab.instances.named(guild_id_of(interaction), str(value), by)
        if self._kind not in (None, found.kind):
            raise (NotAGuest if self._kind is Kind.GUEST else NotAContainer)(name=found.name)
        return found

    async def autocomplete(self, interaction: Interaction, value: Any, /) -> list[Choice]:
        """Offer one's own, to staff everybody's."""
        directory = services_of(interaction).lab.directory
        found = directory.theirs(guild_id_of(interaction), person_of(interaction.user))
        labels = (
            (f"{one.name} ({one.template or one.image})", one.name)
            for one in found
            if self._kind in (None, one.kind)
        )
        return choices(str(value), labels)


async def what_to_run(interaction: Interaction, typed: str) -> list[Choice]:
    """Offer the catalogue, then the local images that somebody may run."""
    services = services_of(interaction)
    if not services.lab.access.has_lab(guild_id_of(interaction)):
        return []
    templates = (
        (f"{one.name} — {one.description}" if one.description else one.name, one.name)
        for one in services.lab.images.templates
    )
    return choices(typed, [*templates, *((name, name) for name in _images(interaction))])


async def local_image(interaction: Interaction, typed: str) -> list[Choice]:
    """Offer the local images that somebody may name."""
    return choices(typed, ((name, name) for name in _images(interaction)))


def _images(interaction: Interaction) -> tuple[str, ...]:
    services = services_of(interaction)
    session = services.sessions.at(*channel_ids_of(interaction.channel))
    if session is None or not services.lab.access.has_lab(session.guild_id):
        return ()
    return services.lab.images.names_for(session, person_of(interaction.user))


async def guest_to_create(interaction: Interaction, typed: str) -> list[Choice]:
    """Offer the virtual machines that somebody may create."""
    found = guest_templates(interaction)
    labels = (
        (f"{one.name} — {one.description}" if one.description else one.name, one.name)
        for one in found
    )
    return choices(typed, labels)


async def iso_to_insert(interaction: Interaction, typed: str) -> list[Choice]:
    """Offer the catalogue's ISOs."""
    services = services_of(interaction)
    if not services.lab.access.has_lab(guild_id_of(interaction)):
        return []
    labels = (
        (f"{one.name} — {one.description}" if one.description else one.name, one.name)
        for one in services.lab.guests.isos()
    )
    return choices(typed, labels)


async def own_key(interaction: Interaction, typed: str) -> list[Choice]:
    """Offer one's own SSH keys."""
    keys = services_of(interaction).lab.keys
    own = await keys.of(guild_id_of(interaction), interaction.user.id)
    return choices(typed, ((f"{one.name} ({one.fingerprint})", one.name) for one in own))


def guest_templates(interaction: Interaction) -> list[GuestTemplate]:
    """Return the virtual machines that somebody may create here: outside a talk, as an attendee."""
    services = services_of(interaction)
    guild_id = guild_id_of(interaction)
    if not services.lab.access.has_lab(guild_id):
        return []
    session = services.sessions.at(*channel_ids_of(interaction.channel))
    role = LabRole.ATTENDEE
    if session is not None:
        role = services.lab.access.role(person_of(interaction.user), session)
    return services.lab.guests.templates(role)


def choices(typed: str, labels: Iterable[tuple[str, str]]) -> list[Choice]:
    """Return what holds what was typed: first what begins with it."""
    typed = typed.casefold().strip()
    fitting = [(label, value) for label, value in labels if typed in label.casefold()]
    fitting.sort(key=lambda one: not one[1].casefold().startswith(typed))
    return [
        app_commands.Choice(name=plain_line(label), value=value)
        for label, value in fitting[:_CHOICES]
        if len(value) <= 100
    ]
