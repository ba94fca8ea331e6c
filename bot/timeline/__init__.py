"""What happened, in order: the log that undo, audit, chapters and announcements read."""

from bot.timeline.dispatch import Consumer, DeliveryImpossible, Dispatcher
from bot.timeline.model import Delivery, Event, LiveMessage, NewEvent
from bot.timeline.service import Clock, Timeline
from bot.timeline.store import (
    after,
    cursor,
    drop_old_deliveries,
    event_of,
    forget_actor,
    forget_actors_before,
    latest_to_undo,
    mark_undone,
    move_cursor,
    put_live_message,
)
from bot.timeline.store import of_session as events_of_session

__all__ = [
    "Clock",
    "Consumer",
    "Delivery",
    "DeliveryImpossible",
    "Dispatcher",
    "Event",
    "LiveMessage",
    "NewEvent",
    "Timeline",
    "after",
    "cursor",
    "drop_old_deliveries",
    "event_of",
    "events_of_session",
    "forget_actor",
    "forget_actors_before",
    "latest_to_undo",
    "mark_undone",
    "move_cursor",
    "put_live_message",
]
