"""What became of each interaction, as the person who acted is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simcord.backend import errors
from simcord.backend.models import Interaction, ResponseKind
from simcord.enums import InteractionType

from playground.acting import Acting
from playground.world import World

ANSWER_WITHIN_S = 3.0
WAIT_S = 15.0
NO_ANSWER = "The application did not respond"


@dataclass
class Watch:
    """Who waits for an interaction to change."""

    timer: asyncio.TimerHandle
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    token_uses: int = 0


class Records:
    """Follows interactions from their start until their token runs out."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting
        self._watches: dict[int, Watch] = {}
        self.listeners: list[Callable[[int, dict[str, Any]], None]] = []
        """Called with a person's id and the record, whenever it changes."""

    def open(self, record: Interaction) -> None:
        """Follow an interaction; it fails where the bot says nothing in time."""
        # A little later than the deadline itself, so that the record reads as failed by then.
        loop = asyncio.get_running_loop()
        timer = loop.call_later(ANSWER_WITHIN_S + 0.02, self._expire, record.id)
        self._watches[record.id] = Watch(timer)
        self._tell(record)

    def get(self, person_id: int, interaction_id: int) -> Interaction:
        """Return one of the person's own interactions."""
        record = self._world.interactions.get(interaction_id)
        if record is None or record.user_id != person_id:
            raise errors.unknown_interaction()
        return record

    def describe(self, record: Interaction) -> dict[str, Any]:
        """Return the record as the page protocol shows it."""
        state, world = self._state(record), self._world
        ids = [record.message_id, *record.followup_ids]
        stored = world.messages.get(record.channel_id, {})
        return {
            "id": str(record.id),
            "state": state,
            "ephemeral": record.ephemeral,
            "modal": record.modal,
            "messages": [
                self._acting.payload(record.user_id, stored[message_id])
                for message_id in ids
                if message_id in stored
            ],
            "error": NO_ANSWER if state == "failed" else None,
        }

    def _state(self, record: Interaction) -> str:
        if not record.responded:
            late = self._world.now_iso() >= (record.initial_response_deadline or "")
            return "failed" if late else "waiting"
        if record.response_kind == ResponseKind.MODAL:
            return "modal"
        if record.loading:
            late = self._world.now_iso() >= (record.expires_at or "")
            return "failed" if late else "deferred"
        return "replied"

    async def settled(self, record: Interaction) -> dict[str, Any]:
        """Wait until the record is replied, modal or failed; at most 15 seconds.

        A press that was only acknowledged is waited for, too: the bot does something with it
        afterwards, and says so with the same token.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while self._is_under_way(record) and loop.time() < deadline:
            await self._next_change(record, deadline - loop.time())
        return self.describe(record)

    def _is_under_way(self, record: Interaction) -> bool:
        if record.response_kind == ResponseKind.DEFERRED_UPDATE:
            watch = self._watches.get(record.id)
            # The first use is the acknowledgement itself.
            return watch is not None and watch.token_uses < 2
        return self._state(record) in {"waiting", "deferred"}

    async def choices(self, record: Interaction) -> dict[str, Any]:
        """Wait for autocomplete's answer; `failed` where none came within 3 seconds."""
        await self._next_change(record, ANSWER_WITHIN_S)
        if record.autocomplete_choices is None:
            return {"choices": [], "failed": True}
        return {"choices": record.autocomplete_choices}

    async def _next_change(self, record: Interaction, within_s: float) -> None:
        watch = self._watches.get(record.id)
        if watch is None:
            return
        watch.changed.clear()
        try:
            async with asyncio.timeout(within_s):
                await watch.changed.wait()
        except TimeoutError:
            return

    def token_used(self, token: str) -> None:
        """Look at an interaction again: the bot made a request with its token."""
        interaction_id = self._world.interaction_tokens.get(token)
        if interaction_id is not None:
            if watch := self._watches.get(interaction_id):
                watch.token_uses += 1
            self._tell(self._world.interactions[interaction_id])

    def _expire(self, interaction_id: int) -> None:
        record = self._world.interactions.get(interaction_id)
        if record is not None and not record.responded:
            self._tell(record)

    def _tell(self, record: Interaction) -> None:
        watch = self._watches.get(record.id)
        if watch is not None:
            watch.changed.set()
        while self._watches and next(iter(self._watches)) not in self._world.interactions:
            self._watches.pop(next(iter(self._watches))).timer.cancel()
        if record.type != InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE:
            described = self.describe(record)
            for listener in self.listeners:
                listener(record.user_id, described)

    def close(self) -> None:
        """Forget the timers."""
        for watch in self._watches.values():
            watch.timer.cancel()
        self._watches.clear()
