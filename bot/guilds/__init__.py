"""A guild's own settings: roles, channels, language, time zone; and who is who there."""

from bot.guilds.model import (
    CHOICE_NAMES,
    CHOICES,
    LEADS,
    ROLE_NAMES,
    Guild,
    Person,
    Role,
    Rules,
)
from bot.guilds.service import (
    GUILD_CONFIGURED,
    PERSON_MUTED,
    GuildService,
    NotModerator,
    SetupChange,
)
from bot.guilds.store import forget_person, forget_unused_names, mute, muted, names, saw_person

__all__ = [
    "CHOICES",
    "CHOICE_NAMES",
    "GUILD_CONFIGURED",
    "LEADS",
    "PERSON_MUTED",
    "ROLE_NAMES",
    "Guild",
    "GuildService",
    "NotModerator",
    "Person",
    "Role",
    "Rules",
    "SetupChange",
    "forget_person",
    "forget_unused_names",
    "mute",
    "muted",
    "names",
    "saw_person",
]
