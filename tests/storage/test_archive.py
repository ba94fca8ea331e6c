"""What is found, what a person gets of themselves, and what erasing leaves: nothing."""

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.archive import Format
from bot.database import Transaction
from bot.guilds import Person
from bot.moments import to_micros
from bot.questions import State
from bot.search import index_text
from tests.storage.world import (
    ALICE,
    BOB,
    CHANNEL,
    GUILD,
    MODERATOR,
    SPEAKER,
    World,
    dump,
    world,
)


async def found(here: World, words: str, guild_id: int = GUILD) -> list[int]:
    return [hit.question.number for hit in await here.archive.find(guild_id, words)]


# --- find -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("仮想", [1]),
        ("仮", [1]),
        ("想マ", [1]),
        ("ｋｖｍ", [2]),
        ("KVM 速", [2]),
        ("入れ子", [2]),
        ("想仮", []),
        ("KVM 仮想", []),
        ("Ｃ", [3]),
    ],
)
async def test_short_japanese_words_are_found(here: World, words: str, numbers: list[int]) -> None:
    session = await here.start()
    await here.ask(session, ALICE, "仮想マシンとは何ですか?")
    kvm = await here.ask(session, BOB, "KVMは速いですか?")
    await here.ask(session, ALICE, "C")
    await here.answers.reply(
        session,
        SPEAKER,
        replied_to=kvm.message_id or 0,
        message_id=77,
        body="- はい\n  - 入れ子でも",
        ordinal=None,
        at=here.clock(),
    )
    assert await found(here, words) == numbers


async def test_find_follows_edits_withdrawals_and_undoing(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "About penguins?")
    assert await found(here, "penguins") == [1]
    await here.collect(session, ALICE, "About whales?", message_id=question.message_id)
    assert (await found(here, "penguins"), await found(here, "whales")) == ([], [1])
    await here.queue.next(session, SPEAKER)
    await here.answers.write(session, SPEAKER, "krill", question.id)
    assert await found(here, "krill") == [1]
    await here.queue.undo(session, SPEAKER)
    assert await found(here, "krill") == []
    await here.intake.messages_deleted([question.message_id or 0])
    assert await found(here, "whales") == []


async def test_finding_while_things_change_ends_up_right(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, SPEAKER, "word0")

    async def change() -> None:
        for n in range(1, 30):
            await here.collect(session, SPEAKER, f"word{n}x", message_id=question.message_id)

    await asyncio.gather(change(), *(here.archive.catch_up() for _ in range(20)))
    assert await found(here, "word29x") == [1]
    assert await found(here, "word3x") == []


# --- exports --------------------------------------------------------------------------------


async def test_an_export_is_the_whole_set(here: World) -> None:
    session = await here.start()
    asked = await here.ask(session, ALICE, "なぜ速い？")
    here.clock.on(minutes=5, seconds=30)
    await here.queue.next(session, SPEAKER)

    def keep(tx: Transaction) -> None:
        at, due = to_micros(session.started_at), to_micros(here.clock.now)
        tx.execute(
            "INSERT INTO notes (session_id, guild_id, source, revision, place, place_id,"
            " readable_id) VALUES (?, ?, '# KVM\n\n・一つ目', 1, 'channel', ?, ?)",
            (session.id, GUILD, CHANNEL, CHANNEL),
        )
        for title, gone in (("録画その1", None), ("消えた録画", at)):
            tx.execute(
                "INSERT INTO recordings (guild_id, session_id, channel_id, source, url, title,"
                " starts_at, added_at, due_at, gone_at)"
                " VALUES (?, ?, ?, 'link', 'https://secret.example.org', ?, ?, ?, ?, ?)",
                (GUILD, session.id, CHANNEL, title, at, at, due, gone),
            )

    await here.database.write(keep)
    here.archive.add_section(lambda _connection, one, _: f"## 資源\n\n{one.title}")

    text = (await here.archive.export(session, Format.MARKDOWN, locale="ja")).data.decode()
    data = json.loads((await here.archive.export(session, Format.JSON, locale="ja")).data)

    assert text.index("・一つ目") < text.index("録画その1") < text.index("## 資源")
    assert text.index("## 資源") < text.index("\nQ. なぜ速い？\n")
    assert "6:00 Q. なぜ速い？" in text
    assert "消えた録画" not in text
    # Where it can be watched is told by the bot alone, for as long as that may be.
    assert "secret.example.org" not in text
    assert data["notes"] == "# KVM\n\n・一つ目"
    (recording,) = data["recordings"]
    assert recording["chapters"] == [{"seconds": 360.0, "title": f"Q. {asked.body}"}]


async def test_no_export_shows_what_nobody_should_see(here: World) -> None:
    session = await here.start()
    shown = await here.ask(session, BOB, "shown to all")
    withdrawn = await here.ask(session, BOB, "taken back")
    await here.intake.messages_deleted([withdrawn.message_id or 0])
    for text, approve in (("turned down", False), ("let through", True)):
        here.clock.on(minutes=1)
        question = await here.asking.ask(session, CHANNEL, ALICE, text, anonymous=True)
        await here.queue.decide(session, MODERATOR, question.id, approve=approve)
    here.clock.on(minutes=1)
    await here.asking.ask(session, CHANNEL, ALICE, "nobody decided", anonymous=True)
    for kind in Format:
        text = (await here.archive.export(session, kind)).data.decode()
        assert shown.body in text
        assert "let through" in text
        for hidden in ("taken back", "turned down", "nobody decided", "Alice", str(ALICE.id)):
            assert hidden not in text, kind


# --- a person's own -------------------------------------------------------------------------


async def test_a_person_gets_all_that_is_kept_of_them_and_nothing_else(here: World) -> None:
    session = await here.start(title="Alice's talk", speaker_id=ALICE.id, speaker_name="Alice")
    await here.collect(session, ALICE, *(f"Question {n}?" for n in range(260)), message_id=900)
    await here.collect(
        session,
        ALICE,
        "Changed?",
        *(f"Question {n}?" for n in range(1, 260)),
        message_id=900,
        attachments=("a.png",),
    )
    bobs = await here.ask(session, BOB, "Bob's secret?")
    await here.votes.toggle(session, ALICE, bobs.id)
    got = json.loads(await here.archive.of_person(GUILD, ALICE.id))
    assert len(got["questions"]) == 260
    assert "Question 0?" in [text for q in got["questions"] for text in q["earlier_texts"]]
    assert got["votes"] == [bobs.id]
    assert got["sessions_run"] == [session.id]
    assert got["name"] == "Alice"
    assert "secret" not in json.dumps(got)
    assert json.loads(await here.archive.of_person(2, ALICE.id))["questions"] == []


# --- erasing --------------------------------------------------------------------------------

SECRETS = (
    "himitsu-one",
    "himitsu-two",
    "himitsu-before",
    "himitsu-answer",
    "himitsu-why",
    "絶対秘密",
)
ZOE = Person(8_765_432_109, "Zoe Himitsu", manages_messages=True)


async def busy(here: World) -> Any:
    """Have Zoe do whatever leaves something behind."""
    session = await here.start()
    one = await here.collect(
        session, ZOE, "himitsu-before", message_id=900, attachments=("himitsu-one.png",)
    )
    await here.collect(session, ZOE, "himitsu-one 絶対秘密?", message_id=900)
    hers = await here.asking.ask(session, CHANNEL, ZOE, "himitsu-two", anonymous=True)
    bobs = await here.ask(session, BOB, "Bob's own?")
    await here.votes.toggle(session, ZOE, bobs.id)
    reply = {"replied_to": bobs.message_id or 0, "ordinal": None, "at": here.clock()}
    await here.answers.reply(session, ZOE, message_id=901, body="himitsu-answer", **reply)
    await here.queue.reveal(session, ZOE, bobs.number, "himitsu-why")
    await here.queue.reveal(session, MODERATOR, hers.number, "himitsu-why not")
    await here.queue.merge(session, ZOE, one.taken[0].number, bobs.number)
    await here.archive.catch_up()
    assert await found(here, "himitsu-answer")
    await here.sessions.end(session, ZOE)
    return session


def holds(path: Path, needle: str) -> list[str]:
    """Name the tables in which some text stands."""
    return [
        table
        for table, rows in dump(path).items()
        for row in rows
        for cell in row
        if (needle.encode() in cell if isinstance(cell, bytes) else needle in str(cell))
    ]


async def test_erasing_leaves_no_word_and_no_id_in_any_table(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    async with world(path) as here:
        await busy(here)
        everything = (*SECRETS, str(ZOE.id), ZOE.name)
        await here.database.backup(tmp_path / "before.sqlite3")
        for needle in everything:
            assert holds(tmp_path / "before.sqlite3", needle), f"{needle}: this tests nothing"
        await here.archive.erase(GUILD, ZOE.id, words_too=True)
        assert await found(here, "himitsu") == []
        assert await here.waiting(await here.sessions.get(1, GUILD)) == []
    for needle in everything:
        assert holds(path, needle) == []
    raw = path.read_bytes()
    for needle in everything:
        assert needle.encode() not in raw, "still in a free page"
    connection = sqlite3.connect(path)
    tokens = {
        row[0]
        for row in connection.execute(
            "SELECT body FROM questions WHERE body <> '' UNION SELECT body FROM answers"
        )
    }
    connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, question_index, row)")
    kept = {row[0] for row in connection.execute("SELECT term FROM terms")}
    connection.close()
    wanted = {term for text in tokens for term in index_text(text).split()}
    assert kept <= wanted, "the index knows words that stand nowhere any more"
    gone = set(index_text("絶対秘密").split()) - wanted
    assert gone
    for term in gone:
        assert term.encode() not in raw


async def test_erasing_the_name_alone_keeps_the_question(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    async with world(path) as here:
        session = await busy(here)
        await here.archive.erase(GUILD, ZOE.id, words_too=False)
        assert await found(here, "himitsu-answer")
        text = (await here.archive.export(session, Format.MARKDOWN)).data.decode()
        assert "himitsu-one" in text
    for needle in (str(ZOE.id), ZOE.name):
        assert holds(path, needle) == []


async def test_erasing_in_one_guild_leaves_the_others_alone(here: World) -> None:
    await busy(here)
    other = await here.start(channel_id=50, guild_id=2)
    await here.ask(other, ZOE, "himitsu elsewhere?")
    await here.archive.erase(GUILD, ZOE.id, words_too=True)
    assert await found(here, "himitsu", 2) == [1]
    assert await here.guilds.names(2, [ZOE.id]) == {ZOE.id: ZOE.name}


async def test_what_was_erased_doesnt_come_back_from_discord(here: World) -> None:
    # The messages still stand there and are read again: after a pause, or a preview unfurls.
    session = await here.start()
    message = here.seen(session, ALICE, "A secret?", "Another?")
    await here.intake.collect(message)
    bobs = await here.ask(session, BOB, "Bob's own?")
    reply: dict[str, Any] = {
        "replied_to": bobs.message_id, "message_id": 901, "body": "my words", "ordinal": None,
        "at": here.clock(),
    }  # fmt: skip
    await here.answers.reply(session, ALICE, **reply)
    await here.archive.erase(GUILD, ALICE.id, words_too=True)
    for gap in (None, session.started_at):
        assert (await here.intake.collect(message, gap_began=gap)).taken == ()
    assert await here.answers.reply(session, ALICE, **reply) is None
    rows = await here.rows("SELECT body FROM questions UNION SELECT body FROM answers ORDER BY 1")
    assert rows == [("",), ("Bob's own?",)]
    assert await here.guilds.names(GUILD, [ALICE.id]) == {}


async def test_erasing_and_indexing_at_once_leaves_no_word(here: World) -> None:
    session = await here.start()
    for n in range(10):
        asker = Person(4000 + n, "x")
        await here.ask(session, asker, f"himitsu{n}")
        await asyncio.gather(
            here.archive.catch_up(),
            here.archive.erase(GUILD, asker.id, words_too=True),
            here.archive.catch_up(),
        )
    assert await here.rows("SELECT text FROM question_index WHERE text <> ''") == []


# --- forgetting -----------------------------------------------------------------------------


async def test_old_askers_are_forgotten_and_their_questions_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    async with world(path) as here:
        session = await here.start()
        question = await here.ask(session, ZOE, "Old?")
        await here.votes.toggle(session, BOB, question.id)
        await here.sessions.end(session, SPEAKER)
        here.clock.on(days=179)
        await here.archive.forget_old()
        assert (await here.question(question)).author_id == ZOE.id
        recent = await here.start()
        fresh = await here.ask(recent, BOB, "New?")
        here.clock.on(days=2)
        await here.archive.forget_old()
        old = await here.question(question)
        assert (old.author_id, old.votes, old.body) == (None, 1, "Old?")
        assert (await here.question(fresh)).author_id == BOB.id
        assert await here.guilds.names(GUILD, [ZOE.id, BOB.id]) == {BOB.id: "Bob"}
    assert holds(path, str(ZOE.id)) == []


async def test_the_audit_is_kept_for_its_days(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "Who?", anonymous=True)
    await here.queue.reveal(session, MODERATOR, question.number, "reason")
    here.clock.on(days=89)
    await here.archive.forget_old()
    assert len(await here.rows("SELECT * FROM reveals")) == 1
    here.clock.on(days=2)
    await here.archive.forget_old()
    assert await here.rows("SELECT * FROM reveals") == []
    assert [event.actor_id for event in await here.events()] == [None] * 3


async def test_a_question_that_is_withdrawn_and_erased_stays_withdrawn(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "One?")
    await here.queue.next(session, SPEAKER)
    await here.archive.erase(GUILD, ALICE.id, words_too=True)
    assert (await here.question(question)).state is State.WITHDRAWN
    assert (await here.views.board(session)).current is None
