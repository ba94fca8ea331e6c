"""A session as a table for spreadsheets, and as JSON for programs."""

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.archive.record import AnswerRecord, QuestionRecord, SessionRecord
from bot.localization import Words

# Counts up when a key changes its meaning or goes; new keys don't count.
SCHEMA_VERSION = 1

# A spreadsheet runs a cell that begins with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render_csv(
    record: SessionRecord, words: Words, *, include_jokes: bool = False, show_names: bool = True
) -> bytes:
    """Write one row a question: UTF-8 with a byte order mark, as Excel needs, and CRLF.

    Times are in the record's zone; several answers stand in one cell.
    """
    _ = words
    zone = ZoneInfo(record.time_zone)
    head = [
        _("Number"),
        _("State"),
        _("Question"),
        _("Asked by"),
        _("Votes"),
        _("Asked at"),
        _("Closed at"),
        _("Answers"),
        _("Supplements"),
        _("Merged into"),
        _("Joke"),
        _("Link"),
        _("Attachments"),
    ]
    states = {
        "open": _("Open"),
        "current": _("Current"),
        "answered": _("Answered"),
        "missed": _("Missed"),
        "skipped": _("Skipped"),
        "merged": _("Merged"),
    }
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(head)
    for question in record.seen(include_jokes=include_jokes):
        cells = [
            question.number,
            states.get(question.state, question.state),
            question.body,
            _asker(question, show_names=show_names),
            question.votes,
            _local(question.asked_at, zone),
            _local(question.closed_at, zone),
            _joined(question, is_supplement=False, show_names=show_names),
            _joined(question, is_supplement=True, show_names=show_names),
            question.merged_into,
            "✓" if question.is_joke else None,
            question.jump_url,
            "\n".join(question.attachments),
        ]
        table.writerow([_cell(cell) for cell in cells])
    # Half a surrogate pair, which broken clients send, can't be written.
    return text.getvalue().encode("utf-8-sig", "replace")


def render_json(
    record: SessionRecord, *, include_jokes: bool = False, show_names: bool = True
) -> bytes:
    """Write a session with English keys; times are ISO 8601 with the record's zone's offset."""
    zone = ZoneInfo(record.time_zone)
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": record.title,
        "speaker": record.speaker_name if show_names else None,
        "slides_url": record.slides_url,
        "started_at": _iso(record.started_at, zone),
        "ended_at": _iso(record.ended_at, zone),
        "time_zone": record.time_zone,
        "questions": [
            _question(question, zone, show_names=show_names)
            for question in record.seen(include_jokes=include_jokes)
        ],
        "lab": [
            {
                "at": _iso(entry.at, zone),
                "what": entry.what,
                "by": entry.by_name if show_names else None,
                "instance": entry.instance,
                "image": entry.image,
                "outcome": entry.outcome,
            }
            for entry in record.lab
        ],
        "notes": record.notes,
        "recordings": [
            {
                "title": recording.title,
                "seconds": _seconds(recording.duration),
                "until": _iso(recording.ends_at, zone),
                "chapters": [
                    {"seconds": _seconds(chapter.at), "title": chapter.title}
                    for chapter in recording.chapters
                ],
            }
            for recording in record.recordings
        ],
    }
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "replace")


def _question(question: QuestionRecord, zone: ZoneInfo, *, show_names: bool) -> dict[str, Any]:
    return {
        "number": question.number,
        "body": question.body,
        "asked_by": _asker(question, show_names=show_names),
        "anonymous": question.is_anonymous,
        "state": question.state,
        "joke": question.is_joke,
        "votes": question.votes,
        "asked_at": _iso(question.asked_at, zone),
        "closed_at": _iso(question.closed_at, zone),
        "merged_into": question.merged_into,
        "url": question.jump_url,
        "attachments": list(question.attachments),
        "answers": [
            {
                "body": answer.body,
                "answered_by": answer.author_name if show_names else None,
                "supplement": answer.is_supplement,
                "answered_at": _iso(answer.answered_at, zone),
            }
            for answer in question.answers
        ],
    }


def _asker(question: QuestionRecord, *, show_names: bool) -> str | None:
    return question.asker_name if show_names and not question.is_anonymous else None


def _joined(question: QuestionRecord, *, is_supplement: bool, show_names: bool) -> str:
    def line(answer: AnswerRecord) -> str:
        named = show_names and is_supplement and answer.author_name
        return f"{answer.author_name}: {answer.body}" if named else answer.body

    return "\n\n".join(
        line(answer) for answer in question.answers if answer.is_supplement == is_supplement
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _local(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else None


def _seconds(length: timedelta | None) -> float | None:
    return length.total_seconds() if length is not None else None


def _iso(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).isoformat() if at else None
