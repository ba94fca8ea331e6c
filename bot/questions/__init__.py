"""`Q.` syntax, queue, votes, answers."""

from bot.questions import events
from bot.questions.answers import ANSWER_LENGTH, ANSWER_POST, Answers
from bot.questions.intake import ASK_LENGTH, ASK_POST, Intake
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
from bot.questions.store import answers, attachments, of_author, of_session, question_of
from bot.questions.syntax import ParsedAnswer, ParsedQuestion, parse_answer, parse_questions
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
    "Votes",
    "answers",
    "attachments",
    "events",
    "of_author",
    "of_session",
    "parse_answer",
    "parse_questions",
    "question_of",
]
