"""What can stand in the way of posting notes; trying again doesn't help."""

from bot.errors import N_, BadInput
from bot.timeline import DeliveryImpossible


class PlaceGone(DeliveryImpossible):
    """The channel was deleted."""

    message = N_(
        "The channel of these notes is gone, or I can't see it. Choose another one: /notes post"
        " with “to”."
    )


class PermissionLacking(DeliveryImpossible):
    """Discord refuses what a permission is missing for."""

    message = N_(
        "I can't post the notes in <#{channel}>: I lack the permission “{permission}” there. Once"
        " I have it, post them again."
    )


class PlaceRefused(DeliveryImpossible):
    """Discord refuses for another reason."""

    message = N_("Discord doesn't let me post the notes in <#{channel}>: {why}")


class ThreadLocked(DeliveryImpossible):
    """Only moderators may open it again."""

    message = N_("The thread <#{channel}> is locked. A moderator can unlock it; then post again.")


class TagRequired(DeliveryImpossible):
    """A forum in which no post goes without a tag."""

    message = N_(
        "The forum <#{channel}> wants a tag on every post. Add one named “{tag}” to it; then post"
        " again."
    )


class PrivatePlace(BadInput):
    """Notes are for everybody of a channel."""

    message = N_("Notes can't go into a private thread: nobody would find them there.")


class NotYourPlace(BadInput):
    """The person couldn't write there themselves."""

    message = N_("You can't write in that channel yourself, so I don't post there for you.")
