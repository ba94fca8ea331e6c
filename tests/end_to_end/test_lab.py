"""The lab through the chat: real containers, and what each person sees of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bot.errors import NotAllowed
from bot.lab import explain, reasons
from bot.lab.errors import (
    HubUnreachable,
    LabBanned,
    LabClosed,
    NoDeadline,
    NoMoreExtensions,
    NoSuchInstance,
    NotYours,
    TooManyInstances,
)
from bot.localization import words
from tests.end_to_end.driver import Json, Page, Playground, until
from tests.end_to_end.lab import (
    FIRST_LINE,
    REPOSITORY,
    Floor,
    addresses,
    answers,
    edits_of,
    fetch,
    floor,
    gaps,
    lab_bot,
    lab_file,
    make_lab,
    percentages,
    proven,
    refuses,
    shown_by,
    slow_line,
    stretch,
)
from tests.end_to_end.process import Bot
from tests.end_to_end.talk import controls, is_japanese, said, text_of
from tests.end_to_end.trust import hold_against_description

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

Beside = dict[str, asyncio.Task[None]]

module_wide = {"scope": "module", "loop_scope": "module"}

# Short, so that nobody waits long for an end; the rest is the defaults.
LIMITS = """
[limits.attendee]
memory = "32M"
cpus = 0.25
extension = "1m"
extensions = 1
[limits.speaker]
memory = "64M"
cpus = 0.25
[limits.moderator]
memory = "64M"
cpus = 0.25
[lease]
grace = "3s"
warning = "1m"
stop_grace = "1s"
"""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two images that aren't on the engine yet, and take some seconds to pull."""
    with slow_line(tmp_path_factory.mktemp("registry"), "web", "other") as offered:
        yield offered


@pytest_asyncio.fixture(**module_wide)
async def bot(
    playground: Playground, slow: list[str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot whose lab is proven; it ends well, has logged no error, and leaves nothing behind."""
    data = tmp_path_factory.mktemp("bot")
    allowed = [f"{one.partition('/')[0]}/{REPOSITORY}/*" for one in slow[:1]]
    file = lab_file(data, limits=LIMITS, allow=allowed)
    async with lab_bot(playground, data, file) as bot:
        await proven(bot)
        yield bot
    assert not bot.troubles()


@pytest.fixture(scope="module")
def engine(bot: Bot) -> Iterator[Floor]:
    """The engine, looked at beside the bot."""
    with floor(bot) as looked_at:
        yield looked_at


@pytest_asyncio.fixture(**module_wide, autouse=True)
async def beside(page: Page, bot: Bot, engine: Floor) -> AsyncIterator[Beside]:
    """What has to wait for time to pass (the shortest lease is a minute) runs beside the rest."""
    work = {"leases": _leases, "mute": _mute, "end": _end}
    tasks = {name: asyncio.create_task(one(page, bot, engine)) for name, one in work.items()}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def test_a_container_is_shown_from_search_to_removal(
    page: Page, bot: Bot, engine: Floor, slow: list[str]
):
    lab = await make_lab(page, bot)
    talk, speaker = lab.talk, lab.talk.speaker
    _ = talk.words

    found = await lab.told(speaker, "image search", term="nginx")
    # Where the hub can't be reached the catalogue is offered instead.
    assert "⭐" in found or (_(HubUnreachable.message) in found and "nginx" in found)

    pulled = await lab.use(speaker, "image pull", image=slow[0])
    assert not pulled["ephemeral"]
    end = await lab.answer(speaker, pulled, lambda text: text.startswith(("✅", "🔴")))
    assert "✅" in text_of(end), text_of(end)
    edits = await edits_of(page, pulled)
    bars = [one for edit in edits for one in percentages(edit["json"])[:1]]
    assert bars == sorted(bars)
    assert len(set(bars)) >= 3, bars
    assert min(gaps(edits[:-1])) > 1.8

    record, row = await lab.run(speaker, slow[0], name="web-1", ports="80:80")
    assert not record["ephemeral"]
    row = await lab.until(row, "running", ready=True)
    card = await lab.card(row, lambda text: "http://" in text and "%" in text)
    # It is the answer to the command that became the card.
    assert card["id"] == record["messages"][0]["id"]
    text = text_of(card)
    assert "web-1" in text
    assert f"<@{speaker}>" in text
    assert str(engine.of(row).attrs["State"]["Pid"] or "–") in text
    (address,) = addresses(text)
    assert await fetch(address) == (200, "hello\n")
    assert _("**Processes** {n} of {limit}", n=1, limit=256) in text
    stages = [shown_by(one) for one in await edits_of(page, record)]
    assert any(_("creating") in one for one in stages)

    assert FIRST_LINE in await lab.told(speaker, "container logs", name="web-1")
    output = await lab.told(
        speaker, "container exec", name="web-1", command="sh -c 'id -un; exit 7'"
    )
    assert "root" in output
    assert _("exit code {code}, {time}", code=7, time="\0").partition("\0")[0] in output

    await lab.press(speaker, "lab_stop", row, card)
    await lab.card(row, lambda text: "🟠" in text and "http" in text)
    await refuses(address)
    await lab.told(speaker, "container start", name="web-1")
    await answers(address)
    card = await lab.card(row, lambda text: "🟢" in text)
    before = engine.of(row).attrs["State"]["Pid"]
    await lab.press(speaker, "lab_restart", row, card)
    await until(lambda: engine.of(row).attrs["State"]["Pid"] not in {0, before})
    await lab.told(speaker, "container exec", name="web-1", command="true")

    # The speaker's stays until the end anyway.
    refusal = await lab.told(speaker, "container extend", name="web-1")
    assert refusal == _(NoDeadline.message, name="web-1")

    card = await lab.card(row, lambda text: "🟢" in text)
    await lab.press(speaker, "lab_remove", row, card)
    gone = await lab.card(row, lambda text: "⚫" in text)
    assert not [one for one in controls(gone) if "lab" in one]
    await until(lambda: engine.of(row) is None)
    await refuses(address)
    removed = await lab.told(speaker, "image remove", image=slow[0])
    assert slow[0] in removed
    assert not engine.client.images.list(name=slow[0])


async def test_a_pull_ends_where_somebody_who_may_stops_it(
    page: Page, bot: Bot, engine: Floor, slow: list[str]
):
    lab = await make_lab(page, bot)
    pulled = await lab.use(lab.talk.speaker, "image pull", image=slow[1])
    await lab.answer(lab.talk.speaker, pulled, lambda text: "%" in text)
    message = await lab.talk.message(lab.talk.channel, pulled["messages"][0]["id"])
    (cancel,) = controls(message)
    refused = await lab.press_anyway(lab.talk.attendees[0], cancel, message)
    assert said(refused) == lab.talk.words(NotAllowed.message)
    # What shows it is the speaker's own answer; nothing more comes to whoever pressed.
    await page.click(lab.talk.moderator, lab.talk.channel, message["id"], cancel, wait=False)
    end = await lab.answer(lab.talk.speaker, pulled, lambda text: text.startswith("🔴"))
    assert not controls(end)
    assert not engine.client.images.list(name=slow[1])


async def test_what_an_attendee_starts_and_prints_is_theirs_alone(
    playground: Playground, page: Page, bot: Bot, engine: Floor
):
    lab = await make_lab(page, bot, locales=["en-US"])
    talk = lab.talk
    owner, other = talk.attendees[:2]
    secrets = ("quiet-otter", "verborgen", "sotto-voce")
    async with (
        playground.connect() as theirs,
        playground.connect() as speakers,
        playground.connect() as moderators,
        playground.connect() as owners,
    ):
        watchers = {other: theirs, talk.speaker: speakers, talk.moderator: moderators}
        for person, socket in [*watchers.items(), (owner, owners)]:
            await socket.watch(person, talk.guild)

        record, row = await lab.run(owner, name="quiet-otter", env="WORD=sotto-voce")
        assert record["ephemeral"]
        await lab.until(row, "running", ready=True)
        shown = await lab.answer(owner, record, lambda text: "http" in text and "%" in text)
        card = text_of(shown)
        assert not is_japanese(card)
        assert await fetch(addresses(card)[0])
        echo = "sh -c 'echo verborgen; echo verborgen > /proc/1/fd/1'"
        assert "verborgen" in await lab.told(
            owner, "container exec", name="quiet-otter", command=echo
        )
        assert "verborgen" in await lab.told(owner, "container logs", name="quiet-otter")
        for command in ("inspect", "stats", "top", "stop", "start", "restart"):
            assert "quiet-otter" in await lab.told(
                owner, f"container {command}", name="quiet-otter"
            )
        for command in ("lab mine", "container list"):
            assert "quiet-otter" in await lab.told(owner, command)
        await talk.board(
            lambda text: words("ja")("Lab: {up} up · {waiting} waiting", up=1, waiting=0) in text
        )

        # Another attendee can't even tell that there is one of that name.
        _ = talk.words
        for command, options in _on_a_name("quiet-otter"):
            refusal = await lab.told(other, command, **options)
            assert refusal == _(NoSuchInstance.message, name="quiet-otter"), command
        assert "quiet-otter" not in await lab.told(other, "lab mine")
        offered = await page.autocomplete(other, talk.channel, "container stop", "name", "")
        assert offered == []
        offered = await page.autocomplete(owner, talk.channel, "container stop", "name", "")
        assert [one["value"] for one in offered] == ["quiet-otter"]

        for person, socket in watchers.items():
            seen = json.dumps([event.data for event in socket.events]) + json.dumps(
                await page.history(person, talk.channel, limit=100)
            )
            # Their own refusals name what they typed themselves.
            seen = seen.replace(json.dumps(_(NoSuchInstance.message, name="quiet-otter"))[1:-1], "")
            assert not [word for word in secrets if word in seen], person
        assert "verborgen" in json.dumps([event.data for event in owners.events])
    await lab.told(owner, "container remove", name="quiet-otter")
    assert engine.of(row) is None


def _on_a_name(name: str) -> list[tuple[str, dict[str, str]]]:
    plain = ("stop", "start", "restart", "remove", "extend", "inspect", "stats", "top", "logs")
    commands = [(f"container {one}", {"name": name}) for one in plain]
    commands += [(f"lab {one}", {"name": name}) for one in ("freeze", "thaw", "kill")]
    return [*commands, ("container exec", {"name": name, "command": "id"})]


async def test_on_the_speakers_card_only_owner_and_staff_may_press(page: Page, bot: Bot):
    lab = await make_lab(page, bot, locales=["en-US"])
    talk = lab.talk
    stranger = talk.attendees[0]
    row = await lab.up(talk.speaker, "nginx", name="demo")
    card = await lab.card(row, lambda text: "http" in text)
    buttons = [one for one in controls(card) if one.endswith(f":{row['id']}")]
    assert len(buttons) >= 5
    for custom_id in buttons:
        if controls(card)[custom_id].get("disabled"):
            continue
        refused = await lab.press_anyway(stranger, custom_id, card)
        assert refused["ephemeral"]
        assert said(refused) == words("en-US")(NotYours.message)
    for command, options in _on_a_name("demo"):
        assert await lab.told(stranger, command, **options) == words("en-US")(NotYours.message)
    assert lab.row(row["id"])["state"] == "running"
    assert "demo" in await lab.told(stranger, "container list")
    logs = await lab.press(talk.moderator, "lab_logs", row, card)
    assert logs["ephemeral"]
    assert "demo" in said(logs)
    await lab.told(talk.moderator, "container stop", name="demo")
    await lab.card(row, lambda text: "🟠" in text)


async def test_staff_may_publish_what_is_private_and_take_it_back(page: Page, bot: Bot):
    lab = await make_lab(page, bot)
    talk = lab.talk
    owner, other = talk.attendees[:2]
    row = await lab.up(owner, name="shown-later")
    listed = await lab.use(talk.moderator, "container list")
    (choice,) = [one for one in controls(listed["messages"][0]) if "lab_show" in one]
    listing = listed["messages"][0]
    picked = await page.select(
        talk.moderator, talk.channel, listing["id"], choice, [str(row["id"])]
    )
    private = picked["messages"][0]
    await lab.press(talk.moderator, "lab_publish", row, private)
    card = await lab.card(row, lambda text: "shown-later" in text)
    assert "shown-later" in text_of(await talk.message(talk.channel, card["id"], person=other))
    private = (await page.history(talk.moderator, talk.channel))[-1]
    again = await lab.use(talk.moderator, "container stats", name="shown-later")
    assert "shown-later" in said(again)
    await lab.told(talk.moderator, "lab freeze", name="shown-later")
    frozen = await lab.card(row, lambda text: "🧊" in text)
    assert "shown-later" in text_of(frozen)
    await lab.told(talk.moderator, "lab kill", name="shown-later")
    await lab.card(row, lambda text: "⚫" in text)


async def test_many_press_run_at_once_and_the_board_counts_them(page: Page, bot: Bot):
    lab = await make_lab(page, bot, attendees=8)
    talk = lab.talk
    records = await asyncio.gather(
        *(lab.use(person, "container run", image="hello") for person in talk.attendees)
    )
    for person in talk.attendees:
        (row,) = lab.rows(person)
        await lab.until(row, "running", ready=True, within_s=40)
    line = talk.words("Lab: {up} up · {waiting} waiting", up=8, waiting=0)
    await talk.board(lambda text: line in text)
    for person, record in zip(talk.attendees, records, strict=True):
        shown = await lab.answer(person, record, lambda text: "http" in text)
        assert await fetch(addresses(text_of(shown))[0])
        edits = await edits_of(page, record)
        assert all(sum(gaps(edits)[n : n + 4]) > 4.5 for n in range(len(edits) - 4))
    # One each is what an attendee may have.
    refusal = await lab.told(talk.attendees[0], "container run", image="hello")
    assert refusal == talk.words(TooManyInstances.message, n=1, most=1)
    shared = [text_of(one) for one in await page.history(talk.speaker, talk.channel, limit=100)]
    assert not [text for text in shared if "http" in text]


async def test_staff_close_and_open_the_lab_and_keep_people_out(
    page: Page, bot: Bot, engine: Floor
):
    lab = await make_lab(page, bot)
    talk = lab.talk
    owner, other = talk.attendees[:2]
    _ = talk.words
    mine = await lab.up(owner, name="of-the-owner")
    theirs = await lab.up(talk.speaker, "hello", name="of-the-talk")

    for command, options in (
        ("lab close", {}),
        ("lab open", {}),
        ("lab clear", {}),
        ("lab ban", {"member": owner}),
        ("lab unban", {"member": owner}),
        ("lab audit", {}),
    ):
        refusal = await lab.told(other, command, **options)
        assert "運営のみ" in refusal, command
    assert {one["state"] for one in lab.rows()} == {"running"}

    await lab.told(talk.moderator, "lab close")
    for person in (other, talk.speaker):
        assert await lab.told(person, "container run", image="hello") == _(LabClosed.message)
    assert _("The lab is closed.") in await lab.told(other, "lab status")
    await lab.told(talk.moderator, "lab open")

    await lab.told(talk.moderator, "lab ban", member=owner)
    assert engine.of(mine).status == "paused"
    assert await lab.told(owner, "container run", image="hello") == _(LabBanned.message)
    assert "🧊" in await lab.told(owner, "lab mine")
    await lab.told(talk.moderator, "lab unban", member=owner)
    await lab.told(talk.moderator, "lab thaw", name="of-the-owner")
    assert engine.of(mine).status == "running"

    await lab.told(talk.moderator, "lab kill", name="of-the-owner")
    assert engine.of(mine) is None
    told = await lab.post(lambda text: f"<@{owner}>" in text)
    assert "of-the-owner" not in text_of(told)
    assert explain(reasons.KILLED, _) in await lab.told(owner, "lab mine")

    asked = await lab.use(talk.moderator, "lab clear")
    assert lab.row(theirs["id"])["state"] == "running"
    message = asked["messages"][0]
    (yes,) = controls(message)
    await lab.press_anyway(talk.moderator, yes, message)
    await until(lambda: engine.of(theirs) is None)
    why = stretch(_, "The lab was cleared by the staff, so these were removed: {what}")
    cleared = text_of(await lab.post(lambda text: why in text))
    assert f"<@{talk.speaker}>" in cleared
    assert "of-the-talk" in cleared

    audit = await lab.told(talk.moderator, "lab audit")
    for part in (
        _("closed the lab"),
        _("opened the lab"),
        _("cleared the lab"),
        _("banned {whom} from the lab", whom=f"<@{owner}>"),
        f"<@{talk.moderator}>",
        "of-the-owner",
    ):
        assert part in audit
    about = await lab.told(talk.moderator, "lab audit", member=owner)
    assert "of-the-owner" in about
    assert "of-the-talk" not in about


async def _leases(page: Page, bot: Bot, engine: Floor) -> None:
    lab = await make_lab(page, bot)
    talk = lab.talk
    keeps, loses, idle = talk.attendees
    _ = talk.words
    kept = await lab.up(keeps, name="kept-longer", lifetime="1m")
    lost = await lab.up(loses, name="soon-lost", lifetime="1m")
    demo = await lab.up(talk.speaker, "hello", name="the-demo", lifetime="1m")

    def extend_button(post: Json) -> str | None:
        return next((one for one in controls(post) if "lab_extend_soon" in one), None)

    async def warning(person: str) -> Json:
        def warns(message: Json) -> bool:
            return extend_button(message) is not None and f"<@{person}>" in text_of(message)

        return await page.message(person, talk.channel, warns, within_s=30)

    posts = [await warning(person) for person in (keeps, loses, talk.speaker)]
    told = "\n".join(map(text_of, posts))
    assert "kept-longer" not in told
    assert "soon-lost" not in told
    assert "the-demo" in text_of(posts[2])

    button = extend_button(posts[0]) or ""
    nothing = await lab.press_anyway(idle, button, posts[0])
    assert said(nothing) == _("None of yours ends soon.")
    before = lab.row(kept["id"])["deadline"]
    extended = await lab.press_anyway(keeps, button, posts[0])
    assert extended["ephemeral"]
    assert "kept-longer" in said(extended)
    assert lab.row(kept["id"])["deadline"] - before == 60_000_000
    refusal = await lab.told(keeps, "container extend", name="kept-longer")
    assert refusal == _(NoMoreExtensions.message, name="kept-longer", n=1)

    for row in (lost, demo):
        ended = await lab.until(row, "removed", within_s=90)
        assert ended["reason"] == reasons.EXPIRED
    assert lab.row(kept["id"])["state"] == "running"
    assert engine.of(lost) is None
    assert engine.of(kept) is not None
    why = stretch(_, "Their time ran out, so these were removed: {what}")
    for person in (loses, talk.speaker):
        post = await lab.post(lambda text, who=person: why in text and f"<@{who}>" in text)
        assert "soon-lost" not in text_of(post)
    assert explain(reasons.EXPIRED, _) in await lab.told(loses, "lab mine")
    await lab.told(keeps, "container remove", name="kept-longer")


async def _mute(page: Page, bot: Bot, engine: Floor) -> None:
    lab = await make_lab(page, bot)
    owner = lab.talk.attendees[0]
    row = await lab.up(owner)
    await page.timeout(lab.talk.guild, owner, 5)
    row = await lab.until(row, "frozen")
    assert engine.of(row).status == "paused"
    await lab.until(row, "running", within_s=45)
    assert engine.of(row).status == "running"


async def _end(page: Page, bot: Bot, engine: Floor) -> None:
    lab = await make_lab(page, bot, locale="en-US", locales=["ja", "en-US"])
    talk = lab.talk
    reader, writer = talk.attendees[:2]
    demo = await lab.up(talk.speaker, "hello", name="the-demo")
    own = [await lab.up(person, name=f"own-{n}") for n, person in enumerate((reader, writer))]
    await lab.card(demo)
    await page.slash(talk.speaker, talk.channel, "session end")
    for row in (demo, *own):
        ended = await lab.until(row, "removed", within_s=30)
        assert ended["reason"] == reasons.SESSION_ENDED
    assert not [row for row in (demo, *own) if engine.of(row)]
    post = await lab.post(lambda text: "The session is over" in text)
    text = text_of(post)
    assert "the-demo" in text
    assert not [name for name in ("own-0", "own-1") if name in text]
    assert all(f"<@{person}>" in text for person in (talk.speaker, reader, writer))
    (mine,) = [one for one in controls(post) if "lab_mine" in one]
    shown = await lab.press_anyway(reader, mine, post)
    assert shown["ephemeral"]
    assert explain(reasons.SESSION_ENDED, words("ja")) in said(shown)
    shown = await lab.press_anyway(writer, mine, post)
    assert explain(reasons.SESSION_ENDED, words("en-US")) in said(shown)
    # One message for all of them, and the public card says it, too.
    posts = await page.history(talk.moderator, talk.channel, limit=100)
    assert len([one for one in posts if "The session is over" in text_of(one)]) == 1
    await lab.card(demo, lambda text: "⚫" in text)


async def test_who_is_timed_out_has_theirs_frozen_until_they_may_speak_again(beside: Beside):
    await beside["mute"]


async def test_after_a_session_its_containers_go_and_their_owners_are_told(beside: Beside):
    await beside["end"]


async def test_a_lease_is_warned_of_extended_and_ended(beside: Beside):
    await beside["leases"]


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests())
