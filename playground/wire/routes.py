"""Routes that Discord has and SimCord doesn't, or answers differently."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote

from simcord.backend import errors, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.models import Message
from simcord.enums import ChannelType
from simcord.http._helpers import message_response

from playground.reactions import check_reaction
from playground.wire.routing import Call, route
from playground.world import World

NONCE_MEMORY_S = 300.0

# The application


@route("GET", "/gateway")
def _gateway(call: Call) -> Any:
    return {"url": call.gateway_url}


@route("GET", "/gateway/bot")
def _gateway_bot(call: Call) -> Any:
    limit = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return {"url": call.gateway_url, "shards": 1, "session_start_limit": limit}


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def _application(call: Call) -> Any:
    bot = dict(serializers.user_payload(call.world.bot_user))
    return {
        "id": str(call.world.application_id),
        "name": call.world.bot_user.name,
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": bot,
        "flags": call.portal.flags,
        "team": None,
        "bot": bot,
        "approximate_guild_count": sum(
            call.world.bot_user.id in guild.members for guild in call.world.guilds.values()
        ),
    }


@route("GET", "/users/@me/guilds")
def _guilds(call: Call) -> Any:
    ids = sorted(
        guild.id
        for guild in call.world.guilds.values()
        if call.world.bot_user.id in guild.members
        and int(call.params.get("after", 0)) < guild.id < int(call.params.get("before", 1 << 63))
    )
    return [
        dict(serializers.guild_create_payload(call.world, call.world.guilds[guild_id]))
        for guild_id in ids[: int(call.params.get("limit", 200))]
    ]


@route("DELETE", "/users/@me/guilds/{guild}")
def _leave(call: Call) -> None:
    call.world.dismiss_bot(call.int_arg("guild"))


@route("GET", "/guilds/{guild}")
def _guild(call: Call) -> Any:
    if call.world.bot_user.id not in call.world.get_guild(call.int_arg("guild")).members:
        raise errors.unknown_guild()
    return call.delegate()


# Messages


@route("GET", "/channels/{channel}/messages")
def _history(call: Call) -> Any:
    world, channel_id = call.world, call.int_arg("channel")
    call.require_channel_permissions(channel_id)
    limit = int(call.params.get("limit", 50))
    if not 1 <= limit <= 100:
        raise errors.invalid_form_body("limit: must be between 1 and 100")
    if not channel_accessible(world, channel_id, world.bot_user.id, history=True):
        return []
    # Kept in the order of their ids, which only grow.
    stored = [
        message for message in world.messages[channel_id].values() if not message.is_ephemeral
    ]
    if "after" in call.params:
        # The first ones after the id, not the latest of all: what a backfill stands on.
        after = int(call.params["after"])
        page = [message for message in stored if message.id > after][:limit]
    elif "around" in call.params:
        around = int(call.params["around"])
        below = [message for message in stored if message.id < around]
        above = [message for message in stored if message.id >= around]
        page = below[len(below) - min(len(below), limit // 2) :] + above
        page = page[:limit]
    else:
        before = int(call.params.get("before", 1 << 63))
        page = [message for message in stored if message.id < before][-limit:]
    return [
        message_response(call, message, for_user=world.bot_user.id) for message in reversed(page)
    ]


@route("POST", "/channels/{channel}/messages")
def _send(call: Call) -> Any:
    world, channel_id, body = call.world, call.int_arg("channel"), call.body()
    if call.files and world.get_channel(channel_id).guild_id is not None:
        call.require_channel_permissions(channel_id, "attach_files")
    nonce = body.get("nonce")
    if isinstance(nonce, str) and len(nonce) > 25:
        raise errors.invalid_form_body("nonce: must be 25 or fewer in length")
    known = _known_nonces(world)
    if nonce is not None and body.get("enforce_nonce"):
        message = known.get(str(nonce))
        if message is not None:
            return message_response(call, message) | {"nonce": nonce}
    world.nonce = nonce
    try:
        sent = call.delegate()
    finally:
        world.nonce = None
    if nonce is None:
        return sent
    message = world.messages[channel_id].get(int(sent["id"]))
    if message is not None:
        world.nonces.append((time.monotonic(), str(nonce), message))
    return sent | {"nonce": nonce}


def _known_nonces(world: World) -> dict[str, Message]:
    while world.nonces and world.nonces[0][0] < time.monotonic() - NONCE_MEMORY_S:
        world.nonces.popleft()
    return {nonce: message for _, nonce, message in world.nonces}


@route("POST", "/channels/{channel}/messages/{message}/threads")
def _thread_from_message(call: Call) -> Any:
    if call.int_arg("message") in call.world.channels:
        raise errors.BackendError(400, 160004, "A thread has already been created for this message")
    return call.delegate()


@route("PUT", "/channels/{channel}/messages/pins/{message}")
@route("PUT", "/channels/{channel}/pins/{message}")
def _pin(call: Call) -> None:
    _set_pinned(call, True)


@route("DELETE", "/channels/{channel}/messages/pins/{message}")
@route("DELETE", "/channels/{channel}/pins/{message}")
def _unpin(call: Call) -> None:
    _set_pinned(call, False)


def _set_pinned(call: Call, pinned: bool) -> None:
    # Pinning has a permission of its own now; SimCord asks for Manage Messages.
    call.require_channel_permissions(call.int_arg("channel"), "pin_messages")
    message = call.require_message(call.int_arg("channel"), call.int_arg("message"))
    call.world.set_pinned(message.channel_id, message.id, pinned)


# Reactions


@route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def _react(call: Call) -> Any:
    message = call.world.messages.get(call.int_arg("channel"), {}).get(call.int_arg("message"))
    if message is not None:
        check_reaction(message, unquote(call.args["emoji"]))
    return call.delegate()


@route("GET", "/channels/{channel}/messages/{message}/reactions/{emoji}")
def _reaction_users(call: Call) -> Any:
    message = call.require_message(
        call.int_arg("channel"), call.int_arg("message"), "read_message_history"
    )
    reaction = message.reaction_for(unquote(call.args["emoji"]))
    after, limit = int(call.params.get("after", 0)), int(call.params.get("limit", 25))
    ids = sorted(reaction.user_ids) if reaction is not None else []
    page = [user_id for user_id in ids if user_id > after][:limit]
    return [dict(serializers.user_payload(call.world.get_user(user_id))) for user_id in page]


# Channels and interactions


@route("POST", "/users/@me/channels")
def _open_dm(call: Call) -> Any:
    recipient_id = int(call.body()["recipient_id"])
    recipient = call.world.get_user(recipient_id)
    if recipient.bot:
        raise errors.cannot_dm_bot()
    return dict(serializers.channel_payload(call.world, call.world.get_dm_channel(recipient_id)))


@route("POST", "/interactions/{interaction}/{token}/callback")
def _callback(call: Call) -> Any:
    answered = call.delegate()
    wanted = str(call.params.get("with_response", "")).lower() in {"1", "true"}
    return answered if wanted else None


@route("GET", "/channels/{channel}/messages/pins")
def _pins(call: Call) -> Any:
    found = call.delegate()
    if call.world.get_channel(call.int_arg("channel")).type == ChannelType.CATEGORY:
        raise errors.cannot_execute_on_channel_type()
    found["items"].reverse()  # Discord lists the latest pin first
    return found
