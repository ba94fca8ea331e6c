"""The courier: what must be told in a channel is told once, also after a crash.

Services never send. They append events; a cog registers here how events of a kind read, and
the dispatcher (durable, in order) has them sent.
"""

import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import discord
from discord import ui

from bot.errors import N_
from bot.timeline import Consumer, Delivery, DeliveryImpossible, Event


class ChannelClosed(DeliveryImpossible):
    """The bot can't write there."""

    message = N_("I can't write in channel {channel_id}: {why}.")


# How far apart the clocks of this machine and Discord's may be.
_CLOCK_SLACK = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along."""

    name: str
    data: bytes

    def file(self) -> discord.File:
        """Return it for sending; each sending needs a new one."""
        return discord.File(io.BytesIO(self.data), filename=self.name)


@dataclass(frozen=True, slots=True)
class Letter:
    """What to send, and where. Sent with a view, or as plain text.

    `known_by` tells a letter whose other words change from one try to the next: its first
    text begins with it.
    """

    channel_id: int
    text: str | None = None
    view: ui.LayoutView | None = None
    files: tuple[Attachment, ...] = ()
    known_by: str | None = None
    mentions: discord.AllowedMentions = field(default_factory=discord.AllowedMentions.none)


Renderer = Callable[[Event], Awaitable[Letter | None]]


class Courier:
    """Sends what renderers write, one message an event at most."""

    def __init__(
        self,
        channel: Callable[[int], discord.PartialMessageable],
        own_id: Callable[[], int],
        renderers: Mapping[str, Renderer],
    ) -> None:
        self._channel = channel
        self._own_id = own_id
        self._renderers = dict(renderers)

    def consumer(self) -> Consumer:
        """Return what the dispatcher calls."""
        return Consumer(
            name="courier",
            kinds=frozenset(self._renderers),
            lane=lambda event: event.channel_id or event.guild_id,
            deliver=self.deliver,
        )

    async def deliver(self, delivery: Delivery) -> int | None:
        """Send the message of one event; return its id, None when nothing is to be said."""
        letter = await self._renderers[delivery.event.kind](delivery.event)
        if letter is None:
            return None
        return await send_once(self._channel, self._own_id(), letter, delivery)


async def send_once(
    channel_of: Callable[[int], discord.PartialMessageable],
    own_id: int,
    letter: Letter,
    delivery: Delivery,
    part: str = "e",
) -> int:
    """Send `letter` unless an interrupted try already did; return the message's id.

    Discord drops a repeated nonce for a few minutes only; after a longer pause the channel's
    history tells. `part` tells several letters of one event apart.

    Raises:
        ChannelClosed: the channel is gone, or a permission is missing.
    """
    nonce = f"{part}{delivery.event.id}"
    channel = channel_of(letter.channel_id)
    try:
        if delivery.tried_at is not None:
            after = delivery.tried_at - _CLOCK_SLACK
            async for message in channel.history(limit=100, after=after, oldest_first=True):
                if message.author.id == own_id and _says(message, letter):
                    return message.id
        files = [one.file() for one in letter.files]
        if letter.view is not None:
            sent = await channel.send(
                view=letter.view, files=files, nonce=nonce, allowed_mentions=letter.mentions
            )
        else:
            sent = await channel.send(
                letter.text, files=files, nonce=nonce, allowed_mentions=letter.mentions
            )
    except (discord.NotFound, discord.Forbidden) as error:
        raise ChannelClosed(channel_id=letter.channel_id, why=error.text) from error
    return sent.id


def _says(message: discord.Message, letter: Letter) -> bool:
    if letter.view is None:
        return message.content == letter.text
    shown = [component.to_dict() for component in message.components]
    if letter.known_by is not None:
        return any(text.startswith(letter.known_by) for text in _texts(shown)[:1])
    return bool(shown) and _texts(shown) == _texts(letter.view.to_components())


def _texts(payload: Any) -> list[str]:
    """Collect the text displays of a components payload, in order."""
    if isinstance(payload, Mapping):
        node = cast("Mapping[str, Any]", payload)
        own = [str(node["content"])] if "content" in node else []
        return own + [text for value in node.values() for text in _texts(value)]
    if isinstance(payload, list):
        return [text for item in cast("list[Any]", payload) for text in _texts(item)]
    return []
