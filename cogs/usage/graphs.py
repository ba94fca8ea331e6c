"""`/lab graph`: four panels of an instance, a machine, or the whole session."""

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import N_, BadInput
from bot.lab import Instance
from bot.localization import Words
from bot.sessions import Session
from cogs.archive.files import as_file
from cogs.kit import (
    Interaction,
    channel_ids_of,
    guild_id_of,
    services_of,
    words_for,
    words_of_guild,
)
from cogs.text import one_line
from cogs.usage.standing import is_for_everybody


class OneAtATime(BadInput):
    """Asked for two things in one picture."""

    message = N_("A graph shows one thing: give an instance, a host or a session, not several.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be drawn; nothing given: the session here, else the first machine."""

    instance: Instance | None
    host: str | None
    session: Session | None
    over: timedelta


async def send_graph(interaction: Interaction, wanted: Wanted, public: bool | None) -> None:
    """Draw it and answer with the picture.

    Raises:
        OneAtATime, PostingIsForTheTalk.
    """
    given = [one for one in (wanted.instance, wanted.host, wanted.session) if one is not None]
    if len(given) > 1:
        raise OneAtATime
    for_all = is_for_everybody(interaction, public)
    if wanted.instance is not None and not wanted.instance.public:
        for_all = False
    await interaction.response.defer(ephemeral=not for_all, thinking=True)
    services = services_of(interaction)
    _ = words_of_guild(services, guild_id_of(interaction)) if for_all else words_for(interaction)
    text, png = await _drawn(interaction, wanted, _)
    if png is None:
        failed = _("The picture couldn't be drawn this time.")
        await interaction.edit_original_response(content=f"{text}\n{failed}")
        return
    file = as_file(png, "usage.png")
    await interaction.edit_original_response(content=text, attachments=[file])


async def _drawn(interaction: Interaction, wanted: Wanted, _: Words) -> tuple[str, bytes | None]:
    services = services_of(interaction)
    usage = services.usage
    minutes = round(wanted.over.total_seconds() / 60)
    if wanted.instance is not None:
        name = one_line(wanted.instance.name)
        text = _("**{name}**, the last {n} minutes", name=name, n=minutes)
        return text, await usage.graph_of_instance(wanted.instance, wanted.over, _)
    here = services.sessions.at(*channel_ids_of(interaction.channel))
    session = wanted.session or (here if wanted.host is None else None)
    if session is not None:
        text = _("What the lab used in “{title}”", title=one_line(session.title))
        return text, await usage.graph_of_session(session, _)
    host = wanted.host or services.usage.hosts[0]
    text = _("**{name}**, the last {n} minutes", name=one_line(host), n=minutes)
    return text, await usage.graph_of_host(host, wanted.over, _, guild_id_of(interaction))
