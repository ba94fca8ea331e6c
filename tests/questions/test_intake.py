"""What becomes of a question somebody types, changes, takes back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import NotAllowed
from bot.guilds import SetupChange
from bot.questions import Question, State, events
from bot.questions.errors import (
    AnonymousOff,
    EmptyText,
    NoSuchQuestion,
    ReasonMissing,
    TextTooLong,
    TooFast,
    TooManyOpen,
)
from bot.sessions import SessionEdit
from bot.timeline import LiveMessage
from tests.storage.world import (
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    GUILD,
    MODERATOR,
    SPEAKER,
    World,
    numbers,
    world,
)  # fmt: skip


async def texts(here: World, message_id: int) -> list[tuple[int, str, str]]:
    """Say what is kept of a message: number, state, text."""
    found = await here.intake.of_message(message_id)
    return [(one.number, str(one.state), one.body) for one in found]


# --- following a message --------------------------------------------------------------------


async def test_the_same_message_again_changes_nothing(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "What is a VM?", "And a container?")
    first = await here.intake.collect(message)
    kept, timeline = await texts(here, message.message_id), await here.events()
    for _ in range(3):
        again = await here.intake.collect(message)
        assert again.taken == first.taken
    assert await texts(here, message.message_id) == kept
    assert await here.events() == timeline
    assert kept == [(1, "open", "What is a VM?"), (2, "open", "And a container?")]


async def test_a_question_put_above_another_leaves_that_one_alone(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "What is a hypervisor good for?")
    await here.intake.collect(message)
    await here.votes.reacted(message.message_id, BOB.id, "👍", on=True)
    await here.intake.collect(
        replace(message, bodies=("Is there a break?", "What is a hypervisor good for?"))
    )
    assert await texts(here, message.message_id) == [
        (2, "open", "Is there a break?"),
        (1, "open", "What is a hypervisor good for?"),
    ]
    assert (await here.views.numbered(session, 1)).votes == 1


async def test_one_of_three_is_edited(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "How does KVM boot?", "Is QEMU slow?", "Why libvirt?")
    await here.intake.collect(message)
    bodies = ("How does KVM boot?", "Is QEMU really so slow?", "Why libvirt?")
    await here.intake.collect(replace(message, bodies=bodies))
    assert await texts(here, message.message_id) == [
        (number, "open", body) for number, body in enumerate(bodies, start=1)
    ]
    assert await here.rows("SELECT question_id, body FROM question_revisions") == [
        ((await here.views.numbered(session, 2)).id, "Is QEMU slow?")
    ]
    assert len(await here.events(events.EDITED)) == 1


async def test_a_prefix_may_come_later_go_and_come_back(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, text="What is a VM?")
    assert (await here.intake.collect(message)).taken == ()
    asked = replace(message, bodies=("What is a VM?",))
    assert numbers((await here.intake.collect(asked)).taken) == [1]
    await here.intake.collect(message)
    assert await texts(here, message.message_id) == [(1, "withdrawn", "What is a VM?")]
    assert numbers((await here.intake.collect(asked)).taken) == [1]
    assert await texts(here, message.message_id) == [(1, "open", "What is a VM?")]


async def test_an_empty_prefix_is_pointed_out_and_taken_once_there_is_text(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "")
    receipt = await here.intake.collect(message)
    assert receipt.is_empty
    assert not receipt.taken
    receipt = await here.intake.collect(replace(message, bodies=("Now with text?", "")))
    assert numbers(receipt.taken) == [1]
    assert receipt.is_empty, "the second prefix still has no text"


async def test_what_was_answered_stays_when_its_message_goes(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "One?", "Two?")
    await here.intake.collect(message)
    await here.queue.close(session, SPEAKER, State.ANSWERED, 1)
    assert await here.intake.messages_deleted([message.message_id]) == 1
    assert [one[1] for one in await texts(here, message.message_id)] == ["answered", "withdrawn"]


async def test_bulk_deleting_withdraws_all(here: World) -> None:
    session = await here.start()
    ids = []
    for person in (ALICE, BOB, CAROL):
        message = here.seen(session, person, f"{person.name}'s?")
        await here.intake.collect(message)
        ids.append(message.message_id)
    assert await here.intake.messages_deleted([*ids, 999]) == 3
    assert await here.waiting(session) == []


async def test_an_edit_of_what_was_withdrawn_by_hand_does_not_revive_it(here: World) -> None:
    # A link preview unfurling, or reading history again, looks like an edit.
    session = await here.start()
    message = here.seen(session, ALICE, "I'd rather not?")
    (question,) = (await here.intake.collect(message)).taken
    await here.asking.withdraw_own(question.id, ALICE, session)
    receipt = await here.intake.collect(message)
    assert receipt.taken == ()
    assert (await here.question(question)).state is State.WITHDRAWN
    receipt = await here.intake.collect(replace(message, bodies=("On second thought, why?",)))
    assert numbers(receipt.taken) == [question.number]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "ab", "abc", "x", "y?", "長い質問", "長い質問です"]), max_size=4
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_last_edit_decides_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, edits: list[list[str]]
) -> None:
    async def play() -> None:
        async with world(tmp_path_factory.mktemp("w") / "one.sqlite3") as here:
            session = await here.start()
            message = here.seen(session, SPEAKER, *edits[0])
            for bodies in edits:
                await here.intake.collect(replace(message, bodies=tuple(bodies)))
            wanted = [body for body in edits[-1] if body]
            found = await here.intake.of_message(message.message_id)
            assert [q.body for q in found if q.state is not State.WITHDRAWN] == wanted
            before = await here.events()
            await here.intake.collect(replace(message, bodies=tuple(edits[-1])))
            assert await here.events() == before
            every = [row[0] for row in await here.rows("SELECT number FROM questions ORDER BY 1")]
            assert every == list(range(1, len(every) + 1))

    asyncio.run(play())


# --- limits ---------------------------------------------------------------------------------


async def test_five_open_questions_and_no_sixth(here: World) -> None:
    session = await here.start()
    receipt = await here.collect(session, ALICE, *(f"Question {n}?" for n in range(7)))
    assert numbers(receipt.taken) == [1, 2, 3, 4, 5]
    assert receipt.is_over_limit
    here.clock.on(minutes=1)
    assert (await here.collect(session, ALICE, "One more?")).is_over_limit
    await here.queue.close(session, SPEAKER, State.ANSWERED, 1)
    here.clock.on(minutes=1)
    assert numbers((await here.collect(session, ALICE, "One more?")).taken) == [6]
    assert not (await here.collect(session, BOB, "Mine?")).is_over_limit


async def test_one_message_in_twenty_seconds(here: World) -> None:
    session = await here.start()
    assert (await here.collect(session, ALICE, "One?")).taken
    here.clock.on(seconds=19.9)
    assert (await here.collect(session, ALICE, "Two?")).is_over_limit
    assert (await here.collect(session, BOB, "Bob's?")).taken
    here.clock.on(seconds=0.1)
    assert (await here.collect(session, ALICE, "Three?")).taken


async def test_staff_have_no_limits(here: World) -> None:
    session = await here.start()
    for n in range(8):
        assert not (await here.collect(session, SPEAKER, f"{n}?", f"{n} again?")).is_over_limit
    assert (await here.views.board(session)).open_count == 16


async def test_taking_prefixes_away_and_back_is_no_way_around_the_limit(here: World) -> None:
    session = await here.start()
    first = here.seen(session, ALICE, *(f"First {n}?" for n in range(5)))
    await here.intake.collect(first)
    await here.intake.collect(replace(first, bodies=(), text="never mind"))
    here.clock.on(minutes=1)
    await here.collect(session, ALICE, *(f"Second {n}?" for n in range(5)))
    receipt = await here.intake.collect(first)
    assert receipt.is_over_limit
    assert (await here.views.board(session)).open_count == 5


# --- the gap --------------------------------------------------------------------------------


async def test_the_same_text_in_a_gap_counts_once_for_a_person(here: World) -> None:
    session = await here.start()
    began = here.clock()
    messages = []
    for person in (ALICE, ALICE, BOB, ALICE):
        here.clock.on(minutes=2)
        messages.append(here.seen(session, person, "Are you there?"))
    for _ in range(2):
        for message in messages:
            await here.intake.collect(message, gap_began=began)
    assert [q.author_id for q in (await here.views.board(session)).upcoming] == [ALICE.id, BOB.id]
    await here.queue.close(session, SPEAKER, State.ANSWERED, 1)
    await here.intake.collect(messages[1], gap_began=began)
    assert (await here.views.board(session)).open_count == 1, "answered once is answered"


async def test_outside_a_gap_the_same_text_counts_again(here: World) -> None:
    session = await here.start()
    await here.ask(session, ALICE, "Again?")
    await here.ask(session, ALICE, "Again?")
    assert (await here.views.board(session)).open_count == 2


# --- moderated ------------------------------------------------------------------------------


async def test_in_a_moderated_session_questions_wait_for_approval(here: World) -> None:
    session = await here.start(moderated=True)
    message = here.seen(session, ALICE, "May I?")
    (question,) = (await here.intake.collect(message)).taken
    assert question.state is State.PENDING
    assert await here.waiting(session) == []
    await here.queue.decide(session, MODERATOR, question.id, approve=True)
    assert await here.waiting(session) == ["May I?"]
    await here.intake.collect(message)
    assert await here.waiting(session) == ["May I?"], "a replay is no edit"
    await here.intake.collect(replace(message, bodies=("May I be rude?",)))
    assert await here.waiting(session) == [], "nobody has approved that"
    assert (await here.question(question)).state is State.PENDING


async def test_staff_need_no_approval_of_their_own(here: World) -> None:
    session = await here.start(moderated=True)
    await here.collect(session, SPEAKER, "One for myself?")
    assert await here.waiting(session) == ["One for myself?"]


async def test_what_was_turned_down_is_seen_by_nobody(here: World) -> None:
    session = await here.start(moderated=True)
    message = here.seen(session, ALICE, "Something rude about somebody?")
    (question,) = (await here.intake.collect(message)).taken
    await here.queue.decide(session, MODERATOR, question.id, approve=False)
    everything = tuple(state for state in State if state is not State.WITHDRAWN)
    assert (await here.views.page(session, everything, 0, 50)).total == 0
    assert await here.archive.find(GUILD, "rude") == []
    assert await here.views.left_over(session) == []
    assert (await here.intake.collect(message)).taken == (), "its message still stands there"
    await here.queue.undo(session, MODERATOR)
    assert (await here.question(question)).state is State.PENDING


# --- adding ---------------------------------------------------------------------------------


async def test_staff_add_any_message_and_attendees_their_own(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "I wonder why", text="I wonder why")
    with pytest.raises(NotAllowed):
        await here.intake.add(message, BOB)
    question = await here.intake.add(message, MODERATOR)
    assert (question.author_id, question.number) == (ALICE.id, 1)
    assert (await here.intake.add(message, SPEAKER)).id == question.id
    own = here.seen(session, BOB, "Me too", text="Me too")
    assert (await here.intake.add(own, BOB)).number == 2
    with pytest.raises(EmptyText):
        await here.intake.add(here.seen(session, ALICE, "  ", text="  "), MODERATOR)


async def test_an_added_message_is_followed_without_a_prefix(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "I wonder why", text="I wonder why")
    question = await here.intake.add(message, MODERATOR)
    await here.intake.collect(replace(message, bodies=(), text="I wonder how"))
    assert await texts(here, message.message_id) == [(question.number, "open", "I wonder how")]


async def test_adding_what_was_withdrawn_brings_that_one_back(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "What is a VM?")
    (question,) = (await here.intake.collect(message)).taken
    bare = replace(message, bodies=(), text="What is a VM?")
    await here.intake.collect(bare)
    added = await here.intake.add(replace(bare, bodies=(bare.text,)), MODERATOR)
    assert (added.id, added.state) == (question.id, State.OPEN)
    assert len(await here.intake.of_message(message.message_id)) == 1


async def test_an_attendee_adding_has_the_limits_too(here: World) -> None:
    session = await here.start()
    await here.collect(session, ALICE, *(f"{n}?" for n in range(5)))
    here.clock.on(minutes=1)
    own = here.seen(session, ALICE, "A sixth", text="A sixth")
    with pytest.raises(TooManyOpen):
        await here.intake.add(own, ALICE)
    assert (await here.intake.add(own, MODERATOR)).number == 6


# --- the form -------------------------------------------------------------------------------


async def ask_post(here: World, question: Question) -> LiveMessage | None:
    return await here.timeline.live_message("ask", question.id)


async def test_a_question_of_the_form_goes_out_once_approved(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "  Hello?  ", anonymous=False)
    assert (question.state, question.body) == (State.PENDING, "Hello?")
    assert await ask_post(here, question) is None
    await here.queue.decide(session, MODERATOR, question.id, approve=True)
    assert await ask_post(here, question) is not None
    edited = await here.asking.edit_own(question.id, ALICE, session, "Hello again?")
    assert edited.state is State.PENDING
    await here.queue.decide(session, MODERATOR, question.id, approve=True)
    await here.asking.withdraw_own(question.id, ALICE, session)
    with pytest.raises(NoSuchQuestion):
        await here.asking.edit_own(question.id, ALICE, session, "Too late?")


async def test_taking_a_pending_one_by_its_number_is_approval(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "Hello?", anonymous=False)
    await here.queue.next(session, SPEAKER, question.number)
    assert await ask_post(here, question) is not None


async def test_nobody_else_edits_or_withdraws(here: World) -> None:
    session = await here.start()
    other = await here.start(channel_id=77)
    question = await here.asking.ask(session, CHANNEL, ALICE, "Hello?", anonymous=True)
    for person, where in ((BOB, session), (MODERATOR, session), (ALICE, other)):
        with pytest.raises(NoSuchQuestion):
            await here.asking.edit_own(question.id, person, where, "Mine now?")
        with pytest.raises(NoSuchQuestion):
            await here.asking.withdraw_own(question.id, person, where)
    typed = await here.ask(session, BOB, "Typed in the chat?")
    with pytest.raises(NoSuchQuestion):
        await here.asking.edit_own(typed.id, BOB, session, "The message says otherwise")


async def test_the_forms_limits(here: World) -> None:
    session = await here.start()
    with pytest.raises(EmptyText):
        await here.asking.ask(session, CHANNEL, ALICE, " \n ", anonymous=False)
    with pytest.raises(TextTooLong):
        await here.asking.ask(session, CHANNEL, ALICE, "x" * 1501, anonymous=False)
    for n in range(2):
        await here.asking.ask(session, CHANNEL, ALICE, f"{n}?", anonymous=True)
        with pytest.raises(TooFast):
            await here.asking.ask(session, CHANNEL, ALICE, "Fast?", anonymous=False)
        here.clock.on(seconds=20)
    with pytest.raises(TooManyOpen):
        await here.asking.ask(session, CHANNEL, ALICE, "A third hidden one?", anonymous=True)
    assert await here.asking.ask(session, CHANNEL, ALICE, "A shown one?", anonymous=False)
    await here.guilds.configure(GUILD, MODERATOR, SetupChange({}, {"anonymous": 0}))
    with pytest.raises(AnonymousOff):
        await here.asking.ask(session, CHANNEL, BOB, "Hidden?", anonymous=True)


async def test_who_asked_anonymously_stands_nowhere_but_in_the_row(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "Who am I?", anonymous=True)
    await here.queue.decide(session, MODERATOR, question.id, approve=True)
    await here.asking.edit_own(question.id, ALICE, session, "Who am I really?")
    await here.queue.decide(session, MODERATOR, question.id, approve=True)
    board = await here.views.board(session)
    assert ALICE.id not in board.names
    assert ALICE.id not in (await here.views.page(session, (State.OPEN,), 0, 10)).names
    await here.asking.withdraw_own(question.id, ALICE, session)
    for event in await here.events():
        assert event.actor_id != ALICE.id
        assert str(ALICE.id) not in str(event.data)


async def test_looking_behind_an_anonymous_question_is_recorded(here: World) -> None:
    session = await here.start()
    question = await here.asking.ask(session, CHANNEL, ALICE, "Who am I?", anonymous=True)
    for person in (SPEAKER, BOB):
        with pytest.raises(NotAllowed):
            await here.queue.reveal(session, person, question.number, "curious")
    assert await here.rows("SELECT * FROM reveals") == []
    with pytest.raises(ReasonMissing):
        await here.queue.reveal(session, MODERATOR, question.number, "  ")
    _, name = await here.queue.reveal(session, MODERATOR, question.number, "harassment")
    assert name == "Alice"
    assert await here.rows("SELECT question_id, by_id, reason FROM reveals") == [
        (question.id, MODERATOR.id, "harassment")
    ]
    (revealed,) = await here.events(events.REVEALED)
    assert revealed.actor_id == MODERATOR.id


# --- people and sessions --------------------------------------------------------------------


async def test_a_muted_persons_open_questions_are_hidden(here: World) -> None:
    session = await here.start()
    await here.ask(session, ALICE, "Hidden?")
    await here.ask(session, BOB, "Shown?")
    await here.guilds.mute(GUILD, ALICE.id, here.clock() + timedelta(hours=1))
    assert await here.waiting(session) == ["Shown?"]
    assert (await here.views.board(session)).open_count == 1
    assert (await here.views.page(session, (State.OPEN,), 0, 10)).total == 1
    assert [q.body for q in await here.views.left_over(session)] == ["Shown?"]
    taken = await here.queue.next(session, SPEAKER)
    assert taken is not None
    assert taken.body == "Shown?"
    here.clock.on(hours=2)
    assert await here.waiting(session) == ["Hidden?"]
    await here.guilds.mute(GUILD, ALICE.id, here.clock() + timedelta(hours=1))
    await here.guilds.mute(GUILD, ALICE.id, None)
    assert await here.waiting(session) == ["Hidden?"]


async def test_late_questions_are_marked_late(here: World) -> None:
    session = await here.start()
    await here.ask(session, ALICE, "In time?")
    session = await here.sessions.end(session, SPEAKER)
    session = await here.sessions.opened_follow_up(session, 11)
    late = await here.ask(session, ALICE, "Too late?")
    assert late.late
    assert late.channel_id == 11


async def test_numbers_are_unique_and_without_gaps_when_everybody_asks_at_once(
    here: World,
) -> None:
    session = await here.start()
    people = [replace(ALICE, id=10_000 + n, name=f"p{n}") for n in range(60)]
    tasks = [
        here.collect(session, person, f"{person.id} a?", f"{person.id} b?") for person in people
    ]
    tasks += [here.collect(session, people[0], "too fast?") for _ in range(5)]
    taken = [q for receipt in await asyncio.gather(*tasks) for q in receipt.taken]
    assert sorted(numbers(taken)) == list(range(1, 121))


async def test_moderation_switched_off_lets_new_ones_through(here: World) -> None:
    session = await here.start(moderated=True)
    session = await here.sessions.edit(session, SPEAKER, SessionEdit(moderated=False))
    await here.ask(session, ALICE, "Free?")
    assert await here.waiting(session) == ["Free?"]


async def test_a_withdrawn_question_takes_no_text_from_a_living_one(here: World) -> None:
    session = await here.start()
    first = here.seen(session, ALICE, "one?", "two?")
    one, two = (await here.intake.collect(first)).taken
    await here.intake.collect(replace(first, bodies=("two?",)))
    await here.intake.collect(replace(first, bodies=("entirely different now?",)))
    assert (await here.question(one)).state is State.WITHDRAWN
    assert (await here.question(two)).body == "entirely different now?"


async def test_attachments_follow_an_edit(here: World) -> None:
    session = await here.start()
    message = here.seen(session, ALICE, "what is this?", attachments=("a.png", "b.png"))
    await here.intake.collect(message)
    await here.intake.collect(replace(message, attachments=("b.png",)))
    assert await here.rows("SELECT filename FROM question_attachments") == [("b.png",)]
