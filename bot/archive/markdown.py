"""A session as Markdown, in the shape note-takers write it, and back.

    # 20190315-title

    Reference URL: https://…

    ## Lecture notes

    …

    ## Recording

    - A title, 1:02:03
      - 0:05 A chapter

    ## Question time

    Q. A question
       and its further lines

      Asked by somebody

      - An answer
        - with nested bullets

Of question time the indent alone says what a line is, so nothing anybody wrote needs
escaping: a question begins at the margin, its further lines stand three columns in, answers
are bullets two columns in with their lines deeper, and remarks stand two columns in without a
bullet. Only an answer that reads `(missed)` itself gets a backslash. `read.py` reads it back.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from bot.archive.record import (
    AnswerRecord,
    QuestionRecord,
    RecordingRecord,
    SessionRecord,
    target_of,
)
from bot.errors import N_
from bot.localization import LOCALES, Words, words
from bot.recordings import spoken_place

MISSED = N_("(missed)")
STATUSES = {
    "missed": MISSED,
    "skipped": N_("(skipped)"),
    "merged": N_("(merged)"),
    "open": N_("(not answered)"),
    "current": N_("(not answered)"),
}
SUPPLEMENT = N_("Supplement:")
QUESTION_TIME = N_("Question time")
REFERENCE = N_("Reference URL")
_NOTES = N_("Lecture notes")
_RECORDING = N_("Recording")

BULLET = re.compile(r"(?:[-*+•‣◦]|\d{1,3}[.)])[ \u00a0]|・")


def in_each_language(message: str) -> list[str]:
    """Return what a message may read like in a file, whoever exported it."""
    return [words(locale)(message) for locale in LOCALES]


def _any_of(messages: list[str]) -> str:
    return "|".join(
        re.escape(text.strip("()")) for message in messages for text in in_each_language(message)
    )


# What stands for an answer where there is none, with backslashes where it is an answer.
STATUS = re.compile(rf"(\\*)[(（]({_any_of(list(STATUSES.values()))})[)）]")


def render_markdown(
    record: SessionRecord, words: Words, *, include_jokes: bool = False, show_names: bool = True
) -> str:
    """Write a session with its questions and answers; times are in the record's zone."""
    _ = words
    day = record.started_at.astimezone(ZoneInfo(record.time_zone)).strftime("%Y%m%d")
    paragraphs = [f"# {day}-{_one_line(record.title)}"]
    if record.slides_url:
        paragraphs.append(f"{_(REFERENCE)}: {_one_line(record.slides_url)}")
    if record.speaker_name and show_names:
        paragraphs.append(_("Speaker: {name}", name=_one_line(record.speaker_name)))
    paragraphs.append(f"## {_(_NOTES)}")
    if record.notes and (notes := record.notes.strip("\r\n")):
        paragraphs.append(notes.replace("\r\n", "\n"))
    if record.recordings:
        paragraphs.append(f"## {_(_RECORDING)}")
        zone = ZoneInfo(record.time_zone)
        paragraphs += [_recording(one, zone, _) for one in record.recordings]
    paragraphs += [section.strip("\n") for section in record.sections]
    # Last: what is read back begins at this heading, whatever the notes hold.
    paragraphs.append(f"## {_(QUESTION_TIME)}")

    shown = record.seen(include_jokes=include_jokes)
    by_number = {question.number: question for question in shown}
    merged: dict[int, list[QuestionRecord]] = {}
    for question in shown:
        if target := target_of(question, by_number):
            merged.setdefault(target.number, []).append(question)
    for question in shown:
        if target_of(question, by_number) is None:
            parts = merged.get(question.number, [])
            paragraphs += _question(question, parts, _, show_names=show_names)
    return "\n\n".join(paragraphs) + "\n"


def _recording(recording: RecordingRecord, zone: ZoneInfo, words: Words) -> str:
    _ = words
    said = [_one_line(recording.title)]
    if recording.duration is not None:
        said.append(spoken_place(recording.duration))
    if recording.ends_at is not None:
        until = recording.ends_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        said.append(_("until {until}", until=until))
    lines = [
        f"  - {spoken_place(chapter.at)} {_one_line(chapter.title)}"
        for chapter in recording.chapters
    ]
    return "\n".join([f"- {', '.join(said)}", *lines])


def _question(
    question: QuestionRecord,
    merged: list[QuestionRecord],
    words: Words,
    *,
    show_names: bool,
) -> Iterator[str]:
    _ = words
    first, *more = question.body.split("\n")
    yield "\n".join([f"Q. {first}", *(_indented(line, "   ") for line in more)])
    if show_names and question.asker_name and not question.is_anonymous:
        yield "  " + _("Asked by {name}", name=_one_line(question.asker_name))
    for other in merged:
        yield "  " + _("Merged with: {question}", question=_one_line(other.body))
    if question.attachments:
        files = ", ".join(_one_line(file) for file in question.attachments)
        yield "  " + _("Attached: {files}", files=files)
    # The bullets of a question would run into the answer's without a line between.
    is_apart = bool(more)
    if question.state in STATUSES and (question.state == "missed" or not question.answers):
        yield f"  - {_(STATUSES[question.state])}"
        is_apart = True
    # An answer to a question that became part of another one is an answer to both.
    for answer in [*question.answers, *(answer for other in merged for answer in other.answers)]:
        name = answer.author_name if show_names else None
        # Whoever notes down the speaker's answer is no news; a further one's author is.
        if is_apart or answer.is_supplement:
            yield _label(answer, name, _)
        yield "\n".join(_answer(answer.body))
        is_apart = True


def _label(answer: AnswerRecord, name: str | None, words: Words) -> str:
    _ = words
    if not name:
        return "  " + (_(SUPPLEMENT) if answer.is_supplement else _("Answer:"))
    name = _one_line(name)
    if answer.is_supplement:
        return "  " + _("Supplement (by {name}):", name=name)
    return "  " + _("Answer (by {name}):", name=name)


def _answer(body: str) -> list[str]:
    """Write an answer as bullets: its own where it is a list, else one for the whole."""
    first, *more = lines = body.split("\n")
    if all(_is_of_list(line) for line in lines) and BULLET.match(first):
        if any(BULLET.match(line) for line in more):
            return [_indented(line, "  ") for line in lines]
        if first.startswith("- "):
            # A list of one: its sign tells it from a text that got a bullet.
            return [f"  + {first[2:]}", *(_indented(line, "  ") for line in more)]
    if STATUS.fullmatch(body):
        first = "\\" + first
    return [f"  - {first}", *(_indented(line, "    ") for line in more)]


def _is_of_list(line: str) -> bool:
    return not line or line.startswith("  ") or bool(BULLET.match(line))


def _indented(line: str, indent: str) -> str:
    return indent + line if line else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
