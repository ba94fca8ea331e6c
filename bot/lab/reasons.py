"""Why an instance ended, kept so that it can be told in each person's language."""

import json
from typing import Any, cast

from bot.errors import (
    N_,
    BadInput,
    Conflict,
    LimitReached,
    NotAllowed,
    NotFound,
    StudyBotError,
    Term,
)
from bot.lab import errors, guest_errors
from bot.lab.errors import LabError
from bot.localization import Words

REMOVED = "removed"
EXPIRED = "expired"
SESSION_ENDED = "session_ended"
CLEARED = "cleared"
KILLED = "killed"
CANCELLED = "cancelled"
VANISHED = "vanished"
PLACE_GONE = "place_gone"

_SENTENCES = {
    REMOVED: N_("it was removed"),
    EXPIRED: N_("its time ran out"),
    SESSION_ENDED: N_("the session is over"),
    CLEARED: N_("the lab was cleared by the staff"),
    KILLED: N_("it was stopped by the staff"),
    CANCELLED: N_("it was cancelled"),
    VANISHED: N_("it was gone from its host"),
    PLACE_GONE: N_("the channel or the server is gone"),
}


# What stood in the way, by the kind of error: an event keeps its name, and no sentence of it.
_KINDS: tuple[tuple[type[StudyBotError], str], ...] = (
    (LimitReached, N_("a limit")),
    (NotAllowed, N_("not allowed")),
    (BadInput, N_("couldn't be used as typed")),
    (NotFound, N_("not there")),
    (Conflict, N_("couldn't be done then")),
    (LabError, N_("the lab's host")),
)


def in_short(why: object, _: Words) -> str:
    """Tell what an event says of a reason or an error in a few words."""
    text = str(why)
    if text in _SENTENCES:
        return _(_SENTENCES[text])
    error = getattr(errors, text, None) or getattr(guest_errors, text, None)
    if isinstance(error, type) and issubclass(error, StudyBotError):
        return next((_(said) for kind, said in _KINDS if issubclass(error, kind)), text)
    return text


def of_error(error: StudyBotError) -> str:
    """Keep an error so that `explain` can tell it later."""
    params = {
        name: {"term": str(value)} if isinstance(value, Term) else str(value)
        for name, value in error.params.items()
    }
    return json.dumps({"message": error.message, "params": params}, ensure_ascii=False)


def explain(reason: str | None, _: Words) -> str:
    """Tell a reason; empty where there is none."""
    if not reason:
        return ""
    if reason in _SENTENCES:
        return _(_SENTENCES[reason])
    try:
        kept: Any = json.loads(reason)
        params = cast("dict[str, str | dict[str, str]]", kept["params"])
        filled: dict[str, object] = {
            name: Term(value["term"]) if isinstance(value, dict) else value
            for name, value in params.items()
        }
        message: str = kept["message"]
        return _(message, **filled)
    except (ValueError, KeyError, TypeError):
        return reason
