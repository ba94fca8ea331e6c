"""Two guilds in one database: nothing named from the one ever shows or touches the other.

Every public method of every service stands in a table here; a new one fails the test until
it does.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.archive import Archive, Format, PostedExport
from bot.errors import StudyBotError
from bot.guilds import GuildService, Person, SetupChange
from bot.questions import (
    Answer,
    Answers,
    Asking,
    Intake,
    Question,
    Queue,
    State,
    Views,
    Votes,
)
from bot.sessions import NewSession, Session, SessionEdit, SessionService
from tests.storage.world import World

# The same person in both guilds, moderator in guild 1 alone.
ZOE = Person(600, "Zoe", manages_messages=True)
SECRET = "bsecret"


@dataclass
class Full:
    """A guild with something of everything."""

    guild_id: int
    session: Session
    open: Question
    pending: Question
    answered: Question
    answer: Answer
    posted: PostedExport


async def filled(here: World, guild_id: int, word: str) -> Full:
    staff = Person(700 + guild_id, f"{word} staff", manages_messages=True)
    asker = Person(800 + guild_id, f"{word} asker")
    await here.guilds.configure(guild_id, staff, SetupChange({"staff_channel_id": guild_id}, {}))
    new = NewSession(
        guild_id, guild_id * 10, f"{word} title", slides_url=f"https://example.org/{word}"
    )
    session = await here.sessions.start(new, staff)
    opened = await here.ask(session, asker, f"{word} open?")
    answered = await here.ask(session, asker, f"{word} answered?")
    here.clock.on(minutes=1)
    pending = await here.asking.ask(
        session, session.channel_id, ZOE if guild_id == 2 else asker, f"{word} pending?",
        anonymous=True,
    )  # fmt: skip
    receipt = await here.answers.reply(
        session, staff, replied_to=answered.message_id or 0, message_id=guild_id * 1000,
        body=f"{word} answer", ordinal=None, at=here.clock(),
    )  # fmt: skip
    assert receipt is not None
    await here.votes.toggle(session, staff, opened.id)
    posted = PostedExport(
        guild_id * 100, guild_id, session.channel_id, session.id, "csv", False, "en"
    )
    await here.archive.posted(posted, staff.id)
    here.sessions.touch(session, session.channel_id, 5, here.clock())
    await here.sessions.flush()
    return Full(guild_id, session, opened, pending, receipt.question, receipt.answer, posted)


async def rows_of(here: World, guild_id: int) -> Any:
    tables = ("sessions", "questions", "answers", "people", "guilds", "live_messages")
    found = {
        name: await here.rows(f"SELECT * FROM {name} WHERE guild_id = ?", guild_id)
        for name in (*tables, "posted_exports", "events")
    }
    for name in ("votes", "reveals", "question_revisions"):
        found[name] = await here.rows(
            f"SELECT * FROM {name} WHERE question_id IN"
            " (SELECT id FROM questions WHERE guild_id = ?)",
            guild_id,
        )
    return found


Call = Callable[[World, Full, Full], Any]

# How each method is called by Zoe in guild 1 (`a`), naming what belongs to guild 2 (`b`).
CALLS: dict[str, Call] = {
    "SessionService.load": lambda w, a, b: w.sessions.load(),
    "SessionService.require": lambda w, a, b: w.sessions.require(a.session.channel_id),
    "SessionService.open_sessions": lambda w, a, b: w.sessions.open_sessions(1),
    "SessionService.roles_of": lambda w, a, b: w.sessions.roles_of(ZOE, a.session),
    "SessionService.is_staff": lambda w, a, b: w.sessions.is_staff(ZOE, a.session),
    "SessionService.require_lead": lambda w, a, b: w.sessions.require_lead(ZOE, a.session),
    "SessionService.get": lambda w, a, b: w.sessions.get(b.session.id, 1),
    "SessionService.list": lambda w, a, b: w.sessions.list(1),
    "SessionService.start": lambda w, a, b: w.sessions.start(
        NewSession(1, a.session.channel_id, "mine"), ZOE, replace=True
    ),
    "SessionService.edit": lambda w, a, b: w.sessions.edit(
        replace(a.session, id=b.session.id), ZOE, SessionEdit(title="mine")
    ),
    "SessionService.go_on": lambda w, a, b: w.sessions.go_on(
        replace(a.session, id=b.session.id), ZOE
    ),
    "SessionService.end": lambda w, a, b: w.sessions.end(replace(a.session, id=b.session.id), ZOE),
    "SessionService.marks": lambda w, a, b: w.sessions.marks(a.session),
    "SessionService.opened_follow_up": lambda w, a, b: w.sessions.opened_follow_up(a.session, 9),
    "SessionService.channel_gone": lambda w, a, b: w.sessions.channel_gone(a.session.channel_id),
    "SessionService.guild_gone": lambda w, a, b: w.sessions.guild_gone(1),
    "SessionService.note_return": lambda w, a, b: w.sessions.note_return([(a.session, {})]),
    "SessionService.flush": lambda w, a, b: w.sessions.flush(),
    "GuildService.load": lambda w, a, b: w.guilds.load(),
    "GuildService.saw_locale": lambda w, a, b: w.guilds.saw_locale(1, "ja"),
    "GuildService.get": lambda w, a, b: w.guilds.get(1),
    "GuildService.own": lambda w, a, b: w.guilds.own(1),
    "GuildService.defaults": lambda w, a, b: w.guilds.defaults(),
    "GuildService.choices": lambda w, a, b: w.guilds.choices(1),
    "GuildService.require_moderator": lambda w, a, b: w.guilds.require_moderator(1, ZOE),
    "GuildService.configure": lambda w, a, b: w.guilds.configure(
        1, ZOE, SetupChange({"locale": "ja"}, {"open_questions": 1})
    ),
    "GuildService.names": lambda w, a, b: w.guilds.names(1, [802, 702, 600]),
    "GuildService.mute": lambda w, a, b: w.guilds.mute(1, 802, w.clock()),
    "Asking.ask": lambda w, a, b: w.asking.ask(a.session, 10, ZOE, "mine?", anonymous=True),
    "Asking.edit_own": lambda w, a, b: w.asking.edit_own(b.pending.id, ZOE, a.session, "mine"),
    "Asking.withdraw_own": lambda w, a, b: w.asking.withdraw_own(b.pending.id, ZOE, a.session),
    "Intake.messages_of": lambda w, a, b: w.intake.messages_of(a.session),
    "Intake.posts_of": lambda w, a, b: w.intake.posts_of(a.session),
    "Intake.collect": lambda w, a, b: w.collect(a.session, ZOE, "mine?"),
    "Intake.add": lambda w, a, b: w.intake.add(w.seen(a.session, ZOE, "mine?"), ZOE),
    "GuildService.lift_expired_mutes": lambda w, a, b: w.guilds.lift_expired_mutes(),
    "Queue.next": lambda w, a, b: w.queue.next(a.session, ZOE, expected=b.open.id),
    "Queue.close": lambda w, a, b: w.queue.close(a.session, ZOE, State.MISSED, 1),
    "Queue.reopen": lambda w, a, b: w.queue.reopen(a.session, ZOE, 2),
    "Queue.toggle_joke": lambda w, a, b: w.queue.toggle_joke(a.session, ZOE, 1),
    "Queue.merge": lambda w, a, b: w.queue.merge(a.session, ZOE, 1, 2),
    "Queue.move": lambda w, a, b: w.queue.move(a.session, ZOE, 1, 1),
    "Queue.decide": lambda w, a, b: w.queue.decide(a.session, ZOE, b.pending.id, approve=True),
    "Queue.undo": lambda w, a, b: w.queue.undo(a.session, ZOE),
    "Queue.reveal": lambda w, a, b: w.queue.reveal(a.session, ZOE, 3, "why"),
    "Views.board": lambda w, a, b: w.views.board(a.session, pending=9),
    "Views.page": lambda w, a, b: w.views.page(a.session, tuple(State), 0, -1),
    "Views.get": lambda w, a, b: w.views.get(b.open.id, 1),
    "Views.numbered": lambda w, a, b: w.views.numbered(a.session, 1),
    "Views.mine": lambda w, a, b: w.views.mine(1, ZOE.id, None),
    "Views.left_over": lambda w, a, b: w.views.left_over(a.session),
    "Votes.toggle": lambda w, a, b: w.votes.toggle(a.session, ZOE, b.open.id),
    "Answers.reply": lambda w, a, b: w.answers.reply(
        a.session, ZOE, replied_to=b.open.message_id or 0, message_id=77, body="mine",
        ordinal=None, at=w.clock(),
    ),
    "Answers.write": lambda w, a, b: w.answers.write(a.session, ZOE, "mine", b.open.id),
    "Answers.note": lambda w, a, b: w.answers.note(a.session, ZOE, "mine", b.open.id),
    "Answers.messages_of": lambda w, a, b: w.answers.messages_of(a.session),
    "Answers.get": lambda w, a, b: w.answers.get(b.answer.id, 1),
    "Archive.record": lambda w, a, b: w.archive.record(a.session),
    "Archive.export": lambda w, a, b: w.archive.export(a.session, Format.JSON),
    "Archive.find": lambda w, a, b: w.archive.find(1, SECRET),
    "Archive.catch_up": lambda w, a, b: w.archive.catch_up(),
    "Archive.stale_posts": lambda w, a, b: w.archive.stale_posts(1),
    "Archive.of_person": lambda w, a, b: w.archive.of_person(1, ZOE.id),
    "Archive.erase": lambda w, a, b: w.archive.erase(1, ZOE.id, words_too=True),
    "Archive.posted": lambda w, a, b: w.archive.posted(replace(a.posted, message_id=3), ZOE.id),
    "Archive.published": lambda w, a, b: w.archive.published(a.session, 4, ZOE.id),
    "Archive.made_anew": lambda w, a, b: w.archive.made_anew(a.posted),
    "Archive.forget_posted": lambda w, a, b: w.archive.forget_posted(a.posted.message_id),
}  # fmt: skip

# Nobody names a guild in these.
DISCORDS_OWN = "Discord's ids: a message or channel belongs to one guild, and so does what it holds"
CLOCKWORK = "called by the clock, for all guilds alike"
GIVEN = "takes rows that were read by their guild, or is called with an id of the bot's own rows"
EXEMPT = {
    "SessionService.at": DISCORDS_OWN,
    "SessionService.touch": DISCORDS_OWN,
    "SessionService.taking_questions": CLOCKWORK,
    "SessionService.tick": CLOCKWORK,
    "Intake.messages_deleted": DISCORDS_OWN,
    "Intake.of_message": DISCORDS_OWN,
    "Asking.attach_message": GIVEN,
    "Votes.reacted": DISCORDS_OWN,
    "Votes.reactions_cleared": DISCORDS_OWN,
    "Votes.set_reactions": DISCORDS_OWN,
    "Answers.message_edited": DISCORDS_OWN,
    "Answers.messages_deleted": DISCORDS_OWN,
    "Answers.of": GIVEN,
    "Archive.forget_old": CLOCKWORK,
    "Archive.add_section": "wires a feature in, once",
}
# What names something of the other guild outright must be refused or find nothing.
REFUSED = {
    "SessionService.get", "SessionService.edit", "SessionService.end", "SessionService.go_on",
    "Asking.edit_own",
    "Asking.withdraw_own", "Queue.decide", "Views.get", "Votes.toggle",
}  # fmt: skip
EMPTY = {"Answers.reply", "Answers.get", "Archive.find", "Views.mine", "Archive.stale_posts"}


def test_every_public_method_is_here() -> None:
    rooms = (
        SessionService,
        GuildService,
        Intake,
        Asking,
        Queue,
        Views,
        Votes,
        Answers,
        Archive,
    )
    methods = {
        f"{room.__name__}.{name}"
        for room in rooms
        for name, _ in inspect.getmembers(room, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == set(CALLS) | set(EXEMPT)


@pytest.mark.parametrize("name", CALLS)
async def test_nothing_of_the_other_guild_shows_or_changes(here: World, name: str) -> None:
    a = await filled(here, 1, "aword")
    b = await filled(here, 2, SECRET)
    await here.archive.catch_up()
    before = await rows_of(here, 2)
    result: Any = None
    refusal: StudyBotError | None = None
    try:
        result = CALLS[name](here, a, b)
        if inspect.isawaitable(result):
            result = await result
    except StudyBotError as error:
        refusal = error
    assert SECRET not in str(refusal)
    assert refusal is not None or name not in REFUSED
    if name in EMPTY:
        assert not result
    shown = result.decode() if isinstance(result, bytes) else repr(result)
    assert SECRET not in shown
    assert await rows_of(here, 2) == before
    remembered = here.sessions.at(b.session.channel_id)
    assert remembered is not None
    assert remembered.title == b.session.title
