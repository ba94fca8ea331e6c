"""`/session publish` and the end of a talk: one post, one thread, everything in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.cogs.stage import Stage, stage, texts


@dataclass
class Talk:
    """A server with an open session and its people."""

    here: Stage
    guild: Any
    channel: Any
    mod: Any
    asker: Any
    started: Any = None

    def __post_init__(self) -> None:
        self.services = self.here.app.services

    async def ask(self, text: str) -> discord.Message:
        message = await self.asker.send(self.channel, f"Q. {text}")
        await self.here.until(
            lambda: next(m for m in self.channel.history() if m.id == message.id).reactions
        )
        return message

    async def answered(self, text: str, answer: str) -> None:
        asked = await self.ask(text)
        await self.mod.slash(self.channel, "next")
        await self.mod.send(self.channel, f"A. {answer}", reply_to=asked)

    def sets(self) -> list[discord.Message]:
        """Return the posts with the button for the file."""
        return [m for m in self.channel.history() if "as a file" in texts(m)]

    async def the_set(self, holding: str) -> discord.Message:
        def look() -> discord.Message | None:
            found = self.sets()
            return found[0] if found and holding in texts(found[0]) else None

        return await self.here.until(look)


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
    talk = Talk(here, guild, channel, here.manager(guild), here.member(guild, "asker"))
    talk.started = await talk.mod.slash(
        channel, "session start", title="KVM from below", slides="https://example.org/slides.pdf"
    )
    return talk


async def test_the_end_of_a_talk_leaves_one_post_and_one_thread(talk: Talk):
    await talk.answered("What is a guest?", "A machine in a machine.")
    await talk.mod.slash(talk.channel, "session end")

    await talk.the_set("KVM from below")
    await talk.here.until(lambda: talk.channel.threads)
    (post,) = talk.sets()
    text = texts(post)
    assert "https://example.org/slides.pdf" in text
    assert "What is a guest?" in text
    # The thread for late questions hangs on it.
    (thread,) = talk.channel.threads
    assert thread.id == post.id


async def test_parts_arrive_in_the_same_post(talk: Talk):
    await talk.mod.slash(talk.channel, "session end")
    first = await talk.the_set("KVM from below")
    assert "Notes" not in texts(first)
    await talk.here.until(lambda: talk.channel.threads)

    await talk.mod.slash(talk.channel, "notes post", file=("n.md", b"# KVM\n\n- a point\n"))
    later = await talk.the_set("Notes")

    assert later.id == first.id
    assert len(talk.sets()) == 1
    # The notes stand in the talk's one thread.
    assert len(talk.channel.threads) == 1
    (thread,) = talk.channel.threads
    assert any("a point" in message.content for message in thread.history())
    assert f"/{thread.id}/" in texts(later)


async def test_the_notes_thread_takes_the_late_questions(talk: Talk):
    await talk.mod.slash(talk.channel, "notes post", file=("n.md", b"# KVM\n\n- a point\n"))
    (thread,) = talk.channel.threads
    await talk.mod.slash(talk.channel, "session end")
    await talk.the_set("Notes")
    await talk.here.until(
        lambda: any("Late questions" in message.content for message in thread.history())
    )
    assert len(talk.channel.threads) == 1
    late = await talk.asker.send(thread, "Q. One more?")
    await talk.here.until(lambda: next(m for m in thread.history() if m.id == late.id).reactions)


async def test_the_file_holds_notes_questions_and_answers(talk: Talk):
    await talk.mod.slash(talk.channel, "notes post", file=("n.md", "# KVM\n\n・一つ目".encode()))
    await talk.answered("What is a guest?", "A machine in a machine.")
    await talk.mod.slash(talk.channel, "session publish")
    post = await talk.the_set("What is a guest?")

    result = await talk.asker.click(post, label="All of it as a file")

    assert result.ephemeral
    (attachment,) = result.response.attachments
    text = (await attachment.read()).decode()
    assert "・一つ目" in text
    assert "Q. What is a guest?" in text
    assert "A machine in a machine." in text
    assert text.index("・一つ目") < text.index("Q. What is a guest?")


async def test_attendees_publish_nothing(talk: Talk):
    result = await talk.asker.slash(talk.channel, "session publish")
    assert result.ephemeral
    assert not talk.sets()


async def test_publishing_again_leads_to_the_same_post(talk: Talk):
    first = await talk.mod.slash(talk.channel, "session publish")
    (post,) = talk.sets()
    again = await talk.mod.slash(talk.channel, "session publish")
    assert str(post.id) in first.response.content
    assert str(post.id) in again.response.content
    await talk.mod.slash(talk.channel, "session end")
    await talk.here.until(lambda: talk.channel.threads)
    assert len(talk.sets()) == 1


async def test_a_deleted_post_is_published_anew(talk: Talk):
    await talk.mod.slash(talk.channel, "session publish")
    (post,) = talk.sets()
    talk.here.env.backend.delete_message(talk.channel.id, post.id)
    await talk.mod.slash(talk.channel, "session publish")
    (other,) = await talk.here.until(talk.sets)
    assert other.id != post.id


async def test_an_erased_question_leaves_the_post(talk: Talk):
    await talk.answered("My secret question?", "An answer.")
    await talk.mod.slash(talk.channel, "session publish")
    await talk.the_set("My secret question?")
    card = await talk.asker.slash(talk.channel, "me erase", what="words")
    await talk.asker.click(card.response, label="Erase my name and words")
    await talk.here.until(lambda: "secret" not in texts(talk.sets()[0]))


async def test_many_questions_fit(talk: Talk):
    for number in range(4):
        await talk.answered(f"{number} " + "長い質問" * 40, "はい。")
    await talk.mod.slash(talk.channel, "session publish")
    (post,) = talk.sets()
    assert len(texts(post)) < 4000


async def test_a_recording_stands_in_the_set_with_its_button_and_nowhere_else(talk: Talk):
    await talk.mod.click(talk.started.response, label="Yes, 7 days")
    await talk.mod.slash(talk.channel, "recording add", url="https://video.example.org/kvm")
    await talk.here.until(lambda: "🎬" in "".join(map(texts, talk.channel.history())))

    await talk.mod.slash(talk.channel, "session end")

    await talk.the_set("https://video.example.org/kvm")
    await talk.here.until(lambda: "🎬" not in "".join(map(texts, talk.channel.history())))
    await talk.mod.slash(talk.channel, "recording add", url="https://video.example.org/two")
    await talk.the_set("https://video.example.org/two")
    assert "🎬" not in "".join(map(texts, talk.channel.history()))
