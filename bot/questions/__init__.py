"""`Q.` syntax, queue, votes, answers."""

from bot.questions import events
from bot.questions.answer_store import answers_of
from bot.questions.answers import ANSWER_LENGTH, ANSWER_POST, Answers
from bot.questions.asking import ASK_LENGTH, ASK_POST, Asking
from bot.questions.intake import Intake
from bot.questions.model import (
    STATE_NAMES,
    UNFINISHED,
    Answer,
    AnswerReceipt,
    Board,
    Page,
    Question,
    Receipt,
    SeenMessage,
    Source,
    State,
)
from bot.questions.queue import Queue, StaffOnly
from bot.questions.store import attachments, of_author, of_session, question_of
from bot.questions.syntax import ParsedAnswer, ParsedQuestion, parse_answer, parse_questions
from bot.questions.views import Views
from bot.questions.votes import Votes

__all__ = [
    "ANSWER_LENGTH",
    "ANSWER_POST",
    "ASK_LENGTH",
    "ASK_POST",
    "STATE_NAMES",
    "UNFINISHED",
    "Answer",
    "AnswerReceipt",
    "Answers",
    "Asking",
    "Board",
    "Intake",
    "Page",
    "ParsedAnswer",
    "ParsedQuestion",
    "Question",
    "Queue",
    "Receipt",
    "SeenMessage",
    "Source",
    "StaffOnly",
    "State",
    "Views",
    "Votes",
    "answers_of",
    "attachments",
    "events",
    "of_author",
    "of_session",
    "parse_answer",
    "parse_questions",
    "question_of",
]
