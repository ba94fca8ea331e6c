"""`/notes`: what stands in the channel, what stays the same, and what people are told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.builders import ChannelHandle

from bot.errors import StudyBotError
from bot.guilds import Person
from bot.notes import Fetched, Fetcher, Place
from bot.notes.errors import SourceUnreachable
from bot.questions import State
from tests.cogs.stage import Stage, stage, texts

CHAPTERS = [
    f"## 第{n}章\n\n"
    + "\n".join(f"- {n}の{i}番目の話です。" + "とても大事。" * 12 for i in range(16))
    for n in range(1, 6)
]
MODERATOR = Person(1, "a moderator", manages_messages=True)
LONG = "\n\n".join(CHAPTERS)


@dataclass
class Talk:
    """A server with an open session and its people."""

    here: Stage
    guild: Any
    channel: Any
    mod: Any
    attendee: Any

    def __post_init__(self) -> None:
        self.services = self.here.app.services

    async def post(self, text: str, *, by: Any = None, at: Any = None, **options: Any) -> Any:
        file = ("notes.md", text.encode())
        return await (by or self.mod).slash(at or self.channel, "notes post", file=file, **options)

    def thread(self, of: Any = None) -> Any:
        (thread,) = [one for one in (of or self.channel).threads if "Notes" in one.name]
        return thread

    def shown(self, channel: Any = None) -> list[discord.Message]:
        own = self.services.own_id()
        place = channel or self.thread()
        return [m for m in place.history() if m.author.id == own and not m.is_system()]

    def said(self, channel: Any = None) -> str:
        return "\n".join(message.content for message in self.shown(channel))

    async def ask(self, member: Any, text: str) -> discord.Message:
        message = await member.send(self.channel, f"Q. {text}")
        await self.here.until(
            lambda: next(m for m in self.channel.history() if m.id == message.id).reactions
        )
        return message

    def remove(self, message: discord.Message) -> None:
        self.here.env.backend.delete_message(message.channel.id, message.id)


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.notes.publisher._GATHER_SECONDS", 0.05)
    async with stage(
        tmp_path,
        monkeypatch,
        study_bot_question_pace_seconds=0,
    ) as set_stage:
        yield set_stage


@pytest.fixture
async def talk(here: Stage):
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild)
    attendee = here.member(guild, "attendee")
    talk = Talk(here, guild, channel, mod, attendee)
    await mod.slash(channel, "session start", title="KVM from below")
    return talk


# -- posting ---------------------------------------------------------------------------------


async def test_a_file_stands_in_a_thread_of_the_talk(talk: Talk):
    result = await talk.post("# KVM\n\n• 一つ目\n  • 二つ目\n")

    head, part = talk.shown()
    assert "KVM from below" in head.content
    assert part.content == "# KVM\n- 一つ目\n  - 二つ目"
    assert result.ephemeral
    assert str(head.id) in result.response.content
    assert not [m for m in talk.channel.history() if "二つ目" in texts(m)]


async def test_attendees_post_nothing(talk: Talk):
    result = await talk.post("# KVM", by=talk.attendee)
    assert result.ephemeral
    assert "note-takers" in result.response.content
    assert not talk.channel.threads


async def test_long_notes_have_contents_that_lead_to_each_part(talk: Talk):
    await talk.post(LONG)
    head, *parts = talk.shown()
    assert len(parts) > 3
    for part in parts:
        assert f"/{talk.thread().id}/{part.id}" in head.content
    assert len(head.content) <= 2000


async def test_posting_again_edits_only_what_changed_and_keeps_links(talk: Talk):
    await talk.post(LONG)
    before = {m.id: m.content for m in talk.shown()}

    result = await talk.post(LONG.replace("3の4番目の話です。", "3の4番目は直しました。"))

    after = {m.id: m.content for m in talk.shown()}
    assert list(after) == list(before)
    assert sum(before[key] != after[key] for key in before) == 1
    assert f"(1 of {len(after) - 1} messages" in result.response.content


async def test_shorter_notes_leave_no_message_over(talk: Talk):
    await talk.post(LONG)
    first = talk.shown()
    await talk.post(CHAPTERS[0])
    now = talk.shown()
    assert [m.id for m in now] == [m.id for m in first][: len(now)]
    assert "第5章" not in talk.said()
    assert "第1章" in talk.said()


async def test_a_message_deleted_by_hand_is_there_again_in_its_place(talk: Talk):
    await talk.post(LONG)
    before = [m.content for m in talk.shown()]
    talk.remove(talk.shown()[2])

    await talk.post(LONG)

    assert [m.content for m in talk.shown()][1:] == before[1:]


async def test_a_head_deleted_by_hand_comes_back_on_top(talk: Talk):
    await talk.post(CHAPTERS[0])
    talk.remove(talk.shown()[0])
    await talk.post(CHAPTERS[0] + "\n- mehr\n")
    shown = talk.shown()
    assert "KVM from below" in shown[0].content
    assert "mehr" in shown[-1].content


async def test_the_form_takes_text_and_shows_what_stands(talk: Talk):
    form = await talk.mod.slash(talk.channel, "notes post")
    await talk.mod.submit_modal(form, {"text": "# from a form"})
    assert "from a form" in talk.said()
    again = await talk.mod.slash(talk.channel, "notes post")
    assert "# from a form" in str(again.modal)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00\x00", b"", b"   \n\n"])
async def test_what_is_no_notes_is_refused_in_a_sentence(talk: Talk, data: bytes):
    result = await talk.mod.slash(talk.channel, "notes post", file=("x.md", data))
    assert result.ephemeral
    assert result.response.content
    assert "incident" not in result.response.content
    assert not talk.channel.threads


async def test_shift_jis_is_read(talk: Talk):
    file = ("notes.txt", "・仮想マシン\n".encode("cp932"))
    await talk.mod.slash(talk.channel, "notes post", file=file)
    assert "- 仮想マシン" in talk.said()


# -- places ----------------------------------------------------------------------------------


async def test_another_channel_takes_the_whole_set(talk: Talk):
    await talk.post(LONG)
    thread = talk.thread()
    other = talk.guild.create_text_channel("notes")

    await talk.post(LONG, to=other)

    assert not talk.shown(thread)
    assert "第5章" in talk.said(other)


async def test_the_server_chooses_a_channel_once(talk: Talk):
    other = talk.guild.create_text_channel("notes")
    card = (await talk.mod.slash(talk.channel, "setup")).response
    await talk.mod.select(card, [other], custom_id="setup:notes_channel_id")
    await talk.post("# KVM")
    assert "# KVM" in talk.said(other)
    assert not talk.channel.threads


def forum(talk: Talk, *tags: str, **changes: Any) -> ChannelHandle:
    made = talk.guild.create_forum_channel("forum")
    talk.here.env.backend.edit_channel(
        made.id,
        {
            "available_tags": [
                {
                    "id": str(n),
                    "name": name,
                    "moderated": False,
                    "emoji_id": None,
                    "emoji_name": None,
                }
                for n, name in enumerate(tags, 1)
            ],
            **changes,
        },
    )
    return made


async def test_a_forum_gets_one_post_a_session_with_its_tag(talk: Talk):
    place = forum(talk, "Other", "Notes")
    await talk.post(LONG, to=place)
    await talk.post(LONG + "\n- one more")

    post = talk.thread(place)
    shown = talk.shown(post)
    assert len(place.threads) == 1
    assert "KVM from below" in shown[0].content
    assert "one more" in shown[-1].content
    assert talk.here.env.backend.channels[post.id].applied_tags == [2]


async def test_a_forum_without_the_tag_takes_the_post_all_the_same(talk: Talk):
    place = forum(talk, "Other")
    await talk.post("# KVM", to=place)
    assert "# KVM" in talk.said(talk.thread(place))


async def test_an_archived_thread_is_opened_first(talk: Talk):
    await talk.post("# KVM")
    thread = talk.thread()
    talk.here.env.backend.edit_channel(thread.id, {}, thread_metadata={"archived": True})

    await talk.post("# KVM, again")

    assert "again" in talk.said()
    assert not talk.here.env.backend.channels[thread.id].thread_metadata.archived


async def test_a_locked_thread_is_said(talk: Talk):
    await talk.post("# KVM")
    talk.here.env.backend.edit_channel(
        talk.thread().id, {}, thread_metadata={"archived": True, "locked": True}
    )
    talk.here.env.inject_error(
        "PATCH", f"/channels/{talk.thread().id}", status=403, code=50013, times=None
    )
    told = await talk.post("# KVM, again")
    assert "locked" in told.response.content
    assert "again" not in talk.said()


async def test_a_deleted_channel_is_said_and_another_one_takes_the_notes(talk: Talk):
    other = talk.guild.create_text_channel("notes")
    await talk.post("# KVM", to=other)
    talk.here.env.backend.delete_channel(other.id)
    told = await talk.post("# KVM, again")
    assert "/notes post" in told.response.content
    await talk.post("# KVM, again", to=talk.channel)
    assert "again" in talk.said(talk.channel)


async def test_a_forum_that_wants_a_tag_names_the_one_to_add(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
):
    place = forum(talk, "Other")
    monkeypatch.setattr(
        discord.ForumChannel,
        "flags",
        property(lambda _self: discord.ChannelFlags(require_tag=True)),
    )
    told = await talk.post("# KVM", to=place)
    assert "“Notes”" in told.response.content
    assert not place.threads


async def test_a_deleted_thread_is_made_anew(talk: Talk):
    await talk.post("# KVM")
    talk.here.env.backend.delete_channel(talk.thread().id)
    await talk.post("# KVM")
    assert "# KVM" in talk.said()


async def test_a_missing_permission_is_named_and_nothing_is_lost(talk: Talk):
    other = talk.guild.create_text_channel(
        "closed",
        overwrites={
            talk.guild.roles[talk.here.app.client.user.name]: discord.PermissionOverwrite(
                send_messages=False
            )
        },
    )
    told = await talk.post("# KVM", to=other)
    assert "Send Messages" in told.response.content
    await talk.post("# KVM", to=talk.channel)
    assert "# KVM" in talk.said(talk.channel)


async def test_nobody_posts_where_they_could_not_write(talk: Talk):
    closed = talk.guild.create_text_channel(
        "closed",
        overwrites={talk.guild.default_role: discord.PermissionOverwrite(send_messages=False)},
    )
    role = talk.guild.create_role("note-takers")
    card = (await talk.mod.slash(talk.channel, "setup")).response
    await talk.mod.select(card, [role], custom_id="setup:note_taker_role_id")
    note_taker = talk.here.member(talk.guild, "notes", role)
    told = await talk.post("# KVM", by=note_taker, to=closed)
    assert told.ephemeral
    assert not closed.history()


# -- trouble ---------------------------------------------------------------------------------


async def test_a_failed_post_goes_on_where_it_stopped(talk: Talk, monkeypatch: Any):
    monkeypatch.setattr("bot.timeline.dispatch._FIRST_PAUSE_SECONDS", 0.05)
    sent = 0
    post = discord.abc.Messageable.send

    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal sent
        message = await post(self, *args, **kwargs)
        if str(kwargs.get("nonce", "")).startswith("note"):
            sent += 1
            if sent == 3:
                # It arrived, but the answer didn't.
                raise ConnectionResetError
        return message

    monkeypatch.setattr(discord.Thread, "send", send)
    session = await talk.services.sessions.get(1, talk.guild.id)
    place = Place("thread", talk.channel.id, talk.channel.id)

    await talk.services.notes.post(session, MODERATOR, LONG, "file", place)

    await talk.here.until(lambda: _is_posted(talk, session))
    assert sent > 3
    shown = [m.content for m in talk.shown()]
    assert len(shown) == len(set(shown))
    for n in range(1, 6):
        assert sum(f"## 第{n}章" in text for text in shown) == 1
        for i in range(16):
            assert sum(f"{n}の{i}番目" in text for text in shown) == 1


async def _is_posted(talk: Talk, session: Any) -> bool:
    return (await talk.services.notes.history(session))[0].posted_at is not None


async def test_few_edits_of_old_messages_only_take_longer(talk: Talk, monkeypatch: Any):
    monkeypatch.setattr("cogs.notes.publisher._PAUSE_SECONDS", 0.01)
    await talk.post("# KVM")
    talk.here.env.inject_error(
        "PATCH", "/channels/*/messages/*", status=400, code=30046, message="old", times=3
    )
    await talk.post("# KVM, again")
    assert "again" in talk.said()


# -- history ---------------------------------------------------------------------------------


async def test_history_says_when_by_whom_and_how_much(talk: Talk):
    await talk.post(LONG)
    await talk.post(LONG.replace("3の4番目の話です。", "3の4番目は直しました。"))
    result = await talk.attendee.slash(talk.channel, "notes history")
    told = texts(result.response)
    assert result.ephemeral
    assert f"<@{talk.mod.id}>" in told
    newest = next(line for line in told.splitlines() if "#2" in line)
    assert "1 of" in newest


async def test_without_notes_a_sentence_says_so(talk: Talk):
    result = await talk.mod.slash(talk.channel, "notes history")
    assert "/notes post" in result.response.content


# -- question time ---------------------------------------------------------------------------


async def test_answers_are_written_into_the_notes_as_they_come(talk: Talk):
    await talk.post("# KVM\n\n- it boots\n")
    first = await talk.ask(talk.attendee, "Why is it fast?")
    await talk.ask(talk.attendee, "What did I miss?")
    await talk.ask(talk.attendee, "Nobody answers this one")
    await talk.mod.send(talk.channel, "A. - VT-x\n  - in hardware", reply_to=first)
    session = await talk.services.sessions.get(1, talk.guild.id)
    await talk.services.queue.close(session, MODERATOR, State.MISSED, 2)

    await talk.here.until(lambda: "VT-x" in talk.said() and "(missed)" in talk.said())
    text = talk.said()
    assert text.index("Question time") < text.index("Q. Why is it fast?") < text.index("- VT-x")
    assert "- VT-x\n  - in hardware" in text
    assert "Nobody answers" not in text
    assert "attendee" not in text


async def test_what_the_note_taker_wrote_down_is_not_written_twice(talk: Talk):
    first = await talk.ask(talk.attendee, "Why is it fast?")
    await talk.post("# KVM\n\n## Question time\n\nQ. Why's it fast\n\n- VT-x\n")
    await talk.mod.send(talk.channel, "A. because", reply_to=first)
    await asyncio.sleep(0.4)
    assert talk.said().count("fast") == 1


async def test_erased_words_leave_the_notes(talk: Talk):
    await talk.post("# KVM")
    first = await talk.ask(talk.attendee, "Why is it fast?")
    await talk.mod.send(talk.channel, "A. VT-x", reply_to=first)
    await talk.here.until(lambda: "Why is it fast" in talk.said())

    card = await talk.attendee.slash(talk.channel, "me erase", what="words")
    await talk.attendee.click(card.response, custom_id="erase")

    await talk.here.until(lambda: "Why is it fast" not in talk.said())


async def test_answers_in_the_notes_are_shown_before_they_are_written(talk: Talk):
    await talk.ask(talk.attendee, "仮想化のメリットは管理が減ることでいいのかな")
    await talk.ask(talk.attendee, "メモリはいくつ積んでいますか？")
    await talk.ask(talk.attendee, "Something else entirely")
    await talk.post(
        "お題\n\nはじめに\n\n  • あれ\n\n質問タイム\n\n仮想化のメリットって管理が減ること？\n\n"
        "  • 集約できる\n    • 無駄の削減\n\nQ.メモリはいくつ積んでいますか\n\n  • (聞き逃した)\n"
    )

    card = await talk.mod.slash(talk.channel, "notes import-answers")
    assert card.ephemeral
    assert "#1" in texts(card.response)
    session = await talk.services.sessions.get(1, talk.guild.id)
    assert [q.state async for q in _questions(talk, session)] == ["open"] * 3

    await talk.mod.click(card.response, custom_id="write")

    states = [q.state async for q in _questions(talk, session)]
    assert states == ["answered", "missed", "open"]
    (question, *_) = [q async for q in _questions(talk, session)]
    (answer,) = (await talk.services.answers.of([question]))[question.id]
    assert answer.body == "- 集約できる\n  - 無駄の削減"
    again = await talk.mod.slash(talk.channel, "notes import-answers")
    assert "Write" not in texts(again.response)


async def _questions(talk: Talk, session: Any) -> AsyncIterator[Any]:
    for number in range(1, 4):
        yield await talk.services.views.numbered(session, number)


# -- /find -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["虫", "仮想", "ＫＶＭ"])
async def test_notes_are_found_with_headings_and_a_link_to_the_message(talk: Talk, words: str):
    await talk.post("# お題\n\n## 実演\n\n- 仮想マシンと kvm と虫\n")
    part = talk.shown()[1]
    result = await talk.attendee.slash(talk.channel, "find", words=words)
    told = texts(result.response)
    assert f"/{talk.thread().id}/{part.id})" in told
    assert "お題 › 実演" in told


async def test_notes_of_a_hidden_channel_are_found_by_those_who_read_it_alone(talk: Talk):
    hidden = talk.guild.create_text_channel(
        "hidden",
        overwrites={
            talk.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            talk.mod: discord.PermissionOverwrite(view_channel=True),
            talk.guild.roles[talk.here.app.client.user.name]: discord.PermissionOverwrite(
                view_channel=True
            ),
        },
    )
    await talk.post("# 秘密の話", to=hidden)
    theirs = texts((await talk.attendee.slash(talk.channel, "find", words="秘密")).response)
    ours = texts((await talk.mod.slash(talk.channel, "find", words="秘密")).response)
    assert str(hidden.id) in ours
    assert str(hidden.id) not in theirs


# -- addresses (how they are read is tried in tests/notes/test_fetching.py) --------------------


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> list[str | StudyBotError]:
    """The states of an address, the last one being what stands there now."""
    states: list[str | StudyBotError] = ["# eins"]

    async def fetch(_self: Any, _url: str, *, etag: str | None = None, **_more: Any) -> Any:
        now = states[-1]
        if isinstance(now, StudyBotError):
            raise now
        return None if etag == str(len(states)) else Fetched(now, str(len(states)), None)

    monkeypatch.setattr(Fetcher, "fetch", fetch)
    return states


URL = "https://notes.example/talk"


async def test_an_address_is_posted(talk: Talk, source: list[str]):
    await talk.mod.slash(talk.channel, "notes post", url=URL)
    assert source[0] in talk.said()


async def test_a_watched_address_shows_up_by_itself_until_the_session_ends(
    talk: Talk, source: list[str]
):
    await talk.mod.slash(talk.channel, "notes watch", url=URL)
    assert "eins" in talk.said()
    watches = talk.services.watches
    source.append("# zwei")
    await watches.tick()
    session = await talk.services.sessions.get(1, talk.guild.id)
    assert len(await talk.services.notes.history(session)) == 1  # Not before its half minute.
    await _due(talk)
    await watches.tick()
    await talk.here.until(lambda: "zwei" in talk.said())

    await talk.mod.slash(talk.channel, "session end")
    source.append("# drei")
    await _due(talk)
    await watches.tick()
    assert not await _due(talk)
    assert len(await talk.services.notes.history(session)) == 2


async def test_after_the_session_nothing_is_watched(talk: Talk, source: list[str]):
    await talk.mod.slash(talk.channel, "session end")
    told = await talk.mod.slash(talk.channel, "notes watch", url=URL)
    assert "ended" in told.response.content
    assert source
    assert not await _due(talk)


async def test_a_source_that_fails_again_and_again_is_told_once(
    talk: Talk, source: list[str | StudyBotError]
):
    await talk.mod.slash(talk.channel, "notes watch", url=URL)
    source.append(SourceUnreachable(host="notes.example", why="HTTP 404"))
    for _ in range(5):
        await _due(talk)
        await talk.services.watches.tick()

    def told() -> list[Any]:
        return [m for m in talk.channel.history() if "/notes unwatch" in m.content]

    await talk.here.until(told)
    assert len(told()) == 1
    await talk.mod.slash(talk.channel, "notes unwatch")
    assert not await _due(talk)


async def _due(talk: Talk) -> int:
    def work(tx: Any) -> int:
        return tx.execute("UPDATE note_watches SET due_at = 0").rowcount

    return await talk.services.timeline.database.write(work)


@pytest.mark.parametrize("url", ["http://[::ffff:10.0.0.1]/x.md", "http://192.168.0.1/", "ftp://x"])
async def test_a_private_address_is_refused(talk: Talk, url: str):
    result = await talk.mod.slash(talk.channel, "notes post", url=url)
    assert result.ephemeral
    assert "incident" not in result.response.content
    assert not talk.channel.threads
