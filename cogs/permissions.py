"""The permissions of Discord's that the bot needs, where it needs them, and their names."""

from collections.abc import Collection

import discord

from bot.errors import N_
from bot.localization import Words

# Discord's own names, in the order of its settings, so that people find them there.
PERMISSION_NAMES = {
    "view_channel": N_("View Channels"),
    "view_audit_log": N_("View Audit Log"),
    "send_messages": N_("Send Messages"),
    "send_messages_in_threads": N_("Send Messages in Threads"),
    "create_public_threads": N_("Create Public Threads"),
    "embed_links": N_("Embed Links"),
    "attach_files": N_("Attach Files"),
    "add_reactions": N_("Add Reactions"),
    "manage_messages": N_("Manage Messages"),
    "pin_messages": N_("Pin Messages"),
    "read_message_history": N_("Read Message History"),
}

# Of the whole server: who was timed out or kicked is read from the audit log.
IN_SERVER = frozenset({"view_audit_log"})

# In the channel of a talk.
IN_TALK = frozenset(PERMISSION_NAMES) - IN_SERVER

# In the staff's channel or thread: the panel is posted, pinned and edited there.
IN_STAFF_CHANNEL = frozenset(
    {"view_channel", "send_messages", "manage_messages", "pin_messages", "read_message_history"}
)
IN_STAFF_THREAD = IN_STAFF_CHANNEL - {"send_messages"} | {"send_messages_in_threads"}

# In the channel or forum of the notes.
IN_NOTES_CHANNEL = frozenset(
    {"view_channel", "send_messages", "send_messages_in_threads", "read_message_history"}
)

# What the invite link asks for.
PERMISSIONS = discord.Permissions(**dict.fromkeys(PERMISSION_NAMES, True))


def missing(held: discord.Permissions, needed: Collection[str]) -> list[str]:
    """Return which of the needed permissions aren't held, in Discord's order."""
    return [name for name in PERMISSION_NAMES if name in needed and not getattr(held, name)]


def spoken(names: Collection[str], _: Words) -> str:
    """Name permissions as the reader finds them in Discord's settings."""
    return ", ".join(_(PERMISSION_NAMES[name]) for name in names)
