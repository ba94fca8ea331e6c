"""Plays the sample talk in the prepared server, at reading speed.

It goes through the same door as the page: whoever watches sees a talk happen, and may join in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from playground.app import Playground
from playground.sample_talk import (
    TALK,
    Ask,
    Change,
    Command,
    End,
    Press,
    React,
    Say,
    Start,
    Step,
    Who,
)

# About as fast as Japanese is read and typed in a lively chat.
_CHARACTERS_PER_SECOND = 12.0
_LEAST_PAUSE_SECONDS = 1.5
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 15.0


class Rehearsal:
    """One run of the sample talk."""

    def __init__(self, playground: Playground, speed: float) -> None:
        assert playground.server is not None  # noqa: S101 - `--empty` has no talk to play
        self._door = playground.door
        self._server = playground.server
        self._speed = max(speed, 0.01)
        self._messages: dict[str, str] = {}

    async def play(self) -> None:
        """Play all steps; the bot is there."""
        for step in TALK:
            await asyncio.sleep(_pause(step) / self._speed)
            await self._do(step)

    async def _do(self, step: Step) -> None:
        match step:
            case Start(slides):
                await self._start(slides)
            case Say(who, text, key, reply_to):
                target = self._messages[reply_to] if reply_to else None
                sent = await self._act("send", who, content=text, reply_to=target)
                self._messages[key] = sent["id"]
            case Change(who, key, text):
                await self._act("edit", who, message=self._messages[key], content=text)
            case React(who, key, emoji):
                await self._act("react", who, message=self._messages[key], emoji=emoji)
            case Press(who, label):
                await self._press(who, label)
            case Ask():
                await self._ask(step)
            case Command(who, name, options):
                said = await self._act("slash", who, name=name, options=dict(options), wait=True)
                await self._until_it_answers(who, said["messages"])
            case End():
                await self._act("slash", "speaker", name="session end", options={}, wait=True)

    async def _start(self, slides: str) -> None:
        shown = await self._act(
            "slash", "speaker", name="session start", options={"slides": slides}, wait=True
        )
        for message in shown["messages"]:
            for component in _walk(message):
                if component.get("style") == 1:
                    await self._act(
                        "click",
                        "speaker",
                        message=message["id"],
                        custom_id=component["custom_id"],
                        wait=True,
                    )
                    return
        raise LookupError("no card to start the session from")

    async def _press(self, who: Who, label: str) -> dict[str, Any]:
        message_id, custom_id = await self._button(who, label)
        return await self._act("click", who, message=message_id, custom_id=custom_id, wait=True)

    async def _ask(self, step: Ask) -> None:
        form = await self._press(step.who, "質問する")
        values: dict[str, Any] = {}
        for component in _walk(form["modal"]):
            if component.get("type") == 4:
                values[component["custom_id"]] = step.text
            elif component.get("type") == 23:
                values[component["custom_id"]] = step.anonymous
        await self._act("submit", step.who, interaction=form["id"], values=values, wait=True)
        await asyncio.sleep(3 / self._speed)
        more = await self._press("moderator", "⋯")
        pending = _find(more["messages"], "承認 (")
        shown = await self._act(
            "click", "moderator", message=pending[0], custom_id=pending[1], wait=True
        )
        approve = _find(shown["messages"], "を承認")
        await self._act("click", "moderator", message=approve[0], custom_id=approve[1], wait=True)

    async def _until_it_answers(self, who: Who, messages: list[dict[str, Any]]) -> None:
        """Let a launch come to its end, as a speaker does before going on; else go on at once."""
        if not any(_labels(message) & {"キャンセル", "Cancel"} for message in messages):
            return
        end = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        ids = {message["id"] for message in messages}
        while asyncio.get_running_loop().time() < end:
            for message in await self._act("history", who):
                text = "\n".join(one.get("content") or "" for one in _walk(message))
                if message["id"] in ids and ("応答まで" in text or "answered after" in text):
                    return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _button(self, who: Who, label: str) -> tuple[str, str]:
        """Find a public button that can be pressed, waiting for the board to show it."""
        end = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while True:
            history = await self._act("history", who)
            public = [message for message in history if not message.get("flags", 0) & 64]
            try:
                return _find(reversed(public), label)
            except LookupError:
                if asyncio.get_running_loop().time() > end:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def _act(self, what: str, who: Who, **arguments: Any) -> Any:
        return await self._door.do(
            what, as_=str(self._id(who)), channel=str(self._server.talk_channel_id), **arguments
        )

    def _id(self, who: Who) -> int:
        server = self._server
        match who:
            case "speaker":
                return server.speaker_id
            case "moderator":
                return server.moderator_id
            case "note_taker":
                return server.note_taker_id
            case "first":
                return server.attendee_ids[0]
            case "second":
                return server.attendee_ids[1]
            case "third":
                return server.attendee_ids[2]


def _find(messages: Any, label: str) -> tuple[str, str]:
    """Return (message, custom id) of the first enabled button whose label holds `label`."""
    for message in messages:
        for component in _walk(message):
            text = component.get("label") or ""
            if label in text and component.get("custom_id") and not component.get("disabled"):
                return message["id"], component["custom_id"]
    raise LookupError(f"no button {label!r}")


def _labels(message: dict[str, Any]) -> set[str]:
    return {component.get("label") or "" for component in _walk(message)}


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every component below a message or a modal."""
    if isinstance(node, list):
        for item in node:
            yield from _walk(item)
    elif isinstance(node, dict):
        if "type" in node:
            yield node
        for key in ("components", "component", "accessory"):
            if key in node:
                yield from _walk(node[key])


def _pause(step: Step) -> float:
    text = step.text if isinstance(step, Say | Change | Ask) else ""
    return max(_LEAST_PAUSE_SECONDS, len(text) / _CHARACTERS_PER_SECOND)


async def rehearse(playground: Playground, *, speed: float = 1.0) -> None:
    """Play the sample talk; `speed` 2 is twice as fast as people read."""
    await Rehearsal(playground, speed).play()
