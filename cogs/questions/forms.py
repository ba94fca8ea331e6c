"""The forms of questions: ask, edit, answer, reveal."""

from typing import Any

import discord
from discord import ui

from bot.localization import Words
from bot.questions import ANSWER_LENGTH, ASK_LENGTH, Question
from bot.sessions import Session
from cogs.controls import Lasting, button, row
from cogs.kit import Form, Interaction, in_time, person_of, services_of, tell, words_for
from cogs.text import one_line, plain_line, quoted


class AskForm(Form):
    """Takes a question, with a name or without."""

    def __init__(self, _: Words, session: Session, channel_id: int, *, anonymous: bool) -> None:
        super().__init__(_("Ask a question"))
        self._session = session
        self._channel_id = channel_id
        self._body = ui.TextInput[Any](style=discord.TextStyle.long, max_length=ASK_LENGTH)
        self.add_item(ui.Label(text=_("Your question"), component=self._body))
        self._anonymous: ui.Checkbox[Any] | None = None
        if anonymous:
            self._anonymous = ui.Checkbox[Any]()
            self.add_item(
                ui.Label(
                    text=_("Ask anonymously"),
                    description=_(
                        "Other attendees don't see your name. Moderators can look, for a reason"
                        " that is recorded."
                    ),
                    component=self._anonymous,
                )
            )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Hand the question in; its receipt is private."""
        async with in_time(interaction):
            question = await services_of(interaction).asking.ask(
                self._session,
                self._channel_id,
                person_of(interaction.user),
                self._body.value,
                anonymous=bool(self._anonymous and self._anonymous.value),
            )
        await tell(interaction, view=receipt(question, words_for(interaction)))


def receipt(question: Question, _: Words) -> Lasting:
    """Return the private receipt of a question from the form."""
    lines = [_("Taken as question #{number}.", number=question.number)]
    if question.state == "pending":
        lines.append(_("It appears once the staff have approved it."))
    lines.append(quoted(question.body, 800))
    return Lasting(
        ui.TextDisplay("\n".join(lines)),
        row(
            button("edit_own", question.session_id, _("Edit"), arg=question.id),
            button("withdraw_own", question.session_id, _("Withdraw"), arg=question.id),
        ),
    )


class EditForm(Form):
    """Changes one's own question."""

    def __init__(self, _: Words, session: Session, question: Question) -> None:
        super().__init__(_("Edit question #{number}", number=question.number))
        self._session = session
        self._question_id = question.id
        self._body = ui.TextInput[Any](
            style=discord.TextStyle.long, max_length=ASK_LENGTH, default=question.body
        )
        self.add_item(ui.Label(text=_("Your question"), component=self._body))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Change it."""
        async with in_time(interaction):
            question = await services_of(interaction).asking.edit_own(
                self._question_id, person_of(interaction.user), self._session, self._body.value
            )
        await tell(interaction, view=receipt(question, words_for(interaction)))


class AnswerForm(Form):
    """Answers the current question in writing."""

    def __init__(self, _: Words, session: Session, question: Question) -> None:
        super().__init__(_("Answer #{number}", number=question.number))
        self._session = session
        self._question_id = question.id
        self._body = ui.TextInput[Any](
            style=discord.TextStyle.long, max_length=ANSWER_LENGTH, placeholder="- …"
        )
        self.add_item(
            ui.Label(
                text=_("Answer"),
                description=plain_line(question.body, 100),
                component=self._body,
            )
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Store it; the bot posts it for the asker."""
        async with in_time(interaction):
            receipt = await services_of(interaction).answers.write(
                self._session, person_of(interaction.user), self._body.value, self._question_id
            )
        _ = words_for(interaction)
        await tell(
            interaction, _("Question #{number} is answered.", number=receipt.question.number)
        )


class RevealForm(Form):
    """Asks a moderator why they want to know who asked."""

    def __init__(self, _: Words, session: Session, number: int) -> None:
        super().__init__(_("Who asked #{number}?", number=number))
        self._session = session
        self._number = number
        self._reason = ui.TextInput[Any](max_length=300)
        self.add_item(
            ui.Label(
                text=_("Your reason"),
                description=_("You, this question and the reason are recorded."),
                component=self._reason,
            )
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Record the look, and show the name privately."""
        async with in_time(interaction):
            question, name = await services_of(interaction).queue.reveal(
                self._session, person_of(interaction.user), self._number, self._reason.value
            )
        _ = words_for(interaction)
        if question.author_id is None:
            text = _("Nobody knows any more who asked #{number}.", number=question.number)
        else:
            text = _(
                "#{number} was asked by <@{user_id}> ({name}). This look is recorded.",
                number=question.number,
                user_id=question.author_id,
                name=one_line(name or "?"),
            )
        await tell(interaction, text)
