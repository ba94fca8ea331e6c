"""SQL that reaches across features: the search index, a person's words, posted files."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.database import Transaction
from bot.moments import to_micros
from bot.questions import Question, question_of

Reader = sqlite3.Connection | Transaction


@dataclass(frozen=True, slots=True)
class PostedExport:
    """A file the bot posted; made anew when a person has themselves erased.

    `stale` is the erasing (its event's id) that the file doesn't show yet; 0: it is as it should.
    """

    message_id: int
    guild_id: int
    channel_id: int
    session_id: int
    format: str
    jokes: bool
    locale: str
    stale: int = 0


def texts(connection: Reader, question_ids: Collection[int]) -> dict[int, str]:
    """Return what is searched for each question: its text and its answers'."""
    found: dict[int, str] = {}
    wanted = list(question_ids)
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            "SELECT q.id, q.body || coalesce((SELECT char(10) || group_concat(a.body, char(10))"
            " FROM answers a WHERE a.question_id = q.id AND a.deleted_at IS NULL), '')"
            f" FROM questions q WHERE q.id IN ({marks})",
            part,
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def put_index(tx: Transaction, entries: Iterable[tuple[int, str]]) -> None:
    """Write the search index of some questions; an empty text takes one out."""
    for question_id, text in entries:
        tx.execute("DELETE FROM question_index WHERE rowid = ?", (question_id,))
        if text:
            tx.execute(
                "INSERT INTO question_index (rowid, text) VALUES (?, ?)", (question_id, text)
            )


def scour_index(tx: Transaction) -> None:
    """Rewrite the search index: taking a text out only notes that it is gone."""
    tx.execute("INSERT INTO question_index (question_index) VALUES ('optimize')")


def find(
    connection: Reader,
    guild_id: int,
    match: str,
    limit: int,
    channel_ids: Collection[int] | None = None,
) -> list[tuple[Question, str, str]]:
    """Return (question, searched text, session's title) of a guild's hits, newest first.

    `channel_ids`: only of sessions in these channels.
    """
    among = None if channel_ids is None else json.dumps(sorted(channel_ids))
    rows = connection.execute(
        "SELECT q.*, s.title, coalesce((SELECT char(10) || group_concat(a.body, char(10))"
        " FROM answers a WHERE a.question_id = q.id AND a.deleted_at IS NULL), '') AS answers"
        " FROM question_index i JOIN questions q ON q.id = i.rowid"
        " JOIN sessions s ON s.id = q.session_id"
        " WHERE question_index MATCH :match AND q.guild_id = :guild"
        " AND q.state NOT IN ('pending', 'withdrawn')"
        " AND (:among IS NULL OR s.channel_id IN (SELECT value FROM json_each(:among)))"
        " ORDER BY i.rowid DESC LIMIT :limit",
        {"match": match, "guild": guild_id, "among": among, "limit": limit},
    )
    return [(question_of(row), row["body"] + row["answers"], row["title"]) for row in rows]


def put_posted(tx: Transaction, posted: PostedExport) -> None:
    """Remember a posted file."""
    tx.execute(
        "INSERT OR REPLACE INTO posted_exports"
        " (message_id, guild_id, channel_id, session_id, format, jokes, locale)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            posted.message_id,
            posted.guild_id,
            posted.channel_id,
            posted.session_id,
            posted.format,
            posted.jokes,
            posted.locale,
        ),
    )


def mark_posted(tx: Transaction, session_ids: Collection[int], event_id: int) -> None:
    """Note that the files posted for some sessions must be made anew."""
    tx.execute(
        "UPDATE posted_exports SET stale = ? WHERE session_id IN (SELECT value FROM json_each(?))",
        (event_id, json.dumps(sorted(session_ids))),
    )


def stale_exports(connection: Reader, guild_id: int) -> list[PostedExport]:
    """Return a guild's files that must still be made anew."""
    rows = connection.execute(
        "SELECT * FROM posted_exports WHERE guild_id = ? AND stale ORDER BY message_id",
        (guild_id,),
    )
    return [
        PostedExport(
            message_id=row["message_id"],
            guild_id=row["guild_id"],
            channel_id=row["channel_id"],
            session_id=row["session_id"],
            format=row["format"],
            jokes=bool(row["jokes"]),
            locale=row["locale"],
            stale=row["stale"],
        )
        for row in rows
    ]


def made_anew(tx: Transaction, posted: PostedExport) -> None:
    """Note that a file is as it should be, unless somebody else was erased meanwhile."""
    tx.execute(
        "UPDATE posted_exports SET stale = 0 WHERE message_id = ? AND stale = ?",
        (posted.message_id, posted.stale),
    )


def drop_posted(tx: Transaction, message_id: int) -> None:
    """Forget a posted file that is gone."""
    tx.execute("DELETE FROM posted_exports WHERE message_id = ?", (message_id,))


def sessions_of_person(connection: Reader, guild_id: int, user_id: int) -> list[int]:
    """Return the sessions in which a person asked, answered, spoke or started."""
    rows = connection.execute(
        "SELECT session_id FROM questions WHERE guild_id = :guild AND author_id = :user"
        " UNION SELECT q.session_id FROM answers a JOIN questions q ON q.id = a.question_id"
        " WHERE a.guild_id = :guild AND a.author_id = :user"
        " UNION SELECT id FROM sessions WHERE guild_id = :guild"
        " AND (speaker_id = :user OR started_by = :user)",
        {"guild": guild_id, "user": user_id},
    )
    return [row[0] for row in rows]


def sessions_run_by(connection: Reader, guild_id: int, user_id: int) -> list[int]:
    """Return the sessions a person started or spoke in."""
    rows = connection.execute(
        "SELECT id FROM sessions WHERE guild_id = ? AND ? IN (speaker_id, started_by)",
        (guild_id, user_id),
    )
    return [row[0] for row in rows]


def earlier_texts(connection: Reader, guild_id: int, user_id: int) -> dict[int, list[str]]:
    """Return what a person's questions said before they were edited, oldest first."""
    found: dict[int, list[str]] = {}
    rows = connection.execute(
        "SELECT r.question_id, r.body FROM question_revisions r"
        " JOIN questions q ON q.id = r.question_id"
        " WHERE q.guild_id = ? AND q.author_id = ? ORDER BY r.rowid",
        (guild_id, user_id),
    )
    for row in rows:
        found.setdefault(row[0], []).append(row[1])
    return found


def posts_of_person(connection: Reader, guild_id: int, user_id: int) -> tuple[list[int], list[int]]:
    """Return the questions a person asked, and the answers they gave or were given."""
    key = {"guild": guild_id, "user": user_id}
    asked = connection.execute(
        "SELECT id FROM questions WHERE guild_id = :guild AND author_id = :user", key
    ).fetchall()
    answers = connection.execute(
        "SELECT a.id FROM answers a JOIN questions q ON q.id = a.question_id"
        " WHERE a.guild_id = :guild AND :user IN (a.author_id, q.author_id)",
        key,
    ).fetchall()
    return [row[0] for row in asked], [row[0] for row in answers]


def erase_words(tx: Transaction, guild_id: int, user_id: int, at: datetime) -> list[int]:
    """Empty a person's questions and answers, their history too; return the questions touched."""
    asked = [
        row[0]
        for row in tx.execute(
            "SELECT id FROM questions WHERE guild_id = ? AND author_id = ?", (guild_id, user_id)
        )
    ]
    answered = [
        row[0]
        for row in tx.execute(
            "SELECT question_id FROM answers WHERE guild_id = ? AND author_id = ?",
            (guild_id, user_id),
        )
    ]
    for question_id in asked:
        tx.execute("DELETE FROM question_revisions WHERE question_id = ?", (question_id,))
        tx.execute("DELETE FROM question_attachments WHERE question_id = ?", (question_id,))
        tx.execute(
            "UPDATE questions SET body = '', state = 'withdrawn', closed_at = ? WHERE id = ?",
            (to_micros(at), question_id),
        )
    tx.execute(
        "UPDATE answers SET body = '', deleted_at = ? WHERE guild_id = ? AND author_id = ?",
        (to_micros(at), guild_id, user_id),
    )
    # That somebody looked behind a question stays recorded; why, in their words, does not.
    tx.execute(
        "UPDATE reveals SET reason = '' WHERE question_id IN (SELECT id FROM questions"
        " WHERE guild_id = :guild AND (author_id = :user OR reveals.by_id = :user))",
        {"guild": guild_id, "user": user_id},
    )
    return sorted({*asked, *answered})


def erase_ids(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take a person's id out of a guild's rows; their votes no longer count."""
    key = {"guild": guild_id, "user": user_id}
    of_guild = "question_id IN (SELECT id FROM questions WHERE guild_id = :guild)"
    ended = "guild_id = :guild AND ended_at IS NOT NULL"
    mine = "guild_id = :guild AND author_id = :user"
    voted = tx.execute(
        f"SELECT DISTINCT question_id FROM votes WHERE user_id = :user AND {of_guild}",
        key,
    ).fetchall()
    for sql in (
        f"UPDATE questions SET author_id = NULL WHERE {mine}",
        f"UPDATE answers SET author_id = NULL WHERE {mine}",
        f"UPDATE sessions SET speaker_id = NULL WHERE {ended} AND speaker_id = :user",
        f"UPDATE sessions SET started_by = NULL WHERE {ended} AND started_by = :user",
        f"UPDATE reveals SET by_id = NULL WHERE by_id = :user AND {of_guild}",
        f"DELETE FROM votes WHERE user_id = :user AND {of_guild}",
    ):
        tx.execute(sql, key)
    for row in voted:
        tx.execute(
            "UPDATE questions SET votes ="
            " (SELECT count(DISTINCT user_id) FROM votes WHERE question_id = questions.id)"
            " WHERE id = ?",
            (row[0],),
        )


def forget_askers_before(tx: Transaction, before: datetime) -> int:
    """Take askers' and voters' ids out of sessions that ended before, and count the askers.

    Those of supplements go too; who answered for the session stays.
    """
    micros = to_micros(before)
    old = "SELECT id FROM sessions WHERE ended_at < :before"
    number = tx.execute(
        f"UPDATE questions SET author_id = NULL WHERE author_id IS NOT NULL"
        f" AND session_id IN ({old})",
        {"before": micros},
    ).rowcount
    in_old = f"SELECT id FROM questions WHERE session_id IN ({old})"
    tx.execute(
        f"UPDATE answers SET author_id = NULL WHERE supplement AND author_id IS NOT NULL"
        f" AND question_id IN ({in_old})",
        {"before": micros},
    )
    tx.execute(f"DELETE FROM votes WHERE question_id IN ({in_old})", {"before": micros})
    return number


def forget_reveals_before(tx: Transaction, before: datetime) -> None:
    """Drop the record of looks behind anonymous questions older than `before`."""
    tx.execute("DELETE FROM reveals WHERE at < ?", (to_micros(before),))
