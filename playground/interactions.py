"""Slash commands, menus, buttons, modals: sent to the bot, and what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simcord.backend import errors, serializers
from simcord.backend.command_access import command_access
from simcord.backend.models import Interaction, ResponseKind
from simcord.components import walk_components
from simcord.enums import SELECT_TYPES, AppCommandType, ComponentType, InteractionType
from simcord.interactions import base_payload, nest_options, walk_to_subcommand

from playground.acting import Acting
from playground.options import Filling
from playground.world import World

ANSWER_WITHIN_S = 3.0
WAIT_S = 15.0
ATTACHMENT_LIMIT = 10 << 20
NO_ANSWER = "The application did not respond"


@dataclass
class Watch:
    """Who waits for an interaction to change."""

    timer: asyncio.TimerHandle
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Interactions:
    """Sends interactions to the bot and tells the person what came of each."""

    def __init__(self, world: World, acting: Acting) -> None:
        self._world = world
        self._acting = acting
        self._watches: dict[int, Watch] = {}
        self.listeners: list[Callable[[int, dict[str, Any]], None]] = []
        """Called with a person's id and the record, whenever it changes."""

    # Acting

    def slash(
        self, person_id: int, channel_id: int, name: str, options: Mapping[str, Any]
    ) -> Interaction:
        """Invoke a slash command by its whole name."""
        data, filling = self._command_data(person_id, channel_id, name, options, partial=False)
        return self._start(
            InteractionType.APPLICATION_COMMAND, person_id, channel_id, data, filling
        )

    def autocomplete(
        self,
        person_id: int,
        channel_id: int,
        name: str,
        option: str,
        value: Any,
        options: Mapping[str, Any],
    ) -> Interaction:
        """Type into an option that completes itself."""
        filled = {key: given for key, given in options.items() if key != option}
        data, filling = self._command_data(person_id, channel_id, name, filled, partial=True)
        leaf = data
        while leaf.get("options") and leaf["options"][0]["type"] in {1, 2}:
            leaf = leaf["options"][0]
        declared = self._leaf(person_id, channel_id, name)[1].get("options") or []
        focused = next((item for item in declared if item["name"] == option), None)
        if focused is None or not focused.get("autocomplete"):
            raise errors.invalid_form_body(f"/{name} {option} doesn't complete itself")
        leaf["options"].append(
            {"name": option, "type": focused["type"], "value": value, "focused": True}
        )
        return self._start(
            InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE, person_id, channel_id, data, filling
        )

    def menu(self, person_id: int, channel_id: int, message_id: int, name: str) -> Interaction:
        """Choose an entry of a message's context menu."""
        message = self._acting.visible(person_id, channel_id, message_id)
        command = self._command(person_id, channel_id, name, AppCommandType.MESSAGE)
        payload = dict(serializers.message_payload(self._world, message))
        data = {
            "id": command["id"],
            "name": command["name"],
            "type": AppCommandType.MESSAGE,
            "target_id": str(message_id),
            "resolved": {"messages": {str(message_id): payload}},
        }
        if command.get("guild_id"):
            data["guild_id"] = command["guild_id"]
        return self._start(InteractionType.APPLICATION_COMMAND, person_id, channel_id, data)

    def click(
        self, person_id: int, channel_id: int, message_id: int, custom_id: str
    ) -> Interaction:
        """Press a button."""
        component = self._component(
            person_id, channel_id, message_id, custom_id, (ComponentType.BUTTON,)
        )
        data = {"custom_id": custom_id, "component_type": ComponentType.BUTTON}
        return self._touch(person_id, channel_id, message_id, component, data)

    def select(
        self,
        person_id: int,
        channel_id: int,
        message_id: int,
        custom_id: str,
        values: Sequence[str],
    ) -> Interaction:
        """Choose in a select menu."""
        component = self._component(person_id, channel_id, message_id, custom_id, SELECT_TYPES)
        filling = Filling(self._world, person_id, channel_id)
        data = {
            "custom_id": custom_id,
            "component_type": component["type"],
            "values": filling.select(component, values),
        }
        return self._touch(person_id, channel_id, message_id, component, data, filling)

    def submit(self, person_id: int, interaction_id: int, values: Mapping[str, Any]) -> Interaction:
        """Send a modal that an interaction showed."""
        shown = self.get(person_id, interaction_id)
        if shown.modal is None or shown.modal_consumed:
            raise errors.invalid_form_body("no modal is open")
        filling = Filling(self._world, person_id, shown.channel_id)
        components = filling.modal(shown.modal, values)
        shown.modal_consumed = True
        return self._start(
            InteractionType.MODAL_SUBMIT,
            person_id,
            shown.channel_id,
            {"custom_id": shown.modal["custom_id"], "components": components},
            filling,
            source_message_id=shown.source_message_id,
        )

    def visible_commands(self, person_id: int, channel_id: int) -> list[dict[str, Any]]:
        """Return the commands, of every type, that the person may use in a channel."""
        self._acting.require(person_id, channel_id)
        return [
            command
            for kind in AppCommandType
            for command in self._world.visible_commands(
                user_id=person_id, channel_id=channel_id, type=kind
            )
        ]

    # Payloads

    def _command(
        self, person_id: int, channel_id: int, name: str, kind: AppCommandType
    ) -> dict[str, Any]:
        channel = self._acting.require(person_id, channel_id)
        command = self._world.find_command(name, channel.guild_id, type=kind)
        if command is None:
            raise errors.BackendError(404, 10063, f"Unknown application command: {name}")
        access = command_access(self._world, command, user_id=person_id, channel_id=channel_id)
        if not access.allowed:
            raise errors.BackendError(403, 50013, f"Missing Permissions: {access.reason}")
        return command

    def _leaf(
        self, person_id: int, channel_id: int, name: str
    ) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        root_name, *path = name.split()
        root = self._command(person_id, channel_id, root_name, AppCommandType.CHAT_INPUT)
        try:
            leaf, nesting = walk_to_subcommand(root, path)
        except errors.SetupError as error:
            raise errors.BackendError(404, 10063, str(error)) from error
        return root, leaf, nesting

    def _command_data(
        self,
        person_id: int,
        channel_id: int,
        name: str,
        options: Mapping[str, Any],
        *,
        partial: bool,
    ) -> tuple[dict[str, Any], Filling]:
        root, leaf, nesting = self._leaf(person_id, channel_id, name)
        if any(option["type"] in {1, 2} for option in leaf.get("options") or []):
            raise errors.invalid_form_body(f"/{name} is a group of commands")
        filling = Filling(self._world, person_id, channel_id)
        filled = filling.options(name, leaf, options, partial=partial)
        data: dict[str, Any] = {
            "id": root["id"],
            "name": root["name"],
            "type": AppCommandType.CHAT_INPUT,
            "options": nest_options(root, nesting, filled),
        }
        if root.get("guild_id"):
            data["guild_id"] = root["guild_id"]
        return data, filling

    def _component(
        self,
        person_id: int,
        channel_id: int,
        message_id: int,
        custom_id: str,
        kinds: Sequence[int],
    ) -> dict[str, Any]:
        message = self._acting.visible(person_id, channel_id, message_id)
        for component in walk_components(message.components):
            if component.get("custom_id") == custom_id and component.get("type") in kinds:
                if component.get("disabled"):
                    raise errors.invalid_form_body(f"{custom_id} is disabled")
                return component
        raise errors.invalid_form_body(f"the message has no component {custom_id}")

    def _touch(
        self,
        person_id: int,
        channel_id: int,
        message_id: int,
        component: Mapping[str, Any],
        data: dict[str, Any],
        filling: Filling | None = None,
    ) -> Interaction:
        if component.get("id") is not None:
            data["id"] = component["id"]
        return self._start(
            InteractionType.MESSAGE_COMPONENT,
            person_id,
            channel_id,
            data,
            filling,
            source_message_id=message_id,
        )

    def _start(
        self,
        kind: InteractionType,
        person_id: int,
        channel_id: int,
        data: dict[str, Any],
        filling: Filling | None = None,
        *,
        source_message_id: int | None = None,
    ) -> Interaction:
        world = self._world
        channel = world.get_channel(channel_id)
        if filling is not None and filling.resolved:
            data["resolved"] = filling.resolved
        record, payload = base_payload(
            world,
            type=kind,
            channel_id=channel_id,
            guild_id=channel.guild_id,
            user_id=person_id,
            data=data,
        )
        payload["locale"] = world.people[person_id].locale
        payload["attachment_size_limit"] = ATTACHMENT_LIMIT
        if channel.guild_id is not None:
            guild = world.get_guild(channel.guild_id)
            payload["guild_locale"] = guild.preferred_locale
            payload["guild"] = {
                "id": str(guild.id),
                "locale": guild.preferred_locale,
                "features": [],
            }
            payload["authorizing_integration_owners"] = {"0": str(guild.id)}
        if source_message_id is not None:
            record.source_message_id = source_message_id
            message = world.messages[channel_id].get(source_message_id)
            if message is not None:
                payload["message"] = dict(serializers.message_payload(world, message))
        loop = asyncio.get_running_loop()
        # A little later than the deadline itself, so that the record reads as failed by then.
        timer = loop.call_later(ANSWER_WITHIN_S + 0.02, self._expire, record.id)
        self._watches[record.id] = Watch(timer)
        world.emit("INTERACTION_CREATE", payload)
        self._tell(record)
        return record

    # Records

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
        """Wait until the record is replied, modal or failed; at most 15 seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while self._state(record) in {"waiting", "deferred"} and loop.time() < deadline:
            await self._next_change(record, deadline - loop.time())
        return self.describe(record)

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
