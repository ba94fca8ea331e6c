"""REQUEST_GUILD_MEMBERS: a guild's members in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simcord.backend import serializers
from simcord.backend.models import Guild, Member

from playground.world import World

CHUNK_SIZE = 1_000


def member_chunks(world: World, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the GUILD_MEMBERS_CHUNK payloads that answer a request; none for a strange guild."""
    guild = world.guilds.get(int(request["guild_id"]))
    if guild is None or world.bot_user.id not in guild.members:
        return
    members, missing = _wanted(world, guild, request)
    if limit := int(request.get("limit") or 0):
        members = members[:limit]
    chunks = [members[at : at + CHUNK_SIZE] for at in range(0, len(members), CHUNK_SIZE)] or [[]]
    for index, chunk in enumerate(chunks):
        payload: dict[str, Any] = {
            "guild_id": str(guild.id),
            "members": [serializers.member_payload(world, guild, member) for member in chunk],
            "chunk_index": index,
            "chunk_count": len(chunks),
        }
        if missing and index == 0:
            payload["not_found"] = missing
        if request.get("nonce"):
            payload["nonce"] = request["nonce"]
        if request.get("presences"):
            payload["presences"] = []
        yield payload


def _wanted(
    world: World, guild: Guild, request: Mapping[str, Any]
) -> tuple[list[Member], list[str]]:
    wanted = request.get("user_ids")
    if wanted is not None:
        ids = [int(value) for value in (wanted if isinstance(wanted, list) else [wanted])]
        missing = [str(value) for value in ids if value not in guild.members]
        return [guild.members[value] for value in ids if value in guild.members], missing
    members = list(guild.members.values())
    if query := str(request.get("query") or "").casefold():
        members = [
            member
            for member in members
            if world.users[member.user_id].name.casefold().startswith(query)
            or (member.nick or "").casefold().startswith(query)
        ]
    return members, []
