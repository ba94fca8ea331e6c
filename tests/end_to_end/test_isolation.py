"""What happens in one guild stays there, whatever somebody in another one does."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

# Loading the cogs registers what their controls do.
import bot.app
from bot.lab.errors import NoSuchInstance
from cogs import controls as lasting
from tests.end_to_end.driver import Json, Page, Playground, Refused, until
from tests.end_to_end.lab import Lab, judged, lab_bot, lab_file
from tests.end_to_end.process import Bot, running
from tests.end_to_end.talk import Talk, make_talk, said
from tests.end_to_end.trust import hold_against_description

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "極秘計画の全貌"
PART = "極秘"
# What is secret of containers, whose names are in plain letters.
DEMO, MINE = "gokuhi-demo", "gokuhi-mine"
HIDDEN = "gokuhi"

# Verbs of the lab whose key is a session's id; others' are a container's.
OF_A_SESSION = {"lab_clear", "lab_post", "lab_extend_soon", "lab_mine", "lab_show"}

# Those only private messages have, and the list that everybody may see: shown anew in place.
SHOWN_ANEW = {
    "lab_mine",
    "lab_top_sort",
    "lab_top_go_on",
    *(f"leaders_{one}" for one in ("again", "sort", "freeze", "thaw", "kill")),
}

NAMES: list[dict[str, Any]] = [{"name": DEMO}, {"name": MINE}, {"name": f" {DEMO.upper()}"}]

# What each command is called with in the other guild, besides nothing at all. ID is the
# secret session's id, and every number one of its questions'; THEM somebody of both guilds.
TRIES: dict[str, list[dict[str, Any]]] = {
    "Add as question": [],
    "ask": [{}],
    "container run": [{"image": f"example.org/{HIDDEN}"}, {"image": "hello", "name": "futsu"}],
    "container list": [{}],
    **{
        f"container {one}": NAMES
        for one in ("inspect", "top", "stats", "logs", "extend", "stop", "start", "restart")
    },
    "container exec": [{**name, "command": "id"} for name in NAMES],
    "container remove": NAMES,
    "export": [
        {},
        *({"format": kind} for kind in ("markdown", "csv", "json")),
        {"session": "ID"},
        {"session": SECRET, "jokes": True},
        {"session": "ID", "public": True},
    ],
    "image list": [{}],
    "image pull": [{"image": f"example.org/{HIDDEN}"}],
    "image remove": [{"image": f"example.org/{HIDDEN}"}],
    "image search": [{"term": HIDDEN}],
    "lab mine": [{}],
    "lab status": [{}],
    **{f"lab {one}": NAMES for one in ("freeze", "thaw", "kill")},
    "lab close": [{}],
    "lab open": [{}],
    "lab clear": [{}],
    "lab ban": [{"member": "THEM"}],
    "lab unban": [{"member": "THEM"}],
    "lab audit": [{}, {"member": "THEM"}],
    "lab layers": [{}, *({"instance": one["name"]} for one in NAMES)],
    "lab top": [{}, {"public": False}],
    "lab graph": [{}, *({"instance": one["name"]} for one in NAMES)],
    "lab compare": [{"a": DEMO, "b": MINE}],
    "lab leaders": [{}],
    "lab report": [{}, {"session": "ID"}, {"session": SECRET}],
    "iso list": [{}],
    "ssh-key add": [{"key": "ssh-ed25519 AAAA"}],
    "ssh-key list": [{}],
    "ssh-key remove": [{"name": HIDDEN}],
    "vm create": [{"template": HIDDEN}],
    "vm list": [{}],
    "vm template list": [{}],
    **{
        f"vm {one}": NAMES
        for one in (
            *("start", "stop", "force-stop", "reboot", "pause", "resume", "delete"),
            *("console", "info", "extend", "screen", "snapshot list"),
        )
    },
    **{
        f"vm snapshot {one}": [{**name, "snapshot": "one"} for name in NAMES]
        for one in ("create", "revert", "delete")
    },
    "find": [{"words": PART}, {"words": "全"}, {"words": "secret"}],
    "me erase": [{"what": "words"}, {"what": "name"}],
    "me export": [{}],
    "next": [{}, {"number": 1}, {"number": 9}],
    **{
        f"notes {one}": [{}, {"session": "ID"}, {"session": SECRET}]
        for one in ("history", "import-answers", "post")
    },
    "notes watch": [{"url": "http://127.0.0.1/"}],
    "notes unwatch": [{}],
    "questions close": [
        {"number": 9, "state": state} for state in ("answered", "missed", "skipped", "open")
    ],
    "questions list": [
        {},
        *(
            {"state": state}
            for state in ("waiting", "pending", "answered", "missed", "skipped", "all")
        ),
    ],
    "questions merge": [{"number": 9, "into": 1}, {"number": 1, "into": 9}],
    "questions mine": [{}],
    "questions move": [{"number": 9, "place": 1}],
    "questions reveal": [{"number": 9}],
    "recording add": [{}, {"url": "https://example.org/v"}, {"host_file": "gokuhi.mp4"}],
    **{
        f"recording {one}": [{}, {"recording": "RECORDING"}, {"recording": SECRET}]
        for one in ("chapters", "keep")
    },
    "recording consent": [{}, {"session": "ID"}, {"session": SECRET}],
    "recording extend": [{"days": 7}, {"days": 7, "recording": "RECORDING"}],
    "recording list": [{}],
    "recording offset": [{"by": "90", "recording": "RECORDING"}],
    "recording remove": [{"recording": "RECORDING"}, {"recording": SECRET}],
    "session edit": [{"title": "普通の題"}],
    "session list": [{}],
    "session publish": [{}, {"session": "ID"}, {"session": SECRET}],
    "session status": [{}],
    "session start": [{}, {"title": "普通の会"}],
    "setup": [{}],
    "stats": [{}, {"session": "ID"}, {"session": SECRET}],
    # Last: afterwards nothing is open here.
    "session end": [{}],
}


def leaves(commands: list[Json]) -> Iterator[tuple[str, Json]]:
    """Walk the commands one can use, by their whole names."""
    for command in commands:
        subs = [one for one in command.get("options") or [] if one["type"] in {1, 2}]
        for sub in subs:
            for name, leaf in leaves([sub]):
                yield f"{command['name']} {name}", leaf
        if not subs:
            yield command["name"], command


def rows_of(bot: Bot, talk: Talk) -> dict[str, list[Json]]:
    """Return everything kept of a guild, but for what time alone changes."""
    guild = int(talk.guild)
    return {
        table: bot.rows(f"SELECT * FROM {table} WHERE {where} ORDER BY 1, 2", guild)
        for table, where in {
            "guilds": "guild_id = ?",
            "sessions": "guild_id = ?",
            "questions": "guild_id = ?",
            "answers": "guild_id = ?",
            "people": "guild_id = ?",
            "events": "guild_id = ?",
            "posted_exports": "guild_id = ?",
            "notes": "guild_id = ?",
            "note_revisions": "session_id IN (SELECT session_id FROM notes WHERE guild_id = ?)",
            "note_passages": "guild_id = ?",
            "note_watches": "guild_id = ?",
            "instances": "guild_id = ?",
            "instance_ports": "instance_id IN (SELECT id FROM instances WHERE guild_id = ?)",
            "lab_networks": "session_id IN (SELECT id FROM sessions WHERE guild_id = ?)",
            "lab_closings": "guild_id = ?",
            "lab_bans": "guild_id = ?",
            "ssh_keys": "guild_id = ?",
            "recordings": "guild_id = ?",
            "recording_consents": "guild_id = ?",
            "recording_requests": "guild_id = ?",
            "download_links": "guild_id = ?",
            "votes": "question_id IN (SELECT id FROM questions WHERE guild_id = ?)",
            "reveals": "question_id IN (SELECT id FROM questions WHERE guild_id = ?)",
        }.items()
    }


async def files_of(record: Json) -> str:
    """Return the text of all files of an answer."""
    found: list[str] = []
    async with aiohttp.ClientSession() as http:
        for message in record["messages"]:
            for file in message.get("attachments", []):
                async with http.get(file["url"]) as answer:
                    found.append((await answer.read()).decode(errors="replace"))
    return "\n".join(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    playground: Playground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bot]:
    """A bot, with a lab where this machine has one."""
    data = tmp_path_factory.mktemp("bot")
    try:
        file = lab_file(data)
    except pytest.skip.Exception:
        async with running(playground, data) as bot:
            yield bot
    else:
        async with lab_bot(playground, data, file) as bot:
            await judged(bot)
            yield bot
    assert not bot.troubles()


async def run_secrets(talk: Talk) -> None:
    """Have the speaker and an attendee run something secret.

    Where the machine wasn't set up for attendees, a moderator does it for one.
    """
    lab = Lab(talk)
    command = f"sh -c 'echo {SECRET}; exec httpd -f -p 80 -h /srv'"
    demo = await lab.up(talk.speaker, "hello", name=DEMO, env=f"SECRET={SECRET}")
    # The proof that lets attendees in is looked at again and again.
    await lab.use(talk.attendees[0], "container run", image="hello", name=MINE, command=command)
    if not lab.rows(talk.attendees[0]):
        await lab.use(talk.moderator, "container run", image="hello", name=MINE, command=command)
    mine = await lab.until(lab.rows()[0], "running", ready=True)
    # A public one that runs looks different every few seconds.
    for row in (demo, mine):
        if row["public"]:
            await lab.told(talk.speaker, "container stop", name=row["name"])
            await lab.card(row, lambda text: "🟠" in text)


async def record_secrets(talk: Talk) -> None:
    """Add a recording of something secret, beside one more in the folder, and ask about it."""
    folder = talk.bot.data / "recordings" / talk.guild
    folder.mkdir(parents=True)
    (folder / "gokuhi.mp4").write_bytes(b"secret")
    page = talk.page
    url = f"https://example.org/{HIDDEN}"
    await page.slash(talk.speaker, talk.channel, "recording add", url=url, title=SECRET)
    await page.slash(talk.moderator, talk.channel, "recording extend", days=7)
    row = recording_of(talk)
    await talk.showing("recording", key=row["id"])
    request = talk.bot.rows("SELECT id FROM recording_requests")[0]
    await talk.showing("recording_ask", key=request["id"])
    await talk.showing("consent")


def recording_of(talk: Talk) -> Json:
    """Return the secret recording's row."""
    return talk.bot.rows("SELECT * FROM recordings WHERE guild_id = ?", int(talk.guild))[0]


def is_told(text: str) -> bool:
    """Whether a text has anything of the secret guild."""
    return SECRET in text or HIDDEN in text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guilds(page: Page, bot: Bot) -> tuple[Talk, Talk]:
    """A guild with secrets in every place there is, and another one beside it."""
    theirs = await make_talk(page, bot, name="極秘", staff=True)
    await theirs.start(SECRET, slides="https://example.com/secret")
    asker, other, third = theirs.attendees
    first = await theirs.taken(asker, f"Q. {SECRET}とは?")
    await theirs.ask(theirs.speaker, f"A. {SECRET}です", reply_to=first["id"])
    await theirs.taken(other, f"Q. {SECRET}は続きますか?")
    await page.slash(theirs.speaker, theirs.channel, "next")
    for number in range(6):
        await theirs.taken(third, f"Q. {SECRET}その{number}")
    form = await page.slash(asker, theirs.channel, "ask")
    receipt = await theirs.fill_in(asker, form, f"{SECRET}を匿名で", True)
    assert "#9" in said(receipt), said(receipt)
    assert theirs.question(9)["state"] == "pending"
    await page.slash(theirs.speaker, theirs.channel, "export", format="markdown", public=True)
    file = ("notes.md", f"# {SECRET}\n\n- {SECRET}\n".encode())
    await page.slash(theirs.speaker, theirs.channel, "notes post", file=file)
    await until(lambda: bot.rows("SELECT 1 FROM note_revisions WHERE posted_at IS NOT NULL"))
    await record_secrets(theirs)
    await page.scheduled_event(theirs.guild, f"{SECRET}の夜", 600, creator=theirs.speaker)

    ours = await make_talk(page, bot, name="公開")
    # Somebody who is in both is still only here while here.
    await page.join(theirs.moderator, ours.guild)
    await ours.start("普通の会")
    await ours.taken(ours.attendees[0], "Q. 普通の質問")
    if "STUDY_BOT_LAB" in bot.settings:
        await run_secrets(theirs)
    await until(lambda: theirs.answers(1))
    await theirs.board(lambda text: theirs.count("Open", 6) in text)
    return theirs, ours


@pytest_asyncio.fixture(loop_scope="module")
async def undisturbed(page: Page, bot: Bot, guilds: tuple[Talk, Talk]) -> AsyncIterator[None]:
    """What is kept of the secret guild, and stands in its channel, is what it was before."""
    theirs, ours = guilds
    before = rows_of(bot, theirs)
    posts = await page.history(theirs.speaker, theirs.channel)
    yield
    assert rows_of(bot, theirs) == before
    assert await page.history(theirs.speaker, theirs.channel) == posts
    here = await page.history(ours.moderator, ours.channel, limit=100)
    # What they are told privately names what they typed, and is looked at where it is told.
    public = [message for message in here if not message["flags"] & 64]
    assert not is_told(json.dumps(public, ensure_ascii=False))


async def commands_of(talk: Talk, person: str) -> dict[str, Json]:
    """Return the commands a person may use in a talk's channel, by their whole names."""
    return dict(leaves(await talk.page.commands(person, talk.channel)))


@pytest.mark.usefixtures("undisturbed")
async def test_no_choices_of_another_guild_are_offered(page: Page, guilds: tuple[Talk, Talk]):
    theirs, ours = guilds
    asked = 0
    for name, command in (await commands_of(ours, ours.moderator)).items():
        options = [one for one in command.get("options") or [] if one.get("autocomplete")]
        for option, typed, person in itertools.product(
            options,
            ("", PART, SECRET, HIDDEN, str(theirs.session_id)),
            (ours.moderator, theirs.moderator),
        ):
            offered = await page.autocomplete(person, ours.channel, name, option["name"], typed)
            assert not is_told(json.dumps(offered, ensure_ascii=False).replace(typed or "\0", ""))
            asked += 1
    assert asked
    if "STUDY_BOT_LAB" in theirs.bot.settings:
        there = await page.autocomplete(
            theirs.moderator, theirs.channel, "container logs", "name", HIDDEN
        )
        assert {one["value"] for one in there} == {DEMO, MINE}
    there = await page.autocomplete(theirs.moderator, theirs.channel, "export", "session", PART)
    assert SECRET in json.dumps(there, ensure_ascii=False)


@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize("verb", sorted(lasting._handlers))
async def test_no_control_reaches_into_another_guild(
    page: Page, playground: Playground, guilds: tuple[Talk, Talk], verb: str
):
    records: list[Json] = []
    for talk in guilds:
        records += await forged(page, playground, *guilds, verb, talk.moderator)
    for record in records:
        # Only private messages have that one, so it shows what it was pressed on anew.
        assert record["ephemeral"] or verb in SHOWN_ANEW, record
        assert record["modal"] is None
        assert not is_told(json.dumps(record, ensure_ascii=False))


@pytest.mark.usefixtures("undisturbed")
async def test_no_command_reaches_into_another_guild(page: Page, guilds: tuple[Talk, Talk]):
    theirs, ours = guilds
    offered = {
        person: await commands_of(ours, person) for person in (theirs.moderator, ours.moderator)
    }
    assert set(offered[ours.moderator]) == set(TRIES)
    for name, tries in TRIES.items():
        for options, person in itertools.product(tries, offered):
            if name not in offered[person]:
                continue
            meant = {
                "ID": str(theirs.session_id),
                "THEM": theirs.moderator,
                "RECORDING": str(recording_of(theirs)["id"]),
            }
            given = {key: meant.get(value, value) for key, value in options.items()}
            record = await page.slash(person, ours.channel, name, **given)
            assert record["state"] in {"replied", "modal"}, (name, record)
            shown = json.dumps(record, ensure_ascii=False) + await files_of(record)
            if options in NAMES and "STUDY_BOT_LAB" in theirs.bot.settings:
                # It says no more of one that is there than of one that isn't.
                assert said(record) == ours.words(NoSuchInstance.message, name=given["name"])
                continue
            for typed in given.values():
                shown = shown.replace(typed, "") if isinstance(typed, str) else shown
            assert not is_told(shown), (name, given, shown)
    found = await page.slash(theirs.moderator, theirs.channel, "find", words=PART)
    assert SECRET in json.dumps(found, ensure_ascii=False).replace("**", "")


async def forged(
    page: Page, playground: Playground, theirs: Talk, ours: Talk, verb: str, person: str
) -> list[Json]:
    """Use a control of the other guild's session here: a message of the bot's carries it.

    The playground lets people press only what a message shows, as Discord does not.
    """
    key = theirs.session_id
    wanted = [theirs.question(number) for number in (1, 2, 9)]
    instances = [row["id"] for row in Lab(theirs).rows()]
    buttons = [f"do:{verb}:{key}", *(f"do:{verb}:{key}:{row['id']}" for row in wanted)]
    if verb.startswith("lab_") and verb not in OF_A_SESSION:
        buttons = [f"do:{verb}:{one}{arg}" for one in instances for arg in ("", ":1")]
        buttons = buttons or [f"do:{verb}:{key}"]
    if verb.startswith("recording_"):
        # A recording's id, or a request's.
        buttons = [f"do:{verb}:{one}{arg}" for one in (1, 2) for arg in ("", ":7")]
    chosen = [str(value) for row in wanted for value in (row["id"], row["number"])]
    chosen += map(str, instances)
    select = f"choose:{verb}:{key}:1"
    payload = {
        "flags": 1 << 15,
        "components": [
            *(
                {
                    "type": 1,
                    "components": [
                        {"type": 2, "style": 1, "label": "?", "custom_id": custom_id}
                        for custom_id in buttons[first : first + 5]
                    ],
                }
                for first in range(0, len(buttons), 5)
            ),
            {
                "type": 1,
                "components": [
                    {
                        "type": 3,
                        "custom_id": select,
                        "options": [
                            {"label": value, "value": value} for value in sorted(set(chosen))
                        ],
                    }
                ],
            },
        ],
    }
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bot {playground.bot_token}"}) as http,
        http.post(f"{playground.api}/channels/{ours.channel}/messages", json=payload) as answer,
    ):
        assert answer.status == 200, await answer.text()
        message = (await answer.json())["id"]
    channel = ours.channel
    records: list[Json] = []
    for custom_id in buttons:
        records.append(await page.click(person, channel, message, custom_id))
        # What shows something else afterwards can't be pressed again.
        if records[-1]["messages"][-1:] and records[-1]["messages"][-1]["id"] == message:
            return records
    for value in sorted(set(chosen)):
        records.append(await page.select(person, channel, message, select, [value]))
        # What shows something else afterwards can't be chosen from again.
        if records[-1]["messages"][-1:] and records[-1]["messages"][-1]["id"] == message:
            break
    return records


async def test_a_guild_hears_nothing_of_another_ones_messages(page: Page, bot: Bot):
    ours = await make_talk(page, bot)
    await ours.start()
    elsewhere = await make_talk(page, bot)
    message = await ours.taken(ours.attendees[0], "Q. なぜ?")
    # A reaction with the same message id can't come from another channel; a reply can't either.
    with pytest.raises(Refused):
        await page.react(elsewhere.attendees[0], elsewhere.channel, message["id"], "👍")
    with pytest.raises(Refused):
        await page.react(elsewhere.attendees[0], ours.channel, message["id"], "👍")
    await elsewhere.ask(elsewhere.attendees[0], "Q. ここでは始まっていない")
    await ours.taken(ours.attendees[1], "Q. 次の質問")
    assert ours.bodies() == ["なぜ?", "次の質問"]
    assert not bot.rows("SELECT * FROM questions WHERE guild_id = ?", int(elsewhere.guild))


async def test_every_request_is_as_discord_describes_it(page: Page):
    hold_against_description(await page.requests())
