"""The values people give: command options, selects, modals, in Discord's wire shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simcord import interactions as simcord_interactions
from simcord.backend import errors, serializers
from simcord.backend.access import channel_accessible
from simcord.components import validate_modal
from simcord.enums import SELECT_TYPES, ComponentType, OptionType

from playground.acting import Upload
from playground.world import World

Resolved = dict[str, dict[str, Any]]

_OPTION_ENTITIES = {
    OptionType.USER: ("user",),
    OptionType.CHANNEL: ("channel",),
    OptionType.ROLE: ("role",),
    OptionType.MENTIONABLE: ("user", "role"),
}
_SELECT_ENTITIES = {
    ComponentType.USER_SELECT: ("user",),
    ComponentType.CHANNEL_SELECT: ("channel",),
    ComponentType.ROLE_SELECT: ("role",),
    ComponentType.MENTIONABLE_SELECT: ("user", "role"),
}


class Filling:
    """One person's input in one channel; collects the objects its ids stand for."""

    def __init__(self, world: World, person_id: int, channel_id: int) -> None:
        self._world = world
        self._person_id = person_id
        self._channel_id = channel_id
        self.resolved: Resolved = {}

    # Entities

    def _resolve(self, wire_id: str, kinds: Sequence[str], types: Sequence[int] = ()) -> str:
        for kind in kinds:
            found = getattr(self, f"_resolve_{kind}")(int(wire_id), types)
            if found:
                return wire_id
        raise errors.invalid_form_body(f"{wire_id} is no {' or '.join(kinds)} of this server")

    def _resolve_user(self, user_id: int, _types: Sequence[int]) -> bool:
        world = self._world
        guild_id = world.get_channel(self._channel_id).guild_id
        member = world.get_guild(guild_id).members.get(user_id) if guild_id else None
        if user_id not in world.users or (guild_id and member is None):
            return False
        user = serializers.user_payload(world.users[user_id])
        self.resolved.setdefault("users", {})[str(user_id)] = dict(user)
        if guild_id and member is not None:
            payload = dict(
                serializers.member_payload(
                    world, world.get_guild(guild_id), member, with_user=False
                )
            )
            payload["permissions"] = str(
                world.compute_permissions(guild_id, user_id, self._channel_id)
            )
            self.resolved.setdefault("members", {})[str(user_id)] = payload
        return True

    def _resolve_role(self, role_id: int, _types: Sequence[int]) -> bool:
        guild_id = self._world.get_channel(self._channel_id).guild_id
        role = self._world.get_guild(guild_id).roles.get(role_id) if guild_id else None
        if role is None:
            return False
        payload = dict(serializers.role_payload(role))
        self.resolved.setdefault("roles", {})[str(role_id)] = payload
        return True

    def _resolve_channel(self, channel_id: int, types: Sequence[int]) -> bool:
        world = self._world
        here, channel = world.get_channel(self._channel_id), world.channels.get(channel_id)
        if channel is None or here.guild_id is None or channel.guild_id != here.guild_id:
            return False
        if not channel_accessible(world, channel_id, self._person_id):
            return False
        if types and channel.type not in types:
            raise errors.invalid_form_body(f"only channels of the types {list(types)} fit here")
        payload = dict(serializers.channel_payload(world, channel))
        payload["permissions"] = str(
            world.compute_permissions(here.guild_id, self._person_id, channel_id)
        )
        self.resolved.setdefault("channels", {})[str(channel_id)] = payload
        return True

    def _upload(self, file: Upload) -> str:
        return simcord_interactions.store_interaction_attachment(
            self._world, self._channel_id, *file, self.resolved
        )

    # Command options

    def options(
        self, name: str, leaf: Mapping[str, Any], values: Mapping[str, Any], *, partial: bool
    ) -> list[dict[str, Any]]:
        """Return the options as a command's interaction carries them.

        Args:
            name: The whole command name, for messages.
            leaf: The (sub-)command's object as synced.
            values: What the person filled in, by option name.
            partial: While still typing: required ones may be missing, files don't go along.

        Raises:
            BackendError: 50035, an option the client wouldn't let anybody send.
        """
        declared = {option["name"]: option for option in leaf.get("options") or []}
        if unknown := set(values) - set(declared):
            raise errors.invalid_form_body(f"/{name} has no option {min(unknown)!r}")
        missing = [key for key, option in declared.items() if option.get("required")]
        if not partial and (absent := [key for key in missing if values.get(key) is None]):
            raise errors.invalid_form_body(f"/{name} requires the option {absent[0]!r}")
        return [
            {"name": key, "type": option["type"], "value": self._option(name, option, values[key])}
            for key, option in declared.items()
            if values.get(key) is not None
            and not (partial and option["type"] == OptionType.ATTACHMENT)
        ]

    def _option(self, name: str, option: dict[str, Any], value: Any) -> Any:
        kind = OptionType(option["type"])
        if entities := _OPTION_ENTITIES.get(kind):
            return self._resolve(str(value), entities, option.get("channel_types") or ())
        if isinstance(value, str):
            try:
                value = {OptionType.INTEGER: int, OptionType.NUMBER: float}.get(kind, str)(value)
            except ValueError:
                raise errors.invalid_form_body(f"{option['name']}: not a number") from None
        try:
            checked = simcord_interactions.validate_option_value(name, option, value)
        except errors.OptionError as error:
            raise errors.invalid_form_body(str(error)) from error
        return self._upload(checked) if kind == OptionType.ATTACHMENT else checked

    # Selects and modals

    def select(self, component: Mapping[str, Any], values: Sequence[str]) -> list[str]:
        """Return the values chosen in a select, which must be among those it offers."""
        least, most = component.get("min_values", 1), component.get("max_values", 1)
        if not least <= len(values) <= most or len(set(values)) != len(values):
            raise errors.invalid_form_body(f"choose between {least} and {most} different values")
        if entities := _SELECT_ENTITIES.get(ComponentType(component["type"])):
            types = component.get("channel_types") or ()
            return [self._resolve(str(value), entities, types) for value in values]
        return _offered(component, values)

    def modal(self, shown: Mapping[str, Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a filled modal's components."""
        spec = validate_modal(shown)
        left = dict(values)
        components = [self._node(node, left) for node in spec["components"]]
        if left:
            raise errors.invalid_form_body(f"the modal has no control {min(left)!r}")
        return components

    def _node(self, node: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        kind = node["type"]
        shell = {"type": kind, "id": node["id"]}
        if kind == ComponentType.LABEL:
            return {**shell, "component": self._node(node["component"], values)}
        if kind == ComponentType.ACTION_ROW:
            children = [self._node(child, values) for child in node["components"]]
            return {**shell, "components": children}
        if kind == ComponentType.TEXT_DISPLAY:
            return shell
        given = values.pop(node["custom_id"], None)
        control = self._control(node, given)
        return {**shell, "custom_id": node["custom_id"], **control}

    def _control(self, node: dict[str, Any], given: Any) -> dict[str, Any]:
        kind, name = node["type"], node["custom_id"]
        if kind == ComponentType.CHECKBOX:
            return {"value": bool(node.get("default", False) if given is None else given)}
        required = bool(node.get("required", True))
        if required and given in (None, "", []):
            raise errors.invalid_form_body(f"{name}: this field is required")
        if kind == ComponentType.TEXT_INPUT:
            return {"value": _text(node, str(given or ""), required=required)}
        if kind == ComponentType.RADIO_GROUP:
            return {"value": given if given is None else _offered(node, [given])[0]}
        chosen = [] if given is None else given if isinstance(given, list) else [given]
        if not chosen:
            return {"values": []}
        if kind in SELECT_TYPES:
            return {"values": self.select(node, chosen)}
        least = 1 if node.get("min_values") is None else node["min_values"]
        most = node.get("max_values")
        if most is None:
            most = 1 if kind == ComponentType.FILE_UPLOAD else len(node["options"])
        if not least <= len(chosen) <= most:
            raise errors.invalid_form_body(f"{name}: choose between {least} and {most}")
        if kind == ComponentType.FILE_UPLOAD:
            return {"values": [self._upload(file) for file in chosen]}
        return {"values": _offered(node, chosen)}


def _text(node: Mapping[str, Any], text: str, *, required: bool) -> str:
    least, most = node.get("min_length") or 0, node.get("max_length") or 4000
    if (text or required) and not least <= len(text) <= most:
        raise errors.invalid_form_body(
            f"{node['custom_id']}: between {least} and {most} characters"
        )
    return text


def _offered(node: Mapping[str, Any], chosen: Sequence[str]) -> list[str]:
    offered = {option["value"] for option in node.get("options") or []}
    if unknown := [value for value in chosen if value not in offered]:
        raise errors.invalid_form_body(f"{node['custom_id']}: {unknown[0]!r} is not on offer")
    return list(chosen)
