"""Posting notes now, and saying what came of it."""

from bot.sessions import Session
from cogs.kit import Interaction, tell, words_for
from cogs.notes.publisher import NotesPublisher


async def show_posted(
    interaction: Interaction,
    publisher: NotesPublisher,
    session: Session,
    event_id: int,
    *,
    watched: bool = False,
) -> None:
    """Bring the messages up to the notes, then tell the person where they stand."""
    done = await publisher.publish(session.id, session.guild_id, event_id, looks=True)
    _ = words_for(interaction)
    if done is None:
        return
    text = _.plural(
        "The notes stand ({changed} of {n} message changed): {url}",
        "The notes stand ({changed} of {n} messages changed): {url}",
        done.parts,
        url=done.url,
        changed=done.changed,
    )
    if watched:
        text += "\n" + _("I look at the address again every 30 seconds until the session ends.")
    await tell(interaction, text)
