"""Which events a session gets, and how much of a message it may read."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import discord
from simcord import intents as rules
from simcord.backend.access import channel_accessible

from playground.world import World

PRIVILEGED = ("members", "presences", "message_content")

LIMITED_FLAGS = {"presences": 1 << 13, "members": 1 << 15, "message_content": 1 << 19}
"""Application flags that say an intent's toggle is on, for applications in few guilds."""


class Portal:
    """The developer portal's toggles for privileged intents."""

    def __init__(self) -> None:
        self.allowed: set[str] = set(PRIVILEGED)

    @property
    def flags(self) -> int:
        """The application's flags, as `GET /applications/@me` shows them."""
        return sum(bit for name, bit in LIMITED_FLAGS.items() if name in self.allowed)

    def refuses(self, intents: discord.Intents) -> bool:
        """Whether IDENTIFY with these intents is closed with 4014."""
        return any(getattr(intents, name) for name in PRIVILEGED if name not in self.allowed)


def parse_intents(value: int) -> discord.Intents:
    """Read IDENTIFY's number."""
    intents = discord.Intents.none()
    intents.value = value
    return intents


def subscribed(intents: discord.Intents, event: str, payload: Mapping[str, Any]) -> bool:
    """Whether the session asked for this event."""
    needed = rules.required_intent(event, payload)
    return needed is None or bool(getattr(intents, needed))


def project(
    world: World, intents: discord.Intents, event: str, payload: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the payload as this session may read it; the original stays as it is."""
    if event == "GUILD_CREATE":
        shown = dict(payload)
        shown["large"] = int(shown["member_count"]) > 250
        shown["threads"] = [
            thread
            for thread in shown["threads"]
            if not thread["thread_metadata"]["archived"]
            and channel_accessible(world, int(thread["id"]), world.bot_user.id)
        ]
        rules.prune_guild_create(shown, intents, world.bot_user.id)
        return shown
    if intents.message_content:
        return payload
    bot_id = world.bot_user.id
    if event in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
        message = copy.deepcopy(dict(payload))
        rules.censor_message(message, bot_id, backend=world)
        return message
    if event == "INTERACTION_CREATE":
        interaction = copy.deepcopy(dict(payload))
        if isinstance(interaction.get("message"), dict):
            rules.censor_message(interaction["message"], bot_id, backend=world, exempt_root=True)
        data = interaction.get("data") or {}
        for message_id, message in ((data.get("resolved") or {}).get("messages") or {}).items():
            target = data.get("type") == 3 and str(data.get("target_id")) == message_id
            rules.censor_message(message, bot_id, backend=world, exempt_root=target)
        return interaction
    return payload
