"""Question time: the order, what staff do with questions, and taking it back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.errors import Conflict, NotAllowed, StudyBotError
from bot.guilds import Person
from bot.questions import Question, State, events
from bot.questions.errors import (
    AlreadyClosed,
    CannotMerge,
    CannotUndo,
    NoSuchQuestion,
    NothingCurrent,
    NothingToUndo,
    NotPending,
    OwnVote,
    QueueEmpty,
)
from bot.sessions import Session
from tests.storage.world import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    MODERATOR,
    SPEAKER,
    World,
    world,
)


async def asked(here: World, session: Session, *bodies: str) -> list[Question]:
    """Have a different person ask each question."""
    found: list[Question] = []
    for index, body in enumerate(bodies):
        asker = Person(300 + index, f"asker {index}")
        found.append(await here.ask(session, asker, body))
    return found


async def vote(here: World, question: Question, *people: Person) -> None:
    for person in people:
        assert question.message_id is not None
        await here.votes.reacted(question.message_id, person.id, "👍", on=True)


# --- order ----------------------------------------------------------------------------------


async def test_votes_come_first_then_age_and_the_current_one_never_moves(here: World) -> None:
    session = await here.start()
    one, two, three = await asked(here, session, "one", "two", "three")
    await vote(here, three, ALICE, BOB)
    await vote(here, two, ALICE)
    assert await here.waiting(session) == ["three", "two", "one"]
    current = await here.queue.next(session, SPEAKER)
    assert current is not None
    assert current.id == three.id
    await vote(here, one, ALICE, BOB, CAROL)
    board = await here.views.board(session)
    assert board.current is not None
    assert board.current.id == three.id
    assert await here.waiting(session) == ["one", "two"]


async def test_a_moved_question_stands_where_it_was_put(here: World) -> None:
    session = await here.start()
    *_, four = await asked(here, session, "one", "two", "three", "four")
    await here.queue.move(session, SPEAKER, 3, 1)
    assert await here.waiting(session) == ["three", "one", "two", "four"]
    await vote(here, four, ALICE, BOB)
    assert await here.waiting(session) == ["three", "four", "one", "two"]
    await here.queue.move(session, SPEAKER, 1, 99)
    assert await here.waiting(session) == ["three", "four", "two", "one"]
    await here.queue.undo(session, SPEAKER)
    assert await here.waiting(session) == ["three", "four", "one", "two"]
    with pytest.raises(NoSuchQuestion):
        await here.queue.move(session, SPEAKER, 40, 1)


# --- votes ----------------------------------------------------------------------------------


async def test_a_person_has_one_vote_however_many_things_they_tap(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    assert question.message_id is not None
    for emoji in ("👍", "📝", "👍"):
        await here.votes.reacted(question.message_id, BOB.id, emoji, on=True)
    counted, on = await here.votes.toggle(session, BOB, question.id)
    assert (counted.votes, on) == (1, True)
    for emoji in ("👍", "📝"):
        await here.votes.reacted(question.message_id, BOB.id, emoji, on=False)
    assert (await here.question(question)).votes == 1
    counted, on = await here.votes.toggle(session, BOB, question.id)
    assert (counted.votes, on) == (0, False)


async def test_ones_own_vote_is_passed_over(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "Mine?")
    assert question.message_id is not None
    assert await here.votes.reacted(question.message_id, ALICE.id, "👍", on=True)
    await here.votes.set_reactions(question.message_id, {"👍": [ALICE.id], "📝": [ALICE.id]})
    with pytest.raises(OwnVote):
        await here.votes.toggle(session, ALICE, question.id)
    assert (await here.question(question)).votes == 0
    assert not await here.votes.reacted(999, BOB.id, "👍", on=True)


async def test_a_vote_counts_for_each_question_of_the_message(here: World) -> None:
    session = await here.start()
    receipt = await here.collect(session, ALICE, "one?", "two?", message_id=900)
    await here.votes.reacted(900, BOB.id, "👍", on=True)
    assert [(await here.question(q)).votes for q in receipt.taken] == [1, 1]


async def test_votes_are_set_and_cleared_as_discord_says(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "Mine?")
    message_id = question.message_id or 0
    await here.votes.toggle(session, CAROL, question.id)
    await here.votes.set_reactions(message_id, {"👍": [1, 2, 3], "📝": [3, 4]})
    assert (await here.question(question)).votes == 5
    await here.votes.set_reactions(message_id, {"👍": [2], "📝": []})
    assert (await here.question(question)).votes == 2
    await here.votes.reactions_cleared(message_id, ["👍", "📝"])
    assert (await here.question(question)).votes == 1, "the board's vote is no reaction"


async def test_after_a_session_its_counts_stand_still(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "Mine?")
    await vote(here, question, BOB, CAROL)
    await here.sessions.end(session, SPEAKER)
    here.clock.on(hours=49)
    await here.start()
    await vote(here, question, Person(900, "passing by"))
    assert (await here.question(question)).votes == 2


async def test_who_voted_stands_in_no_event(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "Mine?")
    await vote(here, question, BOB)
    (voted,) = await here.events(events.VOTED)
    assert voted.actor_id is None
    assert str(BOB.id) not in str(voted.data)


# --- next, close, reopen --------------------------------------------------------------------


async def test_next_answers_the_current_and_takes_the_first(here: World) -> None:
    session = await here.start()
    with pytest.raises(QueueEmpty):
        await here.queue.next(session, SPEAKER)
    one, two = await asked(here, session, "one", "two")
    assert (await here.queue.next(session, SPEAKER)) is not None
    assert (await here.queue.next(session, SPEAKER)) is not None
    assert (await here.question(one)).state is State.ANSWERED
    assert (await here.question(two)).state is State.CURRENT
    assert (await here.queue.next(session, SPEAKER)) is None
    assert (await here.question(two)).state is State.ANSWERED


async def test_next_takes_a_chosen_one(here: World) -> None:
    session = await here.start()
    await asked(here, session, "one", "two", "three")
    taken = await here.queue.next(session, SPEAKER, 3)
    assert taken is not None
    assert taken.number == 3
    with pytest.raises(AlreadyClosed):
        await here.queue.next(session, SPEAKER, 3)
    with pytest.raises(NoSuchQuestion):
        await here.queue.next(session, SPEAKER, 33)


async def test_two_who_press_next_at_once_take_one_question(here: World) -> None:
    session = await here.start()
    first, second, _ = await asked(here, session, "one", "two", "three")
    await here.queue.next(session, SPEAKER, expected=0)
    results = await asyncio.gather(
        here.queue.next(session, SPEAKER, expected=first.id),
        here.queue.next(session, MODERATOR, expected=first.id),
        here.queue.close(session, MODERATOR, State.MISSED, expected=first.id),
        return_exceptions=True,
    )
    assert [type(one) for one in results].count(Conflict) == 2
    assert (await here.views.board(session)).current == await here.question(second)
    assert await here.waiting(session) == ["three"]


async def test_only_those_who_run_it_may(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    actions: list[Callable[[], Awaitable[Any]]] = [
        lambda: here.queue.next(session, BOB),
        lambda: here.queue.close(session, BOB, State.MISSED, 1),
        lambda: here.queue.reopen(session, BOB, 1),
        lambda: here.queue.toggle_joke(session, BOB, 1),
        lambda: here.queue.merge(session, BOB, 1, 1),
        lambda: here.queue.move(session, BOB, 1, 1),
        lambda: here.queue.decide(session, BOB, question.id, approve=True),
        lambda: here.queue.undo(session, BOB),
        lambda: here.queue.reveal(session, BOB, 1, "why not"),
        lambda: here.answers.write(session, BOB, "So", question.id),
    ]
    before = await here.events()
    for action in actions:
        with pytest.raises(NotAllowed):
            await action()
    assert await here.events() == before


async def test_closing_and_opening_again(here: World) -> None:
    session = await here.start()
    with pytest.raises(NothingCurrent):
        await here.queue.close(session, SPEAKER, State.MISSED)
    (question,) = await asked(here, session, "one")
    await here.queue.next(session, SPEAKER)
    await here.queue.close(session, SPEAKER, State.MISSED)
    with pytest.raises(AlreadyClosed):
        await here.queue.close(session, SPEAKER, State.MISSED, 1)
    await here.queue.close(session, SPEAKER, State.SKIPPED, 1)
    assert (await here.question(question)).state is State.SKIPPED
    opened = await here.queue.reopen(session, SPEAKER, 1)
    assert (opened.state, opened.closed_at) == (State.OPEN, None)
    assert await here.waiting(session) == ["one"]


async def test_staff_dont_bring_back_what_its_author_took_back(here: World) -> None:
    session = await here.start()
    question = await here.ask(session, ALICE, "Never mind?")
    await here.intake.messages_deleted([question.message_id or 0])
    with pytest.raises(AlreadyClosed):
        await here.queue.reopen(session, MODERATOR, question.number)
    pending = await here.asking.ask(session, CHANNEL, BOB, "Rude?", anonymous=True)
    await here.queue.decide(session, MODERATOR, pending.id, approve=False)
    assert (await here.queue.reopen(session, MODERATOR, pending.number)).state is State.OPEN


async def test_deciding_happens_once(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "May I?", anonymous=True)
    results = await asyncio.gather(
        here.queue.decide(session, MODERATOR, question.id, approve=True),
        here.queue.decide(session, SPEAKER, question.id, approve=False),
        return_exceptions=True,
    )
    assert [type(one) for one in results].count(NotPending) == 1
    other = await here.start(channel_id=99)
    with pytest.raises(NoSuchQuestion):
        await here.queue.decide(other, MODERATOR, question.id, approve=True)


async def test_a_joke_is_a_label_that_comes_off(here: World) -> None:
    session = await here.start()
    with pytest.raises(NothingCurrent):
        await here.queue.toggle_joke(session, SPEAKER, None)
    await asked(here, session, "one")
    assert (await here.queue.toggle_joke(session, SPEAKER, 1)).joke
    assert await here.views.left_over(session) == []
    assert not (await here.queue.toggle_joke(session, SPEAKER, 1)).joke


async def test_what_nobody_answered_is_left_over(here: World) -> None:
    session = await here.start()
    await asked(here, session, "one", "two", "three", "four", "five")
    await here.queue.close(session, SPEAKER, State.ANSWERED, 1)
    await here.queue.close(session, SPEAKER, State.MISSED, 2)
    await here.queue.close(session, SPEAKER, State.SKIPPED, 3)
    await here.queue.next(session, SPEAKER, 5)
    assert [q.number for q in await here.views.left_over(session)] == [2, 4, 5]


# --- merging --------------------------------------------------------------------------------


async def test_votes_follow_a_merge_and_come_back_with_its_undoing(here: World) -> None:
    session = await here.start()
    one, two = await asked(here, session, "one", "two")
    await vote(here, one, ALICE, BOB)
    await vote(here, two, BOB, CAROL)
    merged = await here.queue.merge(session, SPEAKER, 1, 2)
    # Alice, Bob, Carol, and who asked the first.
    assert merged.votes == 4
    await vote(here, one, Person(700, "later"))
    assert (await here.question(two)).votes == 5, "votes on it go on counting"
    await here.votes.reacted(one.message_id or 0, ALICE.id, "👍", on=False)
    assert (await here.question(two)).votes == 4
    await here.queue.undo(session, SPEAKER)
    assert (await here.question(two)).votes == 2
    assert (await here.question(one)).votes == 2
    assert (await here.question(one)).state is State.OPEN


async def test_opening_a_merged_one_parts_the_votes_too(here: World) -> None:
    session = await here.start()
    one, two = await asked(here, session, "one", "two")
    await vote(here, one, ALICE)
    await here.queue.merge(session, SPEAKER, 1, 2)
    await here.queue.reopen(session, SPEAKER, 1)
    assert (await here.question(two)).votes == 0
    await here.queue.undo(session, SPEAKER)
    assert (await here.question(two)).votes == 2
    assert (await here.question(one)).merged_into == two.id


async def test_a_chain_of_merges_counts_every_person_once(here: World) -> None:
    session = await here.start()
    one, _, three = await asked(here, session, "one", "two", "three")
    await vote(here, one, ALICE)
    await here.queue.merge(session, SPEAKER, 1, 2)
    await here.queue.merge(session, SPEAKER, 2, 3)
    assert (await here.question(three)).votes == 3
    await vote(here, one, BOB, ALICE)
    assert (await here.question(three)).votes == 4
    for _ in range(2):
        await here.queue.undo(session, SPEAKER)
    assert [(await here.views.numbered(session, n)).votes for n in (1, 2, 3)] == [2, 0, 0]


async def test_what_cant_be_merged(here: World) -> None:
    session = await here.start()
    await asked(here, session, "one", "two", "three")
    await here.queue.merge(session, SPEAKER, 1, 2)
    for number, into in ((2, 2), (1, 3), (3, 1)):
        with pytest.raises(CannotMerge):
            await here.queue.merge(session, SPEAKER, number, into)
    with pytest.raises(NoSuchQuestion):
        await here.queue.merge(session, SPEAKER, 1, 9)


# --- answers --------------------------------------------------------------------------------


async def reply(
    here: World,
    session: Session,
    by: Person,
    to: int | None,
    body: str,
    message_id: int,
    ordinal: int | None = None,
) -> Any:
    return await here.answers.reply(
        session,
        by,
        replied_to=to or 0,
        message_id=message_id,
        body=body,
        ordinal=ordinal,
        at=here.clock(),
    )


async def given(here: World, question: Question) -> list[str]:
    return [one.body for one in (await here.answers.of([question])).get(question.id, [])]


async def test_a_reply_of_staff_answers_and_closes(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    body = "- yes\n  - but slowly"
    receipt = await reply(here, session, SPEAKER, question.message_id, body, 1000)
    assert receipt.question.state is State.ANSWERED
    again = await reply(here, session, SPEAKER, question.message_id, body, 1000)
    assert again.answer == receipt.answer
    await reply(here, session, MODERATOR, question.message_id, "also:", 1001)
    await reply(here, session, MODERATOR, 1001, "a reply to an answer", 1002)
    assert await given(here, question) == [body, "also:", "a reply to an answer"]
    assert await reply(here, session, SPEAKER, 4242, "to nothing", 1003) is None


async def test_an_attendees_reply_is_a_supplement_and_closes_nothing(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    receipt = await reply(here, session, BOB, question.message_id, "I know!", 1000)
    assert receipt.answer.supplement
    assert (await here.question(question)).state is State.OPEN
    await here.queue.toggle_joke(session, SPEAKER, 1)
    await reply(here, session, BOB, question.message_id, "And this!", 1001)
    kind, _ = await here.queue.undo(session, SPEAKER)
    assert kind == events.JOKE, "what an attendee added is not the staff's last change"
    assert await given(here, question) == ["I know!", "And this!"]


async def test_the_ordinal_chooses_else_the_first_open_one(here: World) -> None:
    session = await here.start()
    one, two, three = (
        await here.collect(session, SPEAKER, "one?", "two?", "three?", message_id=900)
    ).taken
    await reply(here, session, SPEAKER, 900, "the second", 1000, ordinal=2)
    await reply(here, session, SPEAKER, 900, "the first", 1001)
    await reply(here, session, SPEAKER, 900, "the third", 1002)
    assert [await given(here, q) for q in (one, two, three)] == [
        ["the first"],
        ["the second"],
        ["the third"],
    ]


async def test_a_reply_is_followed_when_edited_and_deleted(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    await reply(here, session, SPEAKER, question.message_id, "first", 1000)
    assert await here.answers.message_edited(session, 1000, "better")
    assert await given(here, question) == ["better"]
    assert await here.answers.message_edited(session, 1000, None)
    assert await given(here, question) == []
    assert (await here.question(question)).state is State.OPEN
    await reply(here, session, SPEAKER, question.message_id, "better", 1000)
    assert (await here.question(question)).state is State.ANSWERED
    assert await here.answers.messages_deleted([1000, 1000, 5]) == 1
    assert (await here.question(question)).state is State.OPEN
    assert not await here.answers.message_edited(session, 77, "no answer of ours")


@pytest.mark.parametrize("order", [(1000, 1001), (1001, 1000)])
async def test_a_question_waits_again_when_its_last_answer_went(
    here: World, order: tuple[int, int]
) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    await reply(here, session, SPEAKER, question.message_id, "first", 1000)
    await reply(here, session, MODERATOR, question.message_id, "second", 1001)
    await reply(here, session, BOB, question.message_id, "me too", 1002)
    await here.answers.messages_deleted([order[0]])
    assert (await here.question(question)).state is State.ANSWERED
    await here.answers.messages_deleted([order[1]])
    assert (await here.question(question)).state is State.OPEN
    assert await given(here, question) == ["me too"]


async def test_deleting_an_answer_reopens_nothing_that_moved_on(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    await reply(here, session, SPEAKER, question.message_id, "first", 1000)
    await here.queue.close(session, SPEAKER, State.MISSED, 1)
    await here.answers.messages_deleted([1000])
    assert (await here.question(question)).state is State.MISSED


async def test_an_undone_answer_stays_undone_though_its_message_stands(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    await reply(here, session, SPEAKER, question.message_id, "wrong one", 1000)
    await here.queue.undo(session, SPEAKER)
    assert await reply(here, session, SPEAKER, question.message_id, "wrong one", 1000) is None
    assert (await here.question(question)).state is State.OPEN
    await reply(here, session, SPEAKER, question.message_id, "the right one", 1000)
    assert await given(here, question) == ["the right one"]


async def test_an_answer_to_a_merged_question_answers_what_it_became_part_of(here: World) -> None:
    session = await here.start()
    one, two = await asked(here, session, "one", "two")
    await here.queue.merge(session, SPEAKER, 1, 2)
    await reply(here, session, SPEAKER, one.message_id, "both", 1000)
    assert await given(here, two) == ["both"]
    assert (await here.question(two)).state is State.ANSWERED


async def test_the_form_answers_the_question_it_was_opened_for(here: World) -> None:
    session = await here.start()
    question, later = await asked(here, session, "one", "two")
    await here.queue.next(session, SPEAKER)
    for bad in ("  \n", "x" * 1801):
        with pytest.raises(StudyBotError):
            await here.answers.write(session, SPEAKER, bad, question.id)
    await here.intake.messages_deleted([later.message_id or 0])
    with pytest.raises(NoSuchQuestion):
        await here.answers.write(session, SPEAKER, "So", later.id)
    receipt = await here.answers.write(session, SPEAKER, "- so\n  - it is", question.id)
    assert receipt.answer.body == "- so\n  - it is"
    assert (await here.question(question)).state is State.ANSWERED
    assert await here.timeline.live_message("answer", receipt.answer.id) is not None
    await here.queue.undo(session, SPEAKER)
    assert (await here.question(question)).state is State.CURRENT
    assert await here.answers.get(receipt.answer.id, session.guild_id) is None


# --- undo -----------------------------------------------------------------------------------


async def everything(here: World, session: Session) -> Any:
    """Read what undoing must put back."""
    return (
        await here.rows(
            "SELECT number, state, rank, merged_into, joke, taken_at, closed_at, votes"
            " FROM questions WHERE session_id = ? ORDER BY number",
            session.id,
        ),
        await here.rows(
            "SELECT question_id, user_id, via FROM votes ORDER BY 1, 2, 3",
        ),
        await here.rows("SELECT id, body FROM answers WHERE deleted_at IS NULL ORDER BY id"),
    )


async def test_there_is_an_end_to_undoing(here: World) -> None:
    session = await here.start()
    await asked(here, session, "one")
    with pytest.raises(NothingToUndo):
        await here.queue.undo(session, SPEAKER)


async def test_what_something_newer_stands_on_isnt_undone(here: World) -> None:
    session = await here.start()
    (question,) = await asked(here, session, "one")
    await here.queue.next(session, SPEAKER)
    await here.intake.messages_deleted([question.message_id or 0])
    before = await everything(here, session)
    with pytest.raises(CannotUndo):
        await here.queue.undo(session, SPEAKER)
    assert await everything(here, session) == before


@pytest.mark.parametrize("seed", range(12))
async def test_undoing_everything_leads_back_step_by_step(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    async with world(tmp_path / "one.sqlite3") as here:
        session = await here.start()
        questions = await asked(here, session, *(f"q{n}" for n in range(6)))
        for n in range(2):
            here.clock.on(seconds=30)
            questions.append(
                await here.asking.ask(session, CHANNEL, Person(800 + n, "x"), "hm?", anonymous=True)
            )
        for question in questions[:6]:
            await vote(here, question, *chance.sample([ALICE, BOB, CAROL], chance.randint(0, 3)))
        queue, answers = here.queue, here.answers

        def number() -> int:
            return chance.randint(1, 8)

        def one() -> Question:
            return chance.choice(questions)

        actions: list[Callable[[], Awaitable[Any]]] = [
            lambda: queue.next(session, SPEAKER),
            lambda: queue.next(session, SPEAKER, number()),
            lambda: queue.close(session, SPEAKER, chance.choice(list(State)[3:6])),
            lambda: queue.close(session, SPEAKER, chance.choice(list(State)[3:6]), number()),
            lambda: queue.reopen(session, SPEAKER, number()),
            lambda: queue.toggle_joke(session, SPEAKER, number()),
            lambda: queue.merge(session, SPEAKER, number(), number()),
            lambda: queue.move(session, SPEAKER, number(), number()),
            lambda: queue.decide(session, SPEAKER, one().id, approve=chance.random() < 0.6),
            lambda: answers.write(session, SPEAKER, "so", one().id),
            lambda: reply(here, session, SPEAKER, one().message_id, "so", next(here.ids)),
        ]
        states = [await everything(here, session)]
        done = 0
        for _ in range(50):
            here.clock.on(seconds=1)
            count = len(await here.events(*events.UNDOABLE))
            try:
                await chance.choice(actions)()
            except StudyBotError:
                assert await everything(here, session) == states[-1], "refused, and yet changed"
                continue
            if len(await here.events(*events.UNDOABLE)) > count:
                done += 1
                states.append(await everything(here, session))
            else:
                assert await everything(here, session) == states[-1]
        assert done > 10
        assert len(await here.rows("SELECT 1 FROM questions WHERE state = 'current'")) <= 1
        while len(states) > 1:
            states.pop()
            here.clock.on(seconds=1)
            await queue.undo(session, SPEAKER)
            assert await everything(here, session) == states[-1]
        with pytest.raises(NothingToUndo):
            await queue.undo(session, SPEAKER)


# --- many -----------------------------------------------------------------------------------


async def test_two_thousand_questions_of_five_hundred_people(here: World) -> None:
    session = await here.start()
    chance = Random(7)
    people = [Person(10_000 + n, f"person {n}") for n in range(500)]
    votes: dict[int, set[int]] = {}

    async def burst(people: list[Person]) -> None:
        for person in people:
            seen = here.seen(session, person, *(f"{person.name} asks {n}?" for n in range(4)))
            receipt = await here.intake.collect(seen)
            assert len(receipt.taken) == 4
            voters = {one.id for one in chance.sample(people, 2)} - {person.id}
            await here.votes.set_reactions(seen.message_id, {"👍": voters})
            for question in receipt.taken:
                votes[question.number] = voters

    await asyncio.gather(*(burst(people[n : n + 100]) for n in range(0, 500, 100)))
    board = await here.views.board(session)
    assert board.open_count == 2000
    page = await here.views.page(session, (State.OPEN,), 0, -1)
    assert page.total == len(page.questions) == 2000
    wanted = sorted(votes, key=lambda number: (-len(votes[number]), number))
    assert [q.number for q in page.questions] == wanted
    assert list(board.upcoming) == list(page.questions[:5])
    parts = [
        q.number
        for offset in range(0, 2000, 450)
        for q in (await here.views.page(session, (State.OPEN,), offset, 450)).questions
    ]
    assert parts == wanted
    assert {q.votes for q in page.questions} == {1, 2}
    first = await here.queue.next(session, SPEAKER)
    assert first is not None
    assert first.number == wanted[0]
    moved = await here.queue.move(session, SPEAKER, wanted[-1], 1)
    assert (await here.views.board(session)).upcoming[0].number == moved.number
    assert replace(first, state=State.OPEN) not in (await here.views.board(session)).upcoming


async def test_undo_passes_over_what_something_newer_stands_on(here: World) -> None:
    session = await here.start()
    one, two = await asked(here, session, "one", "two")
    await here.queue.toggle_joke(session, SPEAKER, 1)
    await here.queue.close(session, SPEAKER, State.MISSED, 2)
    await here.queue.reopen(session, SPEAKER, 2)
    await here.intake.messages_deleted([two.message_id or 0])
    # Its author took #2 away, which undoing the reopening would have to go through.
    await here.queue.undo(session, SPEAKER)
    assert (await here.question(one)).joke is False
    assert (await here.question(two)).state is State.WITHDRAWN


async def test_who_started_for_a_speaker_may_end_too(here: World) -> None:
    session = await here.start(speaker_id=ALICE.id, speaker_name=ALICE.name)
    assert session.speaker_ids[0] == ALICE.id
    assert not (await here.sessions.end(session, SPEAKER)).is_open
