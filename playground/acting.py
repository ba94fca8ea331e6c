"""What a person's Discord client does in a channel, with that person's permissions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcord.backend import errors, serializers
from simcord.backend.access import message_accessible, reaction_permissions
from simcord.backend.models import Channel, Message
from simcord.enums import ChannelType

from playground.reactions import check_reaction
from playground.world import World

_WITHOUT_CHAT = {ChannelType.CATEGORY, ChannelType.FORUM}

Upload = tuple[str, bytes]


class Acting:
    """The actions that need no answer of the bot."""

    def __init__(self, world: World) -> None:
        self._world = world

    def require(self, person_id: int, channel_id: int, *permissions: str) -> Channel:
        """Return the channel, which the person can see and has these permissions in."""
        channel = self._world.get_channel(channel_id)
        self._world.require_permissions(channel.guild_id, person_id, channel_id, *permissions)
        return channel

    def visible(self, person_id: int, channel_id: int, message_id: int) -> Message:
        """Return a message the person can see."""
        self.require(person_id, channel_id)
        message = self._world.get_message(channel_id, message_id)
        if not message_accessible(self._world, channel_id, message, person_id):
            raise errors.unknown_message()
        return message

    def require_voice(self, person_id: int, channel_id: int) -> None:
        """Refuse somebody who is timed out: they look on, and can neither react nor press."""
        guild_id = self._world.get_channel(channel_id).guild_id
        if guild_id is None:
            return
        until = self._world.get_member(guild_id, person_id).timed_out_until
        if until is not None and until > self._world.now_iso():
            raise errors.missing_permissions()

    def payload(self, person_id: int, message: Message) -> dict[str, Any]:
        """Return a message's object as this person's client gets it."""
        return dict(serializers.message_payload(self._world, message, for_user=person_id))

    def send(
        self,
        person_id: int,
        channel_id: int,
        content: str,
        *,
        reply_to: int | None = None,
        files: Sequence[Upload] = (),
    ) -> Message:
        """Post a message."""
        world, channel = self._world, self._world.get_channel(channel_id)
        allowed = "send_messages_in_threads" if channel.is_thread else "send_messages"
        self.require(person_id, channel_id, allowed, *(["attach_files"] if files else []))
        if channel.type in _WITHOUT_CHAT:
            raise errors.BackendError(400, 50008, "Cannot send messages in a non-text channel")
        content = _checked(content)
        if not content and not files:
            raise errors.BackendError(400, 50006, "Cannot send an empty message")
        if channel.thread_metadata is not None and channel.thread_metadata.locked:
            self.require(person_id, channel_id, "manage_threads")
        reference = None
        if reply_to is not None:
            target = self.visible(person_id, channel_id, reply_to)
            if target.is_ephemeral:
                raise errors.unknown_message()
            reference = {"channel_id": str(channel_id), "message_id": str(reply_to)}
        if channel.is_thread:
            world.add_thread_member(channel_id, person_id)
        attachments = world.store_attachments(channel_id, files)
        return world.create_message(
            channel_id, person_id, content, reference=reference, attachments=attachments
        )

    def edit(self, person_id: int, channel_id: int, message_id: int, content: str) -> Message:
        """Change the text of one's own message."""
        message = self.visible(person_id, channel_id, message_id)
        if message.author_id != person_id:
            raise errors.cannot_edit_other_user()
        content = _checked(content)
        if not content and not message.attachments:
            raise errors.BackendError(400, 50006, "Cannot send an empty message")
        return self._world.edit_message(channel_id, message_id, {"content": content})

    def delete(self, person_id: int, channel_id: int, message_id: int) -> None:
        """Delete one's own message, or with Manage Messages anyone's.

        An ephemeral message is only dismissed, which its receiver may always do.
        """
        message = self.visible(person_id, channel_id, message_id)
        if message.author_id != person_id and not message.is_ephemeral:
            self.require(person_id, channel_id, "manage_messages")
        self._world.delete_message(channel_id, message_id)

    def react(self, person_id: int, channel_id: int, message_id: int, emoji: str) -> None:
        """Add one's reaction."""
        message = self._reactable(person_id, channel_id, message_id)
        check_reaction(message, emoji)
        self.require_voice(person_id, channel_id)
        self.require(person_id, channel_id, *reaction_permissions(message, emoji))
        self._world.add_reaction(channel_id, message_id, emoji, person_id)

    def unreact(self, person_id: int, channel_id: int, message_id: int, emoji: str) -> None:
        """Take one's reaction back."""
        self._reactable(person_id, channel_id, message_id)
        self.require(person_id, channel_id, "read_message_history")
        self._world.remove_reaction(channel_id, message_id, emoji, person_id)

    def _reactable(self, person_id: int, channel_id: int, message_id: int) -> Message:
        message = self.visible(person_id, channel_id, message_id)
        if message.is_ephemeral:
            raise errors.unknown_message()
        return message

    def set_pinned(self, person_id: int, channel_id: int, message_id: int, *, pinned: bool) -> None:
        """Pin or unpin a message."""
        self._reactable(person_id, channel_id, message_id)
        self.require(person_id, channel_id, "pin_messages")
        self._world.set_pinned(channel_id, message_id, pinned, actor_id=person_id)


def _checked(content: str) -> str:
    content = content.strip()
    if len(content) > 2000:
        raise errors.invalid_form_body("content: must be 2000 or fewer in length")
    return content
