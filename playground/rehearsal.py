"""Plays the sample talk in the prepared server, at reading speed.

It goes through the same door as the page: whoever watches sees a talk happen, and may join in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
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
# Who sees nothing happen presses again.
_AGAIN_SECONDS = 3.0
# A virtual machine boots, where there is no hardware for it very slowly.
_LAUNCH_SECONDS = 60.0
_CANCEL = ("キャンセル", "Cancel")
_ANSWERED = ("応答まで", "answered after")
# What is said on a slow machine, where the card comes later.
_CARD_COMES = ("カードはこのチャンネル", "Its card is in this channel")

Button = tuple[str, str]
"""A message's id, and the custom id of the button on it."""


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
                await self._press_till_it_changes(who, label)
            case Ask():
                await self._ask(step)
            case Command(who, name, options):
                earlier = {message["id"] for message in await self._act("history", who)}
                said = await self._act("slash", who, name=name, options=dict(options), wait=True)
                await self._until_it_is_up(who, said["messages"], earlier)
            case End():
                await self._answered("slash", "speaker", name="session end", options={})

    async def _start(self, slides: str) -> None:
        shown = await self._answered(
            "slash", "speaker", name="session start", options={"slides": slides}
        )
        for message in shown["messages"]:
            for component in _walk(message):
                if component.get("style") == 1:
                    await self._click("speaker", (message["id"], component["custom_id"]))
                    return
        raise LookupError("no card to start the session from")

    async def _answered(self, what: str, who: Who, **arguments: Any) -> dict[str, Any]:
        return await self._door.answered(
            what, within_s=_PATIENCE_SECONDS, **self._here(who), **arguments
        )

    async def _click(self, who: Who, button: Button) -> dict[str, Any]:
        return await self._answered("click", who, message=button[0], custom_id=button[1])

    async def _press_till_it_changes(self, who: Who, label: str) -> None:
        """Press a button that leads on, and see the board do so.

        On a slow machine the press is taken at once and the board follows later: who pressed the
        next button before would press the former question's.
        """
        button = await self._button(who, label)
        end = _now() + _PATIENCE_SECONDS
        while _now() < end:
            # Harmless if it was heard the first time: the button names the question it is about.
            await self._click(who, button)
            again = _now() + _AGAIN_SECONDS
            while _now() < again:
                if not await self._stands(who, button):
                    return
                await asyncio.sleep(_LOOK_SECONDS)

    async def _stands(self, who: Who, button: Button) -> bool:
        return any(
            message["id"] == button[0] and component.get("custom_id") == button[1]
            for message in await self._act("history", who)
            for component in _walk(message)
            if not component.get("disabled")
        )

    async def _ask(self, step: Ask) -> None:
        form = await self._click(step.who, await self._button(step.who, "質問する"))
        values: dict[str, Any] = {}
        for component in _walk(form["modal"]):
            if component.get("type") == 4:
                values[component["custom_id"]] = step.text
            elif component.get("type") == 23:
                values[component["custom_id"]] = step.anonymous
        await self._act("submit", step.who, interaction=form["id"], values=values, wait=True)
        await asyncio.sleep(3 / self._speed)
        menu = await self._button("moderator", "⋯")
        pending = await self._opened("moderator", menu, "承認 (")
        approve = await self._opened("moderator", pending, "を承認")
        await self._click("moderator", approve)

    async def _opened(self, who: Who, button: Button, label: str) -> Button:
        """Press till a private answer has a button whose label holds `label`; return that one.

        Whether the answer comes with the press or after it is the machine's speed alone.
        """
        end = _now() + _PATIENCE_SECONDS
        while True:
            await self._click(who, button)
            again = _now() + _AGAIN_SECONDS
            while _now() < again:
                private = [one for one in await self._act("history", who) if _is_private(one)]
                with suppress(LookupError):
                    return _find(reversed(private), label)
                await asyncio.sleep(_LOOK_SECONDS)
            if _now() > end:
                raise LookupError(f"no button {label!r}")

    async def _until_it_is_up(
        self, who: Who, answers: list[dict[str, Any]], earlier: set[str]
    ) -> None:
        """Let a launch come to its end, as a speaker does before going on; else go on at once."""
        if not any(_may_be_cancelled(one) or _says(one, _CARD_COMES) for one in answers):
            return
        end = _now() + _LAUNCH_SECONDS
        while _now() < end:
            cards = [
                message
                for message in await self._act("history", who)
                if message["id"] not in earlier and not _says(message, _CARD_COMES)
            ]
            if any(_says(card, _ANSWERED) for card in cards):
                return
            if cards and not any(_has_buttons(card) for card in cards):
                return  # it came to nothing
            await asyncio.sleep(_LOOK_SECONDS)

    async def _button(self, who: Who, label: str) -> Button:
        """Find a public button that can be pressed, waiting for the board to show it."""
        end = _now() + _PATIENCE_SECONDS
        while True:
            history = await self._act("history", who)
            public = [message for message in history if not _is_private(message)]
            try:
                return _find(reversed(public), label)
            except LookupError:
                if _now() > end:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)

    async def _act(self, what: str, who: Who, **arguments: Any) -> Any:
        return await self._door.do(what, **self._here(who), **arguments)

    def _here(self, who: Who) -> dict[str, str]:
        return {"as_": str(self._id(who)), "channel": str(self._server.talk_channel_id)}

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


def _find(messages: Any, label: str) -> Button:
    """Return (message, custom id) of the first enabled button whose label holds `label`."""
    for message in messages:
        for component in _walk(message):
            text = component.get("label") or ""
            if label in text and component.get("custom_id") and not component.get("disabled"):
                return message["id"], component["custom_id"]
    raise LookupError(f"no button {label!r}")


def _may_be_cancelled(message: dict[str, Any]) -> bool:
    return any(component.get("label") in _CANCEL for component in _walk(message))


def _has_buttons(message: dict[str, Any]) -> bool:
    return any(component.get("custom_id") for component in _walk(message))


def _says(message: dict[str, Any], phrases: Iterable[str]) -> bool:
    texts = [component.get("content") or "" for component in _walk(message)]
    return any(phrase in text for phrase in phrases for text in texts)


def _is_private(message: dict[str, Any]) -> bool:
    return bool(message.get("flags", 0) & 64)


def _now() -> float:
    return asyncio.get_running_loop().time()


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
