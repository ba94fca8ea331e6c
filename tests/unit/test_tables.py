"""A session as CSV and JSON."""

import csv
import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.record import AnswerRecord, QuestionRecord, SessionRecord
from bot.archive.tables import render_csv, render_json
from bot.localization import words

AT = datetime(2026, 11, 14, 23, 30, tzinfo=UTC)
QUESTION = QuestionRecord(
    number=1,
    body="コンテナとは？\n詳しく",
    asker_name="青木",
    state="answered",
    is_joke=False,
    is_anonymous=False,
    votes=3,
    asked_at=AT,
    closed_at=AT + timedelta(minutes=5),
    merged_into=None,
    jump_url="https://discord.com/channels/1/2/3",
    attachments=("図.png", "log.txt"),
    answers=(
        AnswerRecord("- プロセス\n  - 隔離", "佐藤", False, AT),
        AnswerRecord("gVisorも", "田中", True, AT),
    ),
)
SESSION = SessionRecord(
    "入門", "登壇者", "https://example.com", AT, None, "Asia/Tokyo", (QUESTION,)
)


def session(**more: object) -> SessionRecord:
    return dataclasses.replace(SESSION, questions=(dataclasses.replace(QUESTION, **more),))


def rows(data: bytes) -> list[list[str]]:
    text = data.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_row_a_question_in_the_readers_language():
    data = render_csv(SESSION, words("ja"))
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    head, row = rows(data)
    cells = dict(zip(head, row, strict=True))
    assert cells["質問"] == "コンテナとは？\n詳しく"
    assert cells["状態"] == "回答済み"
    assert cells["質問日時"] == "2026-11-15 08:30:00"
    assert cells["回答"] == "'- プロセス\n  - 隔離"
    assert cells["補足"] == "田中: gVisorも"
    assert rows(render_csv(SESSION, words("en")))[0][2] == "Question"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_a_formula(start: str):
    body = start + "cmd|' /C calc'!A0"
    record = session(body=body, asker_name=body, attachments=(body,))
    _, row = rows(render_csv(record, words("en")))
    assert row.count("'" + body) == 3
    assert not [cell for cell in row if cell.startswith(start)]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_out_of_a_cell(body: str):
    _, row = rows(render_csv(session(body=body), words("ja")))
    assert row[2].removeprefix("'") == body.removeprefix("'")
    assert json.loads(render_json(session(body=body)))["questions"][0]["body"] == body


def test_half_a_surrogate_pair_stops_no_export():
    record = session(body="\ud83d")
    assert render_csv(record, words("ja"))
    assert render_json(record)


def test_json_has_stable_keys_and_times_with_their_zone():
    content = json.loads(render_json(SESSION))
    assert content["schema_version"] == 1
    assert content["started_at"] == "2026-11-15T08:30:00+09:00"
    assert content["ended_at"] is None
    assert content["questions"] == [
        {
            "number": 1,
            "body": "コンテナとは？\n詳しく",
            "asked_by": "青木",
            "anonymous": False,
            "state": "answered",
            "joke": False,
            "votes": 3,
            "asked_at": "2026-11-15T08:30:00+09:00",
            "closed_at": "2026-11-15T08:35:00+09:00",
            "merged_into": None,
            "url": "https://discord.com/channels/1/2/3",
            "attachments": ["図.png", "log.txt"],
            "answers": [
                {
                    "body": "- プロセス\n  - 隔離",
                    "answered_by": "佐藤",
                    "supplement": False,
                    "answered_at": "2026-11-15T08:30:00+09:00",
                },
                {
                    "body": "gVisorも",
                    "answered_by": "田中",
                    "supplement": True,
                    "answered_at": "2026-11-15T08:30:00+09:00",
                },
            ],
        }
    ]


@pytest.mark.parametrize(
    ("more", "is_out"),
    [
        ({"state": "pending"}, True),
        ({"state": "withdrawn"}, True),
        ({"is_joke": True}, True),
        ({"state": "open"}, False),
        ({"state": "merged"}, False),
    ],
)
def test_what_nobody_saw_and_jokes_are_left_out(more: dict[str, object], is_out: bool):
    assert (json.loads(render_json(session(**more)))["questions"] == []) == is_out
    assert (len(rows(render_csv(session(**more), words("en")))) == 1) == is_out


def test_jokes_come_when_asked_for():
    record = session(is_joke=True)
    assert json.loads(render_json(record, include_jokes=True))["questions"][0]["joke"]
    assert len(rows(render_csv(record, words("en"), include_jokes=True))) == 2


def test_hidden_and_anonymous_names_stand_nowhere():
    hidden = render_csv(SESSION, words("ja"), show_names=False).decode()
    hidden += render_json(SESSION, show_names=False).decode()
    assert not [name for name in ("青木", "佐藤", "田中", '"登壇者"') if name in hidden]
    anonymous = session(is_anonymous=True)
    assert "青木" not in render_csv(anonymous, words("ja")).decode()
    assert "青木" not in render_json(anonymous).decode()
