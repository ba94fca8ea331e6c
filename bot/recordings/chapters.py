"""Chapters: from what happened in a session to marks in its recording, and how those are written.

Pure but for `of_recording`, which reads the timeline.
"""

import html
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.lab import events as lab_events
from bot.lab import of_session as instances_of_session
from bot.localization import Words, words
from bot.questions import State, of_session
from bot.questions import events as question_events
from bot.recordings.model import Chapter, Recording
from bot.recordings.store import Reader
from bot.timeline import Event, events_of_session

_TITLE = 80
_NAMELESS = (State.WITHDRAWN, State.PENDING)
# YouTube takes a list only when it begins at 0:00 and no chapter is shorter than this.
_YOUTUBE_LEAST = timedelta(seconds=10)
_LAST_CUE = timedelta(hours=1)

Moment = tuple[datetime, str]


def of_recording(connection: Reader, recording: Recording, locale: str) -> tuple[Chapter, ...]:
    """Return a recording's chapters: each question taken, each demo that everybody saw."""
    _ = words(locale)
    found = [*_questions(connection, recording, _), *_demos(connection, recording, _)]
    return arranged(found, recording)


def arranged(moments: Iterable[Moment], recording: Recording) -> tuple[Chapter, ...]:
    """Place what happened in the recording; what was before or after it is left out."""
    chapters: list[Chapter] = []
    for at, title in sorted(moments, key=lambda moment: moment[0]):
        place = at - recording.starts_at + recording.shift
        inside = recording.duration is None or place < recording.duration
        if place >= timedelta() and inside:
            chapters.append(Chapter(place, title))
    return tuple(chapters)


def _questions(connection: Reader, recording: Recording, _: Words) -> list[Moment]:
    known = {
        question.id: question
        for question in of_session(connection, recording.session_id)
        if question.state not in _NAMELESS and not question.joke
    }
    found: list[Moment] = []
    for question_id, at in _taken(connection, recording.session_id).items():
        question = known.get(question_id)
        if question is not None:
            said = " ".join(question.body.split())
            title = f"Q. {said}" if said else _("Question #{number}", number=question.number)
            found.append((at, _clip(title)))
    return found


def _taken(connection: Reader, session_id: int) -> dict[int, datetime]:
    """Return when each question was taken, for the last time where it was put back."""
    events = events_of_session(connection, session_id, list(_TAKES))
    taken: dict[int, datetime] = {}
    for event in events:
        if event.undone_by is None:
            for question_id in _became_current(event):
                taken[question_id] = event.at
    return taken


_TAKES = (question_events.NEXT, question_events.REOPENED)


def _became_current(event: Event) -> Iterable[int]:
    for change in event.data.get("changes", ()):
        if change["after"].get("state") == State.CURRENT:
            yield change["id"]


def _demos(connection: Reader, recording: Recording, _: Words) -> list[Moment]:
    public = {
        instance.id: instance
        for instance in instances_of_session(connection, recording.session_id)
        if instance.public
    }
    events = events_of_session(connection, recording.session_id, [lab_events.STARTED])
    found: dict[int, Moment] = {}
    for event in events:
        instance = public.get(event.data.get("instance_id", 0))
        if instance is not None and instance.id not in found:
            what = instance.template or instance.image
            title = _("Demo: {name} ({what})", name=instance.name, what=what)
            found[instance.id] = (event.at, _clip(title))
    return list(found.values())


def _clip(title: str) -> str:
    return title if len(title) <= _TITLE else title[: _TITLE - 1].rstrip() + "…"


def spoken_place(at: timedelta) -> str:
    """Write a place in a recording as players do: 1:05, 1:02:03."""
    seconds = int(at.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def as_youtube(chapters: Sequence[Chapter], opening: str) -> str:
    """Write chapters for a video's description on YouTube.

    It begins at 0:00, and what is nearer than ten seconds to its neighbour shares its line.
    """
    lines: list[tuple[timedelta, list[str]]] = [(timedelta(), [])]
    for chapter in chapters:
        if chapter.at - lines[-1][0] < _YOUTUBE_LEAST:
            lines[-1][1].append(chapter.title)
        else:
            lines.append((chapter.at, [chapter.title]))
    return "\n".join(f"{spoken_place(at)} {' / '.join(said) or opening}" for at, said in lines)


def as_webvtt(chapters: Sequence[Chapter], duration: timedelta | None = None) -> str:
    """Write chapters as a WebVTT track; each lasts until the next one begins."""
    parts = ["WEBVTT"]
    for index, chapter in enumerate(chapters):
        later = [one.at for one in chapters[index + 1 :] if one.at > chapter.at]
        end = later[0] if later else max(duration or timedelta(), chapter.at + _LAST_CUE)
        title = html.escape(" ".join(chapter.title.split()), quote=False)
        parts.append(f"{index + 1}\n{_cue(chapter.at)} --> {_cue(end)}\n{title}")
    return "\n\n".join(parts) + "\n"


def _cue(at: timedelta) -> str:
    millis = int(at.total_seconds() * 1000)
    hours, minutes = millis // 3_600_000, millis // 60_000 % 60
    return f"{hours:02}:{minutes:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"
