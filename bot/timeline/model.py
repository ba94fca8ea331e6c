"""What a timeline is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened, before it has a place in the timeline.

    `data` holds ids, states and numbers, never a person's words: those stay in the rows they
    belong to, so that erasing them there erases them.
    """

    kind: str
    guild_id: int
    session_id: int | None = None
    channel_id: int | None = None
    actor_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in its place."""

    id: int
    kind: str
    guild_id: int
    session_id: int | None
    channel_id: int | None
    actor_id: int | None
    at: datetime
    data: Mapping[str, Any]
    undone_by: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event that one consumer still has to act on.

    `lane` orders them: deliveries of one lane are worked in the order of their events, lanes
    beside each other. `tried_at` says when the first try began, None before it.
    """

    event: Event
    consumer: str
    lane: int
    tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message that shows the present state of something: a board, a panel, a card."""

    kind: str
    key: int
    guild_id: int
    channel_id: int
    message_id: int | None
    posted_at: datetime | None
    digest: str | None
