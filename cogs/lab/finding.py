"""Which images there are: in the catalogue, on the hosts, on the public hub."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from discord import ui

from bot.lab import FoundImage, Image, Template
from bot.lab.errors import HostUnreachable, HubUnreachable
from bot.localization import Words
from cogs.controls import Lasting, row
from cogs.kit import (
    Interaction,
    Services,
    channel_ids_of,
    guild_id_of,
    person_of,
    services_of,
    words_for,
)
from cogs.lab.meters import size
from cogs.lab.output import post_button
from cogs.lab.tables import clipped, table
from cogs.text import coded, fenced, one_line, page, plain_line

_TABLE = 2400
_ID = 12
_LATEST = "latest"


def image_list(interaction: Interaction, found: Sequence[Image]) -> Lasting:
    """List the catalogue, and the local images as the engine does."""
    services = services_of(interaction)
    _ = words_for(interaction)
    items: list[ui.Item[Any]] = [ui.TextDisplay(_catalogue(services, _))]
    if found:
        items.append(ui.TextDisplay(_local(found, services.clock(), _)))
    return Lasting(*items, *_posting(interaction))


async def found_view(interaction: Interaction, term: str) -> Lasting:
    """Show what the hub has; where it can't be reached, say so and offer what is here."""
    services = services_of(interaction)
    guild_id = guild_id_of(interaction)
    _ = words_for(interaction)
    try:
        found = await services.lab.images.search(guild_id, term)
    except HubUnreachable as error:
        instead = await _instead(services, guild_id, term, error, _)
        return Lasting(ui.TextDisplay(instead), *_posting(interaction))
    if not found:
        text = _("The public hub has nothing for “{term}”.", term=one_line(term))
        return Lasting(ui.TextDisplay(text))
    head = _("**The public hub** on “{term}”:", term=one_line(term))
    text = clipped(head, [_found_line(one, _) for one in found], _)
    return Lasting(ui.TextDisplay(text), *_posting(interaction))


async def _instead(
    services: Services, guild_id: int, term: str, error: HubUnreachable, _: Words
) -> str:
    lines = [_(error.message)]
    wanted = term.casefold()
    templates = [one for one in services.lab.images.templates if _fits(one, wanted)]
    try:
        local = await services.lab.images.local(guild_id)
    except HostUnreachable:
        local = []
    tags = [tag for image in local for tag in image.tags if wanted in tag.casefold()]
    if not templates and not tags:
        templates = services.lab.images.templates
    if templates:
        lines += [_("The catalogue has:"), *(_template_line(one) for one in templates)]
    if tags:
        lines += [_("On the lab's host:"), *(f"- {coded(tag, 200)}" for tag in tags)]
    return clipped(lines[0], lines[1:], _)


def _fits(template: Template, wanted: str) -> bool:
    return any(wanted in text.casefold() for text in (template.name, template.image))


def _found_line(found: FoundImage, _: Words) -> str:
    official = " · ✅ " + _("official") if found.is_official else ""
    what = f"\n-# {one_line(found.description, 120)}" if found.description.strip() else ""
    return f"- {coded(found.name, 200)} ⭐ {found.stars}{official}{what}"


def _template_line(template: Template) -> str:
    what = f" — {one_line(template.description)}" if template.description else ""
    return f"- **{one_line(template.name)}** {coded(template.image)}{what}"


def _catalogue(services: Services, _: Words) -> str:
    templates = services.lab.images.templates
    lines = [_template_line(one) for one in templates]
    if not templates:
        lines = [_("It is empty.")]
    return clipped(_("**Catalogue** (run one by its name: /container run)"), lines, _, 1000)


def _local(found: Sequence[Image], now: datetime, _: Words) -> str:
    rows = [cells for image in found for cells in _rows(image, now, _)]
    text = table(("REPOSITORY", "TAG", "IMAGE ID", "SIZE", "CREATED"), rows)
    shown = page(text, _TABLE)
    left = text.count("\n") - shown.count("\n")
    more = "\n-# " + _("… and {n} more", n=left) if left else ""
    return _("**On the lab's host**") + "\n" + fenced(shown) + more


def _rows(image: Image, now: datetime, _: Words) -> Iterable[Sequence[str]]:
    short = image.id.removeprefix("sha256:")[:_ID]
    for tag in image.tags:
        slash, colon = tag.rfind("/"), tag.rfind(":")
        name, version = (tag[:colon], tag[colon + 1 :]) if colon > slash else (tag, _LATEST)
        age = _age(now, image.created_at, _)
        yield plain_line(name, 40), plain_line(version, 20), short, size(image.size_bytes), age


def _age(now: datetime, made_at: datetime | None, _: Words) -> str:
    if made_at is None:
        return "–"
    seconds = max(0.0, (now - made_at).total_seconds())
    if seconds < 2 * 3600:
        return _("{n} min", n=int(seconds // 60))
    if seconds < 2 * 86_400:
        return _("{n} h", n=int(seconds // 3600))
    return _("{n} days", n=int(seconds // 86_400))


def _posting(interaction: Interaction) -> list[ui.Item[Any]]:
    """Return the button that posts it for everybody, for those who run the talk here."""
    services = services_of(interaction)
    session = services.sessions.at(*channel_ids_of(interaction.channel))
    if session is None or not session.is_open:
        return []
    if not services.lab.access.role(person_of(interaction.user), session).is_lead:
        return []
    return [row(post_button(session.id, words_for(interaction)))]
