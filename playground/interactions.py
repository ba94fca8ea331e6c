"""Slash commands, menus, buttons, modals: sent to the bot as a person's client sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simcord.backend import errors, serializers
from simcord.backend.command_access import command_access
from simcord.backend.models import Interaction
from simcord.components import walk_components
from simcord.enums import SELECT_TYPES, AppCommandType, ComponentType, InteractionType
from simcord.interactions import base_payload, nest_options, walk_to_subcommand

from playground.acting import Acting
from playground.options import Filling
from playground.records import Records
from playground.world import World

ATTACHMENT_LIMIT = 10 << 20


class Interactions:
    """Sends interactions to the bot, as a person's client would."""

    def __init__(self, world: World, acting: Acting, records: Records) -> None:
        self._world = world
        self._acting = acting
        self._records = records

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
        leaf = _path(data)[-1]
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
        shown = self._records.get(person_id, interaction_id)
        if shown.modal is None or shown.modal_consumed:
            raise errors.invalid_form_body("no modal is open")
        self._acting.require_voice(person_id, shown.channel_id)
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
        self._acting.require_voice(person_id, channel_id)
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
        if kind is InteractionType.APPLICATION_COMMAND:
            # Discord names a command with the subcommand that was used.
            record.command_name = " ".join(part["name"] for part in _path(data))
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
        self._records.open(record)
        world.emit("INTERACTION_CREATE", payload)
        return record


def _path(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a command, then the group and the subcommand of it that was used."""
    path = [data]
    while (options := path[-1].get("options")) and options[0]["type"] in {1, 2}:
        path.append(options[0])
    return path
