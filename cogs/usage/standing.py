"""As what somebody asks: for the talk, which everybody may see, or for themselves."""

from bot.errors import N_, NotAllowed
from cogs.kit import Interaction, channel_ids_of, leads_here, services_of


class StaffOnly(NotAllowed):
    """An attendee asked for what those who run the talk see."""

    message = N_("Only the speaker and moderators can see who uses how much.")


class PostingIsForTheTalk(NotAllowed):
    """An attendee asked for a public reply."""

    message = N_(
        "Only the speaker and moderators can show it to everybody. Without “public” you get it"
        " privately."
    )


def require_lead(interaction: Interaction) -> None:
    """Let those through who run the talk.

    Raises:
        StaffOnly.
    """
    if not leads_here(interaction):
        raise StaffOnly


def is_for_everybody(interaction: Interaction, public: bool | None) -> bool:
    """Say whether a reply is public: in a talk, what those who run it ask for is.

    They may say otherwise; nobody else may say that it is.

    Raises:
        PostingIsForTheTalk.
    """
    if public is not None:
        if public and not leads_here(interaction):
            raise PostingIsForTheTalk
        return public
    session = services_of(interaction).sessions.at(*channel_ids_of(interaction.channel))
    return session is not None and session.is_open and leads_here(interaction)
