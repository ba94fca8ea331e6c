"""`/ask`, `/next`, `/questions`, and the message menu "Add as question"."""

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.errors import N_, NotAllowed
from bot.localization import Words
from bot.questions import STATE_NAMES, UNFINISHED, Page, Question, State
from bot.sessions import NoSession, Session
from cogs.controls import Lasting, Press, button, handles, row, select
from cogs.kit import (
    Interaction,
    Services,
    T,
    channel_ids_of,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    session_here,
    show_there,
    tell,
    words_for,
)
from cogs.questions.board import asker, label
from cogs.questions.forms import AskForm, EditForm, RevealForm
from cogs.questions.listener import TAKEN, seen_message
from cogs.questions.staff import next_text, session_of
from cogs.text import jump_url, one_line

PAGE = 10

# What /questions list shows, by the choice's value.
FILTERS: dict[str, tuple[State, ...]] = {
    "waiting": (State.CURRENT, State.OPEN),
    "pending": (State.PENDING,),
    "answered": (State.ANSWERED,),
    "missed": (State.MISSED,),
    "skipped": (State.SKIPPED,),
    "all": (State.CURRENT, State.OPEN, State.ANSWERED, State.MISSED, State.SKIPPED, State.MERGED),
}
_FILTER_ORDER = tuple(FILTERS)


class QuestionsCog(commands.Cog):
    """The commands around questions."""

    group = app_commands.Group(
        name="questions", description=T("Questions of this session"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services

    @app_commands.command(name=T("ask"), description=T("Ask a question, anonymously if you like"))
    @app_commands.guild_only()
    async def ask(self, interaction: Interaction) -> None:
        """Open the form."""
        await open_ask(interaction, taking_questions(interaction))

    @app_commands.command(name="next", description=T("Take the next question"))
    @app_commands.guild_only()
    @app_commands.describe(number=T("Take this one instead"))
    async def next(
        self, interaction: Interaction, number: app_commands.Range[int, 1] | None = None
    ) -> None:
        """Do what the board's Next does."""
        session = session_here(interaction)
        async with in_time(interaction):
            question = await self._services.queue.next(session, person_of(interaction.user), number)
        await tell(interaction, next_text(question, words_for(interaction)))

    @group.command(name="list", description=T("All questions, page by page; vote here too"))
    @app_commands.describe(state=T("Which ones"))
    @app_commands.choices(
        state=[
            app_commands.Choice(name=T("Waiting"), value="waiting"),
            app_commands.Choice(name=T("Pending"), value="pending"),
            app_commands.Choice(name=T("Answered"), value="answered"),
            app_commands.Choice(name=T("Missed"), value="missed"),
            app_commands.Choice(name=T("Skipped"), value="skipped"),
            app_commands.Choice(name=T("All"), value="all"),
        ]
    )
    async def list(self, interaction: Interaction, state: str = "waiting") -> None:
        """Show a page privately."""
        session = taking_questions(interaction)
        view = await list_view(interaction, session, state, 0)
        await tell(interaction, view=view)

    @group.command(name="mine", description=T("Your own questions"))
    async def mine(self, interaction: Interaction) -> None:
        """Show one's own, privately."""
        _ = words_for(interaction)
        guild_id = guild_id_of(interaction)
        session = self._services.sessions.at(*channel_ids_of(interaction.channel))
        mine = await self._services.views.mine(guild_id, interaction.user.id, session)
        if not mine:
            await tell(interaction, _("You have asked nothing yet. Begin a message with “Q.”."))
            return
        lines = [_("Your questions:"), *(_line(question, "", _) for question in mine[:15])]
        await tell(interaction, "\n".join(lines))

    @group.command(name="move", description=T("Put a waiting question at another place"))
    @app_commands.describe(number=T("The question's number"), place=T("Its place, 1 is next"))
    async def move(
        self,
        interaction: Interaction,
        number: app_commands.Range[int, 1],
        place: app_commands.Range[int, 1, 5000],
    ) -> None:
        """Reorder the queue."""
        session = session_here(interaction)
        by = person_of(interaction.user)
        async with in_time(interaction):
            question = await self._services.queue.move(session, by, number, place)
        _ = words_for(interaction)
        text = _("Question #{number} is now at place {place}.", number=question.number, place=place)
        await tell(interaction, text)

    @group.command(name="close", description=T("Close a question by its number"))
    @app_commands.describe(number=T("The question's number"), state=T("How it ends"))
    @app_commands.choices(
        state=[
            app_commands.Choice(name=T("Answered"), value="answered"),
            app_commands.Choice(name=T("Missed"), value="missed"),
            app_commands.Choice(name=T("Skipped"), value="skipped"),
            app_commands.Choice(name=T("Open again"), value="open"),
        ]
    )
    async def close(
        self, interaction: Interaction, number: app_commands.Range[int, 1], state: str
    ) -> None:
        """Close one, or open it again."""
        session = session_here(interaction)
        by = person_of(interaction.user)
        _ = words_for(interaction)
        if state == "open":
            async with in_time(interaction):
                await self._services.queue.reopen(session, by, number)
            await tell(interaction, _("Question #{number} waits again.", number=number))
            return
        async with in_time(interaction):
            await self._services.queue.close(session, by, State(state), number)
        await tell(interaction, _("Question #{number} is closed.", number=number))

    @group.command(name="merge", description=T("Merge a question into another"))
    @app_commands.describe(number=T("The question's number"), into=T("The one that stays"))
    async def merge(
        self,
        interaction: Interaction,
        number: app_commands.Range[int, 1],
        into: app_commands.Range[int, 1],
    ) -> None:
        """Merge two by number."""
        session = session_here(interaction)
        async with in_time(interaction):
            await self._services.queue.merge(session, person_of(interaction.user), number, into)
        _ = words_for(interaction)
        await tell(interaction, _("#{number} now counts with #{into}.", number=number, into=into))

    @group.command(name="reveal", description=T("See who asked anonymously; it is recorded"))
    @app_commands.describe(number=T("The question's number"))
    async def reveal(self, interaction: Interaction, number: app_commands.Range[int, 1]) -> None:
        """Ask for the reason first."""
        session = taking_questions(interaction)
        if not self._services.sessions.is_staff(person_of(interaction.user), session):
            raise NotAllowed
        await interaction.response.send_modal(RevealForm(words_for(interaction), session, number))


def taking_questions(interaction: Interaction) -> Session:
    """Return the session that takes questions here, late ones included.

    Raises:
        NoSession: none does.
    """
    services = services_of(interaction)
    session = services.sessions.at(*channel_ids_of(interaction.channel))
    return session if session is not None else session_here(interaction)


async def open_ask(interaction: Interaction, session: Session) -> None:
    """Open the form for a question."""
    services = services_of(interaction)
    channel_id = session.channel_id if session.is_open else session.follow_up_id
    if channel_id is None:
        raise NoSession
    anonymous = services.guilds.get(session.guild_id).rules.anonymous
    form = AskForm(words_for(interaction), session, channel_id, anonymous=anonymous)
    await interaction.response.send_modal(form)


@handles("ask")
async def ask_pressed(press: Press) -> None:
    """The board's Ask."""
    session = await session_of(press)
    services = services_of(press.interaction)
    if not session.is_open and services.sessions.at(session.follow_up_id or 0) is None:
        raise NoSession
    await open_ask(press.interaction, session)


@handles("vote")
async def vote_chosen(press: Press) -> None:
    """The ▲ of the board and of the list."""
    session = await session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        question, on = await services.votes.toggle(
            session, person_of(press.interaction.user), int(press.value)
        )
    _ = words_for(press.interaction)
    text = (
        _("▲ for #{number}: {votes} now.", number=question.number, votes=question.votes)
        if on
        else _(
            "▲ taken back from #{number}: {votes} now.",
            number=question.number,
            votes=question.votes,
        )
    )
    await tell(press.interaction, text)


@handles("list")
async def list_pressed(press: Press) -> None:
    """The board's list: a private page."""
    session = await session_of(press)
    view = await list_view(press.interaction, session, "waiting", 0)
    await tell(press.interaction, view=view)


@handles("page")
async def page_pressed(press: Press) -> None:
    """Another page of the list: `arg` is its number times ten, plus the filter's place."""
    session = await session_of(press)
    page, chosen = divmod(press.arg or 0, 10)
    name = _FILTER_ORDER[min(chosen, len(_FILTER_ORDER) - 1)]
    view = await list_view(press.interaction, session, name, page * PAGE)
    await press.interaction.response.edit_message(view=view)


async def list_view(interaction: Interaction, session: Session, name: str, offset: int) -> Lasting:
    """Draw a page of the list; pending ones are for staff.

    Raises:
        NotAllowed: pending, and not staff.
    """
    services = services_of(interaction)
    if name == "pending" and not services.sessions.is_staff(person_of(interaction.user), session):
        raise NotAllowed
    page = await services.views.page(session, FILTERS[name], offset, PAGE)
    return list_face(page, session, name, words_for(interaction))


def list_face(page: Page, session: Session, name: str, _: Words) -> Lasting:
    """Draw a page of questions with a ▲ for those that wait."""
    if not page.questions:
        return Lasting(ui.TextDisplay(_("There is no such question.")))
    last = page.offset + len(page.questions)
    lines = [
        _("Questions {first}–{last} of {total}", first=page.offset + 1, last=last, total=page.total)
    ]
    lines += [_line(question, asker(question, page.names, _), _) for question in page.questions]
    items: list[ui.Item[ui.LayoutView]] = [ui.TextDisplay("\n".join(lines))]
    votable = [question for question in page.questions if question.state in UNFINISHED]
    if votable and name != "pending":
        options = [
            discord.SelectOption(label=label(question), value=str(question.id))
            for question in votable
        ]
        items.append(row(select("vote", session.id, _("▲ I want to know too"), options)))
    number = page.offset // PAGE
    chosen = _FILTER_ORDER.index(name)
    if page.total > PAGE:
        items.append(
            row(
                button(
                    "page",
                    session.id,
                    _("Back"),
                    arg=max(0, number - 1) * 10 + chosen,
                    disabled=number == 0,
                ),
                button(
                    "page",
                    session.id,
                    _("Further"),
                    arg=(number + 1) * 10 + chosen,
                    disabled=last >= page.total,
                ),
            )
        )
    return Lasting(*items)


def _line(question: Question, who: str, _: Words) -> str:
    votes = f" ▲{question.votes}" if question.votes else ""
    url = jump_url(question.guild_id, question.channel_id, question.message_id)
    state = _(STATE_NAMES[question.state])
    by = f" — {one_line(who, 30)}" if who else ""
    return f"- [#{question.number}]({url}) {one_line(question.body, 120)}{votes} · {state}{by}"


@handles("edit_own")
async def edit_own(press: Press) -> None:
    """The receipt's Edit."""
    session = await session_of(press)
    services = services_of(press.interaction)
    question = await services.views.get(press.arg or 0, session.guild_id)
    if question.author_id != press.interaction.user.id:
        raise NotAllowed
    form = EditForm(words_for(press.interaction), session, question)
    await press.interaction.response.send_modal(form)


@handles("withdraw_own")
async def withdraw_own(press: Press) -> None:
    """The receipt's Withdraw."""
    session = await session_of(press)
    services = services_of(press.interaction)
    async with in_time(press.interaction):
        question = await services.asking.withdraw_own(
            press.arg or 0, person_of(press.interaction.user), session
        )
    _ = words_for(press.interaction)
    text = _("Question #{number} is withdrawn.", number=question.number)
    await show_there(press.interaction, view=Lasting(ui.TextDisplay(text)))


async def add_as_question(interaction: Interaction, message: discord.Message) -> None:
    """Take a message without the prefix: staff any, attendees their own."""
    services = services_of(interaction)
    session = taking_questions(interaction)
    async with in_time(interaction):
        question = await services.intake.add(
            seen_message(message, session, (message.content,)), person_of(interaction.user)
        )
    _ = words_for(interaction)
    await tell(interaction, _("Taken as question #{number}.", number=question.number))
    partial = services.channel(message.channel.id).get_partial_message(message.id)
    try:
        await partial.add_reaction(TAKEN)
    except discord.HTTPException:
        return  # The question is taken all the same; the board shows it.


# Discord shows no description of a message menu; the documentation does.
MENU_DESCRIPTIONS = {
    "Add as question": N_("Take a message without the prefix as a question"),
}


def message_menus() -> list[app_commands.ContextMenu]:
    """Return the message menus of this cog."""
    menu = app_commands.ContextMenu(name=T("Add as question"), callback=add_as_question)
    menu.guild_only = True
    return [menu]
