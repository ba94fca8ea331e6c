"""What a session is told first: READY, and the guilds it is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simcord.backend import serializers

from playground.wire.intents import Portal, project, subscribed
from playground.wire.session import Session
from playground.world import World


def greeting(
    world: World, portal: Portal, session: Session, url: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the events that answer IDENTIFY."""
    guilds = [
        guild
        for guild in world.guilds.values()
        if world.bot_user.id in guild.members and session.covers(guild.id)
    ]
    yield (
        "READY",
        {
            "v": 10,
            "user": serializers.user_payload(world.bot_user),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": url,
            "shard": list(session.shard),
            "application": {"id": str(world.application_id), "flags": portal.flags},
            "private_channels": [],
            "relationships": [],
            "presences": [],
        },
    )
    for guild in guilds:
        payload = serializers.guild_create_payload(world, guild)
        if subscribed(session.intents, "GUILD_CREATE", payload):
            yield "GUILD_CREATE", project(world, session.intents, "GUILD_CREATE", payload)
