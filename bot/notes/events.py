"""The kinds of event this room appends, and those that change what notes show."""

from bot.questions import events as question_events

POSTED = "notes.posted"
WATCHED = "notes.watched"
UNWATCHED = "notes.unwatched"
WATCH_FAILING = "notes.watch_failing"

# After these the question time of posted notes may read otherwise; new questions wait in the
# queue, not in the notes.
QUESTION_TIME_CHANGED = (
    question_events.EDITED,
    question_events.ANSWERED,
    question_events.ANSWER_EDITED,
    question_events.ANSWER_REMOVED,
    question_events.UNDONE,
    question_events.WITHDRAWN,
    question_events.RETURNED,
    question_events.NEXT,
    question_events.CLOSED,
    question_events.REOPENED,
    question_events.JOKE,
    question_events.MERGED,
)
