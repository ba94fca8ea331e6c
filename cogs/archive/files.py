"""Exports as files: handed out, or posted for everybody."""

import io

import discord

from bot.archive import Export, Format, PostedExport
from bot.errors import N_, NotAllowed
from bot.sessions import Session
from cogs.kit import (
    Interaction,
    person_of,
    services_of,
    tell,
    words_for,
    words_of_guild,
)
from cogs.text import jump_url, one_line


class PostingIsForStaff(NotAllowed):
    """An attendee asked for a public file."""

    message = N_(
        "Only the speaker, note-takers and moderators can post it for everybody. Without"
        " “public” you get the file privately."
    )


def as_file(data: bytes, filename: str) -> discord.File:
    """Wrap bytes as Discord takes them."""
    return discord.File(io.BytesIO(data), filename=filename)


def file_of(export: Export) -> discord.File:
    """Return an export as Discord takes it."""
    return as_file(export.data, export.filename)


async def send_export(
    interaction: Interaction, session: Session, format_: Format, *, jokes: bool
) -> None:
    """Hand a session out as a file, privately, in the person's language."""
    _ = words_for(interaction)
    export = await services_of(interaction).archive.export(
        session, format_, locale=_.locale, jokes=jokes
    )
    text = _("Questions and answers of “{title}”", title=one_line(session.title))
    await tell(interaction, text, file=file_of(export))


async def post_export(
    interaction: Interaction, session: Session, format_: Format, *, jokes: bool
) -> None:
    """Post a session as a file for everybody, in the server's language.

    Raises:
        PostingIsForStaff: the person is none of the session's.
    """
    services = services_of(interaction)
    if not services.sessions.is_staff(person_of(interaction.user), session):
        raise PostingIsForStaff
    public = words_of_guild(services, session.guild_id)
    export = await services.archive.export(session, format_, locale=public.locale, jokes=jokes)
    text = public("Questions and answers of “{title}”", title=one_line(session.title))
    channel_id = interaction.channel_id or session.channel_id
    message = await services.channel(channel_id).send(text, file=file_of(export))
    # Kept, so that erasing a person reaches this file too.
    await services.archive.posted(
        PostedExport(
            message_id=message.id,
            guild_id=session.guild_id,
            channel_id=channel_id,
            session_id=session.id,
            format=format_.value,
            jokes=jokes,
            locale=public.locale,
        ),
        interaction.user.id,
    )
    _ = words_for(interaction)
    url = jump_url(session.guild_id, channel_id, message.id)
    await tell(interaction, _("Posted: {url}", url=url))
