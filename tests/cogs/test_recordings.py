"""`/recording`: who is asked, who may add, who may watch, and what becomes of the post."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.database import Transaction
from bot.recordings import Reading, read_clocks
from tests.cogs.stage import Stage, stage, texts

URL = "https://video.example.org/kvm"
WEB = "127.0.0.1:8099"


class Clocks:
    """This machine's clocks, and time that went by besides."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> Reading:
        real = read_clocks()
        return Reading(real.wall + self.passed, real.boot, real.since_boot + self.passed)


@dataclass
class Talk:
    """A server, its people, and a session whose speaker has not been asked."""

    here: Stage
    clocks: Clocks
    folder: Path
    guild: Any
    channel: Any
    mod: Any
    speaker: Any
    attendee: Any

    def __post_init__(self) -> None:
        self.services = self.here.app.services

    async def start(self, by: Any = None) -> Any:
        return await (by or self.speaker).slash(
            self.channel, "session start", title="KVM from below", speaker=self.speaker
        )

    async def agree(self) -> None:
        told = await self.start()
        await self.speaker.click(told.response, label="Yes, 7 days")

    def put(self, name: str = "talk.mp4", guild: Any = None) -> Path:
        folder = self.folder / "recordings" / str((guild or self.guild).id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"moving pictures")
        return folder / name

    async def add(self, by: Any = None, **options: Any) -> Any:
        return await (by or self.mod).slash(self.channel, "recording add", **options)

    async def seen(self, words: str, channel: Any = None) -> discord.Message:
        """Wait until a message of the bot says something."""

        def look() -> discord.Message | None:
            for message in (channel or self.channel).history():
                if message.author.id == self.services.own_id() and words in texts(message):
                    return message
            return None

        return await self.here.until(look)

    def said(self) -> str:
        return "\n".join(texts(message) for message in self.channel.history())

    async def pass_time(self, **passed: float) -> None:
        self.clocks.passed += timedelta(**passed)
        await self.here.app.retention.tick()


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr("bot.app.read_clocks", clocks)
    return clocks


@pytest.fixture
async def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clocks: Clocks
) -> AsyncIterator[Stage]:
    async with stage(
        tmp_path, monkeypatch, study_bot_question_pace_seconds=0, study_bot_web_address=WEB
    ) as set_stage:
        yield set_stage


@pytest.fixture
async def talk(here: Stage, tmp_path: Path, clocks: Clocks) -> Talk:
    guild = here.guild()
    channel = guild.create_text_channel("talk")
    return Talk(
        here,
        clocks,
        tmp_path,
        guild,
        channel,
        here.manager(guild),
        here.member(guild, "speaker"),
        here.member(guild, "attendee"),
    )


# -- asking the speaker ----------------------------------------------------------------------


async def test_speakers_who_start_their_talk_are_asked_privately(talk: Talk):
    told = await talk.start()
    assert told.ephemeral
    assert "May this talk be recorded" in texts(told.response)
    assert "May this talk be recorded" not in talk.said()
    await talk.speaker.click(told.response, label="Yes, 7 days")
    assert texts(await talk.seen("deleted after 7 days"))
    assert "What is said in the call is recorded, too" in talk.said()


async def test_a_speaker_somebody_else_named_is_asked_in_the_channel(talk: Talk):
    await talk.start(talk.mod)
    asked = await talk.seen("May this talk be recorded")
    assert [user.id for user in asked.mentions] == [talk.speaker.id]
    refused = await talk.mod.click(asked, label="Yes, 7 days")
    assert "Only the speaker" in refused.response.content
    await talk.speaker.click(asked, label="Yes, 7 days")
    notice = await talk.seen("deleted after 7 days")
    assert notice.id == asked.id


async def test_a_no_leaves_nothing_in_the_channel(talk: Talk):
    await talk.start(talk.mod)
    asked = await talk.seen("May this talk be recorded")
    await talk.speaker.click(asked, label="Don't record")
    await talk.here.until(lambda: "recorded" not in talk.said())
    told = await talk.add(url=URL)
    assert "does not want this talk recorded" in told.response.content


async def test_a_speaker_names_other_terms(talk: Talk):
    told = await talk.start()
    form = await talk.speaker.click(told.response, label="Other terms…")
    thanked = await talk.speaker.submit_modal(form, {"days": "30", "slides": ["0"]})
    await talk.seen("deleted after 30 days")
    assert "The slides are not part of the recording" in texts(thanked.response)
    assert "The slides are not part of the recording" in talk.said()
    session = talk.services.sessions.at(talk.channel.id)
    assert session is not None
    said = await talk.services.consents.of(session)
    assert (said.recorded, said.days, said.slides) == (True, 30, False)
    told = await talk.add(url=URL)
    assert "without the slides" in told.response.content


async def test_with_the_slides_nothing_is_said_of_them(talk: Talk):
    await talk.agree()
    told = await talk.add(url=URL)
    assert "slides" not in talk.said() + told.response.content


async def test_speakers_who_add_it_themselves_agree_to_what_is_in_it(talk: Talk):
    await talk.start()
    told = await talk.add(talk.speaker, url=URL)
    await talk.seen("deleted after 7 days")
    assert "slides" not in told.response.content
    assert "The slides are not" not in talk.said()


@pytest.mark.parametrize("days", ["0", "abc", "999"])
async def test_terms_that_can_t_be_used_are_said(talk: Talk, days: str):
    told = await talk.start()
    form = await talk.speaker.click(told.response, label="Other terms…")
    refused = await talk.speaker.submit_modal(form, {"days": days, "slides": ["1"]})
    assert "from 1 to 365" in refused.response.content


async def test_the_japanese_notice_reads_as_agreed(here: Stage, talk: Talk):
    talk.here.locales[talk.speaker.id] = "ja"
    card = (await talk.mod.slash(talk.channel, "setup")).response
    await talk.mod.select(card, ["ja"], custom_id="setup:locale")
    told = await talk.start()
    await talk.speaker.click(told.response, label="同意する（7日間）")
    await talk.seen("この勉強会は録画し、7日後に削除します。通話での発言も録音されます。")


# -- adding ----------------------------------------------------------------------------------


async def test_without_an_answer_the_speaker_is_asked_and_nothing_is_added(talk: Talk):
    await talk.start()
    told = await talk.add(url=URL)
    assert "has not said yet" in told.response.content
    asked = await talk.seen("May this talk be recorded")
    assert URL not in talk.said()
    await talk.speaker.click(asked, label="Yes, 7 days")
    await talk.add(url=URL)
    await talk.seen(URL)


async def test_attendees_add_nothing(talk: Talk):
    await talk.agree()
    told = await talk.add(talk.attendee, url=URL)
    assert told.ephemeral
    assert URL not in talk.said()


async def test_a_link_stands_in_a_post_that_counts_down(talk: Talk):
    await talk.agree()
    told = await talk.add(url=URL, title="The recording")
    assert told.ephemeral
    text = texts(await talk.seen(URL))
    assert "The recording" in text
    assert ":R>" in text


async def test_a_file_of_the_server_s_own_folder_is_offered_to_staff(talk: Talk):
    await talk.agree()
    talk.put("talk.mp4")
    other = talk.here.guild("Other")
    talk.put("theirs.mp4", other)

    async def offered(by: Any) -> list[str]:
        found = await by.autocomplete(talk.channel, "recording add", "host_file", "")
        return [str(choice["value"]) for choice in found]

    assert await offered(talk.mod) == ["talk.mp4"]
    assert await offered(talk.attendee) == []
    await talk.add(host_file="talk.mp4")
    await talk.seen("KVM from below")


async def test_an_attachment_goes_into_our_folder(talk: Talk, monkeypatch: pytest.MonkeyPatch):
    fetched: list[str] = []

    async def fetch(self: Any, url: str, target: Path) -> None:
        fetched.append(url)
        target.write_bytes(b"moving pictures")

    monkeypatch.setattr("bot.recordings.files.RecordingFiles._fetch", fetch)
    await talk.agree()
    await talk.add(file=("talk.mp4", b"moving pictures"))
    await talk.seen("Watch")
    assert len(fetched) == 1
    assert len(list((talk.folder / "recordings" / "kept" / str(talk.guild.id)).iterdir())) == 1


async def test_a_wrong_time_is_said(talk: Talk):
    await talk.agree()
    told = await talk.add(url=URL, starts_at="half past seven")
    assert "19:30" in told.response.content


# -- watching --------------------------------------------------------------------------------


async def test_who_presses_watch_gets_a_fresh_address_privately(talk: Talk):
    await talk.agree()
    talk.put()
    await talk.add(host_file="talk.mp4")
    post = await talk.seen("Watch")
    first = await talk.attendee.click(post, label="Watch")
    second = await talk.attendee.click(post, label="Watch")
    assert first.ephemeral
    assert f"http://{WEB}/" in texts(first.response)
    assert texts(first.response) != texts(second.response)
    assert f"http://{WEB}/" not in talk.said()


async def test_who_can_t_see_the_channel_gets_no_address(talk: Talk):
    """Custom ids can be made up: a press elsewhere is checked against the post's own channel."""
    await talk.agree()
    talk.put()
    await talk.add(host_file="talk.mp4")
    post = await talk.seen("Watch")
    hidden = talk.guild.create_text_channel(
        "hidden",
        overwrites={talk.guild.default_role: discord.PermissionOverwrite(view_channel=False)},
    )

    def move(tx: Transaction) -> None:
        tx.execute("UPDATE recordings SET channel_id = ?", (hidden.id,))

    await talk.services.timeline.database.write(move)
    refused = await talk.attendee.click(post, label="Watch")
    assert f"http://{WEB}/" not in texts(refused.response)
    assert "no recording here" in texts(refused.response)
    listed = await talk.attendee.slash(talk.channel, "recording list")
    assert "KVM from below" not in texts(listed.response)


async def test_a_removed_recording_says_so_and_opens_nothing(talk: Talk):
    await talk.agree()
    path = talk.put()
    await talk.add(host_file="talk.mp4")
    post = await talk.seen("Watch")
    await talk.mod.slash(talk.channel, "recording remove", recording="KVM from below")
    await talk.here.app.retention.tick()
    after = await talk.seen("This recording was deleted")
    assert after.id == post.id
    assert not path.exists()
    assert "Watch" not in texts(after)
    listed = await talk.attendee.slash(talk.channel, "recording list")
    assert "no recording here" in texts(listed.response)


# -- its time --------------------------------------------------------------------------------


async def test_it_is_announced_a_day_ahead_and_goes_on_the_day(talk: Talk):
    await talk.agree()
    path = talk.put()
    await talk.add(host_file="talk.mp4")
    post = await talk.seen("Watch")
    await talk.pass_time(days=6, minutes=1)
    await talk.seen("The recording “KVM from below” is deleted")
    await talk.pass_time(days=1)
    after = await talk.seen("Its time was over: this recording was deleted")
    assert after.id == post.id
    assert not path.exists()
    assert "Watch" not in texts(after)


async def test_of_a_recording_held_elsewhere_only_the_link_goes(talk: Talk):
    await talk.agree()
    await talk.add(url=URL)
    post = await talk.seen(URL)
    await talk.pass_time(days=7, minutes=1)
    after = await talk.seen("held elsewhere")
    assert after.id == post.id
    assert URL not in texts(after)


async def test_the_speaker_is_asked_before_it_stays_longer(talk: Talk):
    await talk.agree()
    await talk.add(url=URL)
    await talk.seen(URL)
    await talk.mod.slash(talk.channel, "recording extend", days=7)
    asked = await talk.seen("7 days longer")
    refused = await talk.mod.click(asked, label="Yes")
    assert "Only the speaker" in refused.response.content
    await talk.speaker.click(asked, label="Yes")
    await talk.here.until(lambda: "days longer" not in talk.said())
    await talk.pass_time(days=8)
    assert URL in texts(await talk.seen(URL))
    await talk.pass_time(days=7)
    await talk.seen("held elsewhere")


async def test_keeping_it_for_good_is_asked_too(talk: Talk):
    await talk.agree()
    await talk.add(url=URL)
    await talk.mod.slash(talk.channel, "recording keep")
    asked = await talk.seen("stay for good")
    await talk.speaker.click(asked, label="Yes")
    await talk.seen("It stays.")


# -- chapters --------------------------------------------------------------------------------


async def ask_and_take(talk: Talk, text: str) -> None:
    message = await talk.attendee.send(talk.channel, f"Q. {text}")
    await talk.here.until(
        lambda: next(m for m in talk.channel.history() if m.id == message.id).reactions
    )
    await talk.mod.slash(talk.channel, "next")


async def test_chapters_stand_on_the_post_and_follow_the_talk(talk: Talk):
    await talk.agree()
    await talk.add(url=URL)
    await ask_and_take(talk, "What is a guest?")
    await talk.here.until(lambda: "`0:0" in talk.said())
    assert "Q. What is a guest?" in texts(await talk.seen(URL))


async def test_chapters_are_moved_and_handed_out_in_both_forms(talk: Talk):
    await talk.agree()
    await ask_and_take(talk, "What is a guest?")
    await talk.add(url=URL)
    moved = await talk.mod.slash(talk.channel, "recording offset", by="1:00:00")
    assert "+1:00:00" in moved.response.content
    text = await talk.attendee.slash(talk.channel, "recording chapters")
    assert text.ephemeral
    assert "0:00 Beginning\n1:00:0" in text.response.content
    track = await talk.attendee.slash(talk.channel, "recording chapters", form="webvtt")
    (file,) = track.response.attachments
    assert file.filename.endswith(".vtt")


async def test_an_erased_question_leaves_the_post(talk: Talk):
    await talk.agree()
    await talk.add(url=URL)
    await ask_and_take(talk, "I am the attendee")
    await talk.here.until(lambda: "`0:0" in talk.said())
    asked = await talk.attendee.slash(talk.channel, "me erase", what="words")
    await talk.attendee.click(asked.response, custom_id="erase")
    await talk.here.until(lambda: "I am the attendee" not in texts_of_bot(talk))


def texts_of_bot(talk: Talk) -> str:
    own = talk.services.own_id()
    return "\n".join(texts(m) for m in talk.channel.history() if m.author.id == own)


# -- set up ----------------------------------------------------------------------------------


async def test_a_server_chooses_its_own_days(talk: Talk):
    card = (await talk.mod.slash(talk.channel, "setup")).response
    form = await talk.mod.click(card, custom_id="setup:recordings")
    await talk.mod.submit_modal(form, {"recording_days": "30"})
    told = await talk.start()
    assert "for 30 days" in texts(told.response)


async def test_files_need_the_web_server_and_links_don_t(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clocks: Clocks
):
    async with stage(tmp_path, monkeypatch) as here:
        guild = here.guild()
        talk = Talk(
            here,
            clocks,
            tmp_path,
            guild,
            guild.create_text_channel("talk"),
            here.manager(guild),
            here.member(guild, "speaker"),
            here.member(guild, "attendee"),
        )
        await talk.agree()
        talk.put()
        told = await talk.add(host_file="talk.mp4")
        assert "STUDY_BOT_WEB_ADDRESS" in told.response.content
        await talk.add(url=URL)
        await talk.seen(URL)
