"""The kinds of event this room appends, and those that change what notes show."""

from bot.questions import events as question_events

POSTED = "notes.posted"
WATCHED = "notes.watched"
UNWATCHED = "notes.unwatched"
WATCH_FAILING = "notes.watch_failing"

# After these the question time of posted notes may read otherwise.
QUESTION_TIME_CHANGED = (
    *question_events.TEXT_CHANGED,
    question_events.WITHDRAWN,
    question_events.RETURNED,
    question_events.NEXT,
    question_events.CLOSED,
    question_events.REOPENED,
    question_events.JOKE,
    question_events.MERGED,
)
