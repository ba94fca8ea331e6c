"""`/find`, `/export`, `/stats`, `/me`: what a person gets, and what nobody else may."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError
from simcord.results import to_discord_message

from bot.archive import Archive
from tests.cogs.stage import Stage, stage, texts


@dataclass
class Talk:
    """A server with a session in which two people asked something."""

    here: Stage
    guild: Any
    channel: Any
    mod: Any
    asker: Any
    other: Any

    def __post_init__(self) -> None:
        self.services = self.here.app.services

    async def ask(self, member: Any, text: str) -> discord.Message:
        message = await member.send(self.channel, f"Q. {text}")
        await self.here.until(lambda: reactions(self.channel, message))
        return message

    async def file(self, message: Any) -> str:
        stored = self.here.env.backend.get_message(self.channel_of(message), message.id)
        (attachment,) = to_discord_message(self.here.env, stored).attachments
        return (await attachment.read()).decode()

    @staticmethod
    def channel_of(message: Any) -> int:
        return message.channel.id if isinstance(message, discord.Message) else message.channel_id


def reactions(channel: Any, message: Any) -> Any:
    return next(m for m in channel.history() if m.id == message.id).reactions


async def held(here: Stage, name: str = "Study", title: str = "KVM from below") -> Talk:
    guild = here.guild(name)
    channel = guild.create_text_channel("talk")
    mod = here.manager(guild, f"{name}mod")
    asker, other = here.member(guild, f"{name}-asker"), here.member(guild, f"{name}-other")
    talk = Talk(here, guild, channel, mod, asker, other)
    await mod.slash(channel, "session start", title=title)
    await here.until(lambda: any(message.pinned for message in channel.history()))
    await talk.ask(asker, "仮想マシンとコンテナの違いは何ですか")
    await talk.ask(other, "How fast does a guest boot?")
    return talk


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with stage(tmp_path, monkeypatch, study_bot_question_pace_seconds=0) as set_stage:
        yield set_stage


@pytest.fixture
async def talk(here: Stage):
    return await held(here)


# -- /find -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["仮想", "違", "ＢＯＯＴ"])
async def test_words_are_found_with_session_number_and_link(talk: Talk, words: str):
    result = await talk.other.slash(talk.channel, "find", words=words)

    told = texts(result.response)
    assert result.ephemeral
    assert "KVM from below" in told
    number = 2 if words == "ＢＯＯＴ" else 1
    assert f"[#{number}](https://discord.com/channels/{talk.guild.id}/{talk.channel.id}/" in told
    assert f"**{'boot' if words == 'ＢＯＯＴ' else words}**" in told


@pytest.mark.parametrize(("locale", "told"), [("en-US", "Nothing"), ("ja", "見つかりません")])
async def test_nothing_found_is_said(talk: Talk, locale: str, told: str):
    person = talk.here.member(talk.guild, "reader", locale=locale)
    result = await person.slash(talk.channel, "find", words="Xen")
    assert told in texts(result.response)


async def test_another_server_finds_nothing_of_ours(talk: Talk):
    theirs = await held(talk.here, "Theirs", "Other talk")
    result = await theirs.mod.slash(theirs.channel, "find", words="仮想")
    told = texts(result.response)
    assert "Other talk" in told
    assert "KVM from below" not in told
    assert str(talk.guild.id) not in told
    # The search itself knows servers too, whatever channels it was told.
    hits = await talk.services.archive.find(theirs.guild.id, "仮想")
    assert {hit.question.guild_id for hit in hits} == {theirs.guild.id}


async def test_what_was_asked_in_a_hidden_channel_is_for_those_who_see_it(talk: Talk):
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
    await talk.mod.slash(hidden, "session start", title="Rehearsal")
    secret = Talk(talk.here, talk.guild, hidden, talk.mod, talk.asker, talk.other)
    await secret.ask(talk.mod, "仮想の秘密")

    theirs = texts((await talk.other.slash(talk.channel, "find", words="仮想")).response)
    ours = texts((await talk.mod.slash(talk.channel, "find", words="仮想")).response)

    assert "Rehearsal" in ours
    assert "Rehearsal" not in theirs
    assert "KVM from below" in theirs
    listed = await talk.other.autocomplete(talk.channel, "export", "session", "")
    assert [choice["name"][11:] for choice in listed] == ["KVM from below"]


async def test_many_hits_fit_one_message(talk: Talk):
    rules = talk.services.guilds
    for n in range(12):
        asker = talk.here.member(talk.guild, f"asker{n}")
        await talk.ask(asker, f"ストレージ {n} " + "とても長い質問です" * 60)
    result = await talk.other.slash(talk.channel, "find", words="ストレージ")
    told = texts(result.response)
    assert told.count("https://discord.com/channels/") >= 8
    assert rules.get(talk.guild.id).rules.open_questions == 5


# -- /export ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "suffix"), [("markdown", "md"), ("csv", "csv"), ("json", "json")])
async def test_anybody_gets_the_file_privately(talk: Talk, kind: str, suffix: str):
    before = len(talk.channel.history(viewer=talk.other))

    result = await talk.asker.slash(talk.channel, "export", format=kind)

    assert result.ephemeral
    (file,) = result.response.attachments
    assert file.filename.endswith(f".{suffix}")
    assert "仮想マシンとコンテナの違いは何ですか" in await talk.file(result.response)
    assert len(talk.channel.history(viewer=talk.other)) == before


async def test_jokes_are_in_it_only_when_asked_for(talk: Talk):
    await talk.mod.slash(talk.channel, "next")
    panel = next(m for m in talk.channel.history() if m.pinned)
    more = await talk.mod.click(panel, label="⋯")
    await talk.mod.click(more.response, label="Joke")

    without = await talk.file((await talk.other.slash(talk.channel, "export")).response)
    with_jokes = await talk.other.slash(talk.channel, "export", jokes=True)

    assert ("仮想" in without, "guest boot" in without) == (False, True)
    assert "仮想" in await talk.file(with_jokes.response)


async def test_the_session_is_chosen_from_this_servers_alone(talk: Talk):
    theirs = await held(talk.here, "Theirs", "Other talk")
    await talk.mod.slash(talk.channel, "session end")
    await talk.mod.slash(talk.channel, "session start", title="Xen")

    listed = await talk.other.autocomplete(talk.channel, "export", "session", "kvm")
    (choice,) = listed
    result = await talk.other.slash(talk.channel, "export", session=choice["value"])

    assert "KVM from below" in choice["name"]
    assert "仮想" in await talk.file(result.response)
    for foreign in ("Xen", choice["value"]):
        refused = await theirs.mod.slash(theirs.channel, "export", session=foreign)
        assert not refused.response.attachments
    names = await theirs.mod.autocomplete(theirs.channel, "stats", "session", "")
    assert [name["name"][11:] for name in names] == ["Other talk"]


async def test_after_the_end_the_last_session_is_meant(talk: Talk):
    await talk.mod.slash(talk.channel, "session end")
    elsewhere = talk.guild.create_text_channel("elsewhere")
    result = await talk.other.slash(elsewhere, "export")
    assert "仮想" in await talk.file(result.response)


async def test_without_any_session_a_sentence_says_so(here: Stage):
    guild = here.guild()
    person = here.member(guild, "somebody", locale="ja")
    result = await person.slash(guild.create_text_channel("talk"), "export")
    assert "勉強会" in result.response.content


async def test_posting_is_for_the_staff(talk: Talk):
    before = len(talk.channel.history(viewer=talk.asker))
    refused = await talk.other.slash(talk.channel, "export", public=True)
    assert refused.ephemeral
    assert not refused.response.attachments
    assert len(talk.channel.history(viewer=talk.asker)) == before

    result = await talk.mod.slash(talk.channel, "export", public=True)

    post = talk.channel.history(viewer=talk.other)[-1]
    assert post.attachments
    assert result.ephemeral
    assert str(post.id) in result.response.content


# -- /stats ----------------------------------------------------------------------------------


async def test_figures_come_as_a_picture_with_text_beside_it(talk: Talk):
    result = await talk.asker.slash(talk.channel, "stats")

    assert result.ephemeral
    assert "KVM from below" in result.response.content
    assert "2" in result.response.content
    (picture,) = result.response.attachments
    assert (await picture.read()).startswith(b"\x89PNG")


@pytest.mark.parametrize(("locale", "told"), [("en-US", "picture"), ("ja", "図")])
async def test_without_the_picture_the_text_still_comes(talk: Talk, locale: str, told: str):
    await talk.here.app.drawing.close()
    person = talk.here.member(talk.guild, "reader", locale=locale)

    result = await person.slash(talk.channel, "stats")

    assert told in result.response.content
    assert "2" in result.response.content
    assert not result.response.attachments


# -- /me -------------------------------------------------------------------------------------


async def test_a_person_gets_their_own_and_nothing_else(talk: Talk):
    theirs = await held(talk.here, "Theirs", "Other talk")
    same = theirs.guild.add_member(talk.asker.user)
    await theirs.ask(same, "Asked elsewhere")

    result = await talk.asker.slash(talk.channel, "me export")

    assert result.ephemeral
    kept = json.loads(await talk.file(result.response))
    assert [question["text"] for question in kept["questions"]] == [
        "仮想マシンとコンテナの違いは何ですか"
    ]
    assert "Asked elsewhere" not in str(kept)


async def erase(talk: Talk, member: Any, what: str) -> Any:
    asked = await member.slash(talk.channel, "me erase", what=what)
    assert asked.ephemeral
    return await member.click(asked.response, custom_id="erase")


async def test_erasing_the_name_keeps_the_question(talk: Talk):
    post = await posted(talk)
    assert talk.asker.name in await talk.file(post)

    await erase(talk, talk.asker, "name")

    after = await talk.file(post)
    assert talk.asker.name not in after
    assert talk.other.name in after
    assert "仮想マシン" in after


async def test_erasing_words_reaches_board_search_and_posted_files(talk: Talk):
    post = await posted(talk)
    await talk.mod.slash(talk.channel, "next")
    await talk.here.until(lambda: "仮想マシン" in texts(board(talk)))

    result = await erase(talk, talk.asker, "words")

    assert "仮想" not in await talk.file(post)
    assert "guest boot" in await talk.file(post)
    await talk.here.until(lambda: "仮想マシン" not in texts(board(talk)))
    found = await talk.other.slash(talk.channel, "find", words="仮想マシン")
    assert "KVM" not in texts(found.response)
    assert "1" in texts(result.response)
    mine = await talk.asker.slash(talk.channel, "me export")
    assert json.loads(await talk.file(mine.response))["questions"] == []


async def test_votes_of_an_erased_person_no_longer_count(talk: Talk):
    question = next(m for m in talk.channel.history() if "仮想" in m.content)
    await talk.other.react(question, "👍")
    await talk.here.until(lambda: "▲1" in texts(board(talk)))

    await erase(talk, talk.other, "name")

    await talk.here.until(lambda: "▲1" not in texts(board(talk)))


async def test_nothing_is_erased_before_it_is_confirmed_nor_of_others(talk: Talk):
    await talk.asker.slash(talk.channel, "me erase", what="words")
    await erase(talk, talk.other, "words")
    mine = await talk.asker.slash(talk.channel, "me export")
    assert "仮想" in await talk.file(mine.response)


@pytest.mark.parametrize("what", ["name", "words"])
async def test_a_question_the_bot_posted_for_a_person_follows(talk: Talk, what: str):
    form = await talk.asker.slash(talk.channel, "ask")
    fields = [item["component"]["custom_id"] for item in form.modal["components"]]
    await talk.asker.submit_modal(form, {fields[0]: "フォームからの質問", fields[1]: False})
    more = await talk.mod.click(board(talk), label="⋯")
    pending = await talk.mod.click(more.response, label="Approve (1)")
    await talk.mod.click(pending.response, label="Approve #3")
    word = talk.asker.name if what == "name" else "フォームから"

    def shown() -> Any:
        return [m for m in talk.channel.history(viewer=talk.other) if word in texts(m)]

    await talk.here.until(lambda: any(not m.pinned for m in shown()))

    await erase(talk, talk.asker, what)

    await talk.here.until(lambda: not shown())


async def test_a_post_out_of_reach_is_said_and_follows_later(talk: Talk):
    gone, locked = await posted(talk), await posted(talk)
    await talk.mod.delete(gone)
    talk.here.env.inject_error(
        "PATCH", f"/channels/{locked.channel.id}/messages/{locked.id}", status=503
    )

    result = await erase(talk, talk.asker, "name")

    assert "1 posted file" in texts(result.response)
    await talk.here.env.advance_time(5)

    async def is_done() -> bool:
        return not await talk.services.archive.stale_posts(talk.guild.id)

    await talk.here.until(is_done)
    assert talk.asker.name not in await talk.file(locked)


async def test_posted_files_follow_even_when_the_bot_died_right_after_erasing(talk: Talk):
    post = await posted(talk)
    await talk.services.archive.erase(talk.guild.id, talk.asker.id, words_too=False)

    async def is_done() -> bool:
        return talk.asker.name not in await talk.file(post)

    await talk.here.until(is_done)


async def test_a_deleted_channels_talk_is_for_moderators(talk: Talk):
    elsewhere = talk.guild.create_text_channel("elsewhere")
    await talk.here.app.client.get_channel(talk.channel.id).delete()
    await talk.here.env.settle()

    theirs = await talk.other.slash(elsewhere, "find", words="仮想")
    ours = await talk.mod.slash(elsewhere, "find", words="仮想")

    assert "KVM" not in texts(theirs.response)
    assert "KVM" in texts(ours.response)


async def posted(talk: Talk) -> Any:
    result = await talk.mod.slash(talk.channel, "export", public=True)
    message_id = int(result.response.content.rsplit("/", 1)[1])
    return next(m for m in talk.channel.history() if m.id == message_id)


def board(talk: Talk) -> Any:
    return next((m for m in talk.channel.history() if m.pinned), None)


async def test_only_the_person_can_confirm(talk: Talk):
    asked = await talk.asker.slash(talk.channel, "me erase", what="words")
    with pytest.raises(SetupError):
        await talk.mod.click(asked.response, custom_id="erase")
    assert isinstance(talk.services.archive, Archive)
