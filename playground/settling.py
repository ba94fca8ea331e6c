"""Sets the bot up in the prepared server, as its moderator would: with `/setup`.

A newcomer then finds the roles they see (speaker, note-taker, …) already meaning something.
"""

from __future__ import annotations

import asyncio
from typing import Any

from playground.app import Playground

_BOT_SECONDS = 60.0
_LOOK_SECONDS = 0.1


class BotAbsent(TimeoutError):
    """No bot has come, or it does not answer."""


async def settle(playground: Playground) -> None:
    """Choose the server's roles, once the bot is there.

    Raises:
        BotAbsent: it did not come, or did not answer, within a minute.
    """
    server = playground.server
    if server is None:
        return
    here: dict[str, Any] = {
        "as_": str(server.moderator_id),
        "channel": str(server.talk_channel_id),
    }
    await _until_commands(playground, here)
    door = playground.door
    shown = await door.answered("slash", within_s=_BOT_SECONDS, name="setup", options={}, **here)
    if not shown["messages"]:
        raise BotAbsent(shown["error"])
    chosen = {
        "setup:speaker_role_id": server.speaker_role_id,
        "setup:moderator_role_id": server.moderator_role_id,
        "setup:note_taker_role_id": server.note_taker_role_id,
    }
    for message in shown["messages"]:
        for custom_id, role_id in chosen.items():
            done = await door.answered(
                "select",
                within_s=_BOT_SECONDS,
                message=message["id"],
                custom_id=custom_id,
                values=[str(role_id)],
                **here,
            )
            if done["state"] == "failed":
                raise BotAbsent(done["error"])
        await door.do("delete", message=message["id"], **here)


async def _until_commands(playground: Playground, here: dict[str, Any]) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + _BOT_SECONDS
    # Commands stand before the bot listens: it syncs them on its way to the gateway.
    while not (
        (await playground.door.do("hello"))["bot"]["online"]
        and await playground.door.do("commands", **here)
    ):
        if clock() > end:
            raise BotAbsent
        await asyncio.sleep(_LOOK_SECONDS)
