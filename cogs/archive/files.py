"""Exports as files: handed out, posted, made anew after somebody was erased."""

import io
from collections.abc import Iterable

import discord
import structlog

from bot.archive import Export, Format, PostedExport
from bot.errors import N_, NotAllowed
from bot.sessions import Session
from cogs.kit import (
    Interaction,
    Services,
    person_of,
    services_of,
    tell,
    words_for,
    words_of_guild,
)
from cogs.text import jump_url, one_line

log = structlog.get_logger(__name__)


class PostingIsForStaff(NotAllowed):
    """An attendee asked for a public file."""

    message = N_(
        "Only the speaker, note-takers and moderators can post it for everybody. Without"
        " “public” you get the file privately."
    )


def as_file(data: bytes, filename: str) -> discord.File:
    """Wrap bytes as Discord takes them."""
    return discord.File(io.BytesIO(data), filename=filename)


def _file(export: Export) -> discord.File:
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
    await tell(interaction, text, file=_file(export))


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
    message = await services.channel(channel_id).send(text, file=_file(export))
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
        )
    )
    _ = words_for(interaction)
    url = jump_url(session.guild_id, channel_id, message.id)
    await tell(interaction, _("Posted: {url}", url=url))


async def make_anew(services: Services, posts: Iterable[PostedExport]) -> int:
    """Replace the files of posts by what is kept now; return how many couldn't be reached."""
    unreached = 0
    for post in posts:
        session = await services.sessions.get(post.session_id, post.guild_id)
        export = await services.archive.export(
            session, Format(post.format), locale=post.locale, jokes=post.jokes
        )
        message = services.channel(post.channel_id).get_partial_message(post.message_id)
        try:
            await message.edit(attachments=[_file(export)])
        except discord.NotFound:
            await services.archive.forget_posted(post.message_id)
        except discord.HTTPException as error:
            log.warning("posted file not made anew", message_id=post.message_id, error=str(error))
            unreached += 1
    return unreached
