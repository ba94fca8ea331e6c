"""`/image` and `/container` beside run: what people get, privately."""

from pathlib import Path
from typing import Any

import pytest

from bot.lab import FoundImage
from bot.lab.drivers.fake import Offered
from bot.lab.drivers.fake_container import Ran
from tests.cogs.lab import LabStage, lab_stage, posts, said
from tests.cogs.stage import texts


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_stage(tmp_path, monkeypatch) as stage:
        yield stage


# --- containers ---


async def test_exec_shows_output_exit_code_and_time(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)

    ran = await speaker.slash(channel, "container exec", name=instance.name, command="echo 'a b'")
    failed = await speaker.slash(channel, "container exec", name=instance.name, command="false")

    assert "a b" in said(ran)
    assert "exit code 0, 0.0 s" in said(ran)
    assert "exit code 1" in said(failed)
    assert not posts(channel, "exit code")


async def test_exec_that_never_ends_is_cut_off_and_says_so(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)

    ran = await speaker.slash(channel, "container exec", name=instance.name, command="yes no")

    assert "cut off after" in said(ran)
    assert "the output was longer" in said(ran)
    (message,) = ran.followups or [ran.response]
    assert message.attachments[0].filename.endswith("-output.txt")


async def test_what_runs_inside_cant_ping_or_break_out(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)
    here.engine.programs["evil"] = lambda _arguments: Ran(b"```\n@everyone\n# big\n``` `x`\n")

    ran = await speaker.slash(channel, "container exec", name=instance.name, command="evil `x`")

    assert said(ran).count("```") == 2
    assert "`$ evil ˋxˋ`" in said(ran)


async def test_inspect_is_readable_and_hides_secrets(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")
    options = {"env": "GREETING=hello DB_PASSWORD=hunter2", "ports": "8080:80"}
    _result, instance = await here.up(attendee, channel, **options)

    text = said(await attendee.slash(channel, "container inspect", name=instance.name))

    assert "GREETING=hello" in text
    assert "DB_PASSWORD=" in text
    assert "hunter2" not in text
    assert "メモリ 256 MB" in text
    assert "http://lab.example.org:30000" in text


async def test_stats_and_top_show_the_host_behind_it(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)

    stats = said(await speaker.slash(channel, "container stats", name=instance.name))
    top = said(await speaker.slash(channel, "container top", name=instance.name))

    assert "6 MB of 1 GB" in stats
    assert str(instance.process_id) in top
    assert "server" in top


async def test_stats_of_a_stopped_one_say_what_to_do(here: LabStage):
    _guild, channel, speaker = await here.talk()
    _result, instance = await here.up(speaker, channel)
    await speaker.slash(channel, "container stop", name=instance.name)

    for command in ("container stats", "container top"):
        told = said(await speaker.slash(channel, command, name=instance.name))
        assert f"“{instance.name}” isn't running" in told
        assert "/container start" in told


async def test_stop_start_restart_extend_remove_by_name(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    _result, instance = await here.up(attendee, channel)

    told = {
        command: said(await attendee.slash(channel, f"container {command}", name=instance.name))
        for command in ("stop", "start", "restart", "extend", "remove")
    }

    assert "stopped" in told["stop"]
    assert "running" in told["start"]
    assert "running" in told["restart"]
    assert "<t:" in told["extend"]
    assert "it was removed" in told["remove"]


async def test_anothers_private_instance_is_as_good_as_not_there(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    await here.up(attendee, channel, name="secret")

    real = said(await other.slash(channel, "container logs", name="secret"))
    made_up = said(await other.slash(channel, "container logs", name="nothing"))

    assert real.replace("secret", "nothing") == made_up


async def test_names_are_offered_from_memory_to_those_who_may_act(
    here: LabStage, monkeypatch: pytest.MonkeyPatch
):
    guild, channel, speaker = await here.talk()
    attendee, mod = here.member(guild, "attendee"), here.manager(guild)
    await here.up(attendee, channel, name="mine")
    await here.up(speaker, channel, name="demo")

    async def offered(who: Any, typed: str = "") -> list[str]:
        found = await who.autocomplete(channel, "container logs", "name", typed)
        return [one["value"] for one in found]

    async def known() -> bool:
        return await offered(mod) == ["demo", "mine"]

    await here.until(known)

    def ask(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("autocomplete asked the database")

    monkeypatch.setattr(here.app.database, "read", ask)

    async def asks_nothing() -> bool:
        calls = len(here.engine.calls)
        assert await offered(attendee) == ["mine"]
        assert await offered(speaker) == ["demo", "mine"]
        assert await offered(mod, "de") == ["demo"]
        return not here.engine.calls[calls:]

    # The sampler may count in between, by itself; it doesn't each time.
    await here.until(asks_nothing)
    monkeypatch.undo()


async def test_no_more_is_offered_than_discord_takes(here: LabStage):
    _guild, channel, speaker = await here.talk()
    for n in range(60):
        here.engine.add_image(f"image-{n}:1")
    await here.lab.images.refresh_names()

    found = await speaker.autocomplete(channel, "container run", "image", "image")

    assert 0 < len(found) <= 25


async def test_staff_post_an_output_for_everybody_as_they_saw_it(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee, other = here.member(guild, "attendee"), here.member(guild, "other")
    _result, instance = await here.up(attendee, channel)
    own = await attendee.slash(channel, "container exec", name=instance.name, command="echo hi")
    assert "Publish" not in said(own)
    shown = await speaker.slash(channel, "container exec", name=instance.name, command="echo look")

    await speaker.click((shown.followups or [shown.response])[0], label="Publish")

    (post,) = posts(channel, "look", other)
    assert "Publish" not in texts(post)


# --- images ---


async def test_image_list_reads_like_the_engines(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee")

    result = await attendee.slash(channel, "image list")

    text = said(result)
    assert "A web server" in text
    assert "REPOSITORY" in text
    assert "busybox" in text
    assert "3.7 MB" in text
    assert not posts(channel, "REPOSITORY")


async def test_many_images_are_clipped_with_a_sentence(here: LabStage):
    _guild, channel, speaker = await here.talk()
    for n in range(300):
        here.engine.add_image(f"library-of-things/image-number-{n}:1.{n}")

    text = said(await speaker.slash(channel, "image list"))

    assert len(text) < 4000
    assert "more" in text.rsplit("```", 1)[1]


async def test_search_marks_what_is_official(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.engine.hub = [
        FoundImage("nginx", "Official build of **Nginx**", 20000, is_official=True),
        FoundImage("evil/nginx", "[free](http://evil.example)", 1, is_official=False),
    ]

    lines = said(await speaker.slash(channel, "image search", term="nginx")).splitlines()

    official = next(line for line in lines if "`nginx`" in line)
    assert "⭐ 20000" in official
    assert "official" in official
    assert "official" not in next(line for line in lines if "evil/nginx" in line)
    assert any(r"\[free]\(http" in line for line in lines)


async def test_without_the_hub_search_offers_what_is_here(here: LabStage):
    _guild, channel, speaker = await here.talk(locale="ja")

    text = said(await speaker.slash(channel, "image search", term="busy"))

    assert "公開のイメージハブに接続できません" in text
    assert "**tool** `busybox:1.36`" in text
    assert "nginx" not in text


async def test_a_speakers_pull_moves_before_everybodys_eyes(here: LabStage):
    guild, channel, speaker = await here.talk()
    other = here.member(guild, "other")
    here.engine.registry = {"redis:7": Offered(layers=(40_000_000, 9_000_000))}
    here.engine.pull_step_seconds = 0.1

    result = await speaker.slash(channel, "image pull", image="redis:7")

    assert not result.ephemeral
    (shown,) = posts(channel, "Pulling `redis:7`", other)
    await here.until(lambda: "downloading 38 MB" in texts(result.response))
    await here.until(lambda: "done 38 MB" in texts(result.response))
    await here.until(lambda: posts(channel, "redis:7` is there: 47 MB", other))
    assert shown.id == result.response.id
    assert "redis" in said(await speaker.slash(channel, "image list"))


async def test_a_pull_that_fails_says_why_where_it_was_shown(here: LabStage):
    _guild, channel, speaker = await here.talk()

    result = await speaker.slash(channel, "image pull", image="no-such-image")

    await here.until(lambda: "There is no image" in texts(result.response))
    assert "Cancel" not in texts(result.response)


async def test_a_pull_is_cancelled_by_its_owner_and_by_nobody_else(here: LabStage):
    guild, channel, speaker = await here.talk()
    attendee = here.member(guild, "attendee")
    here.engine.registry = {"redis:7": Offered(layers=(40_000_000, 9_000_000))}
    here.engine.pull_step_seconds = 0.5
    result = await speaker.slash(channel, "image pull", image="redis:7")

    refused = await attendee.click(result.response, label="Cancel")
    assert "Only the speaker" in said(refused)
    await speaker.click(result.response, label="Cancel")

    await here.until(lambda: "was cancelled" in texts(result.response))
    assert "redis" not in said(await speaker.slash(channel, "image list"))


async def test_a_pull_that_is_refused_is_refused_privately(here: LabStage):
    guild, channel, _speaker = await here.talk()
    attendee = here.member(guild, "attendee", locale="ja")

    refused = await attendee.slash(channel, "image pull", image="redis:7")

    assert refused.ephemeral
    assert "カタログにあるもの" in said(refused)


async def test_only_pulled_images_are_removed_and_only_unused_ones(here: LabStage):
    _guild, channel, speaker = await here.talk()
    here.engine.registry = {"redis:7": Offered()}
    await speaker.slash(channel, "image pull", image="redis:7")

    foreign = said(await speaker.slash(channel, "image remove", image="nginx:1.27"))
    await here.up(speaker, channel, image="redis:7", name="cache")
    used = said(await speaker.slash(channel, "image remove", image="redis:7"))
    await speaker.slash(channel, "container remove", name="cache")
    gone = said(await speaker.slash(channel, "image remove", image="redis:7"))

    assert "not pulled by me" in foreign
    assert "still used" in used
    assert "is removed" in gone
