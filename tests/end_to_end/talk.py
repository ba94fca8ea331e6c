"""A talk in a guild of its own: its people, its channel, and what they do there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bot.localization import Words, words
from tests.end_to_end.driver import Json, Page, until
from tests.end_to_end.process import Bot
from tests.patience import LONG_SECONDS

TAKEN, EMPTY, LATER, ANSWERED, SUPPLEMENT = "📝", "✏️", "⏳", "✅", "💬"

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def nodes(node: Any) -> Iterator[Json]:
    """Walk all mappings in a payload."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for item in node:
            yield from nodes(item)


def text_of(message: Json) -> str:
    """Return all a message says: its content, and the texts among its components."""
    shown = [
        node["content"]
        for node in nodes(message.get("components") or [])
        if isinstance(node.get("content"), str)
    ]
    return "\n".join([message.get("content") or "", *shown]).strip()


def said(record: Json) -> str:
    """Return what an interaction was answered."""
    return "\n".join(text_of(message) for message in record["messages"])


def controls(message: Json) -> dict[str, Json]:
    """Return a message's buttons and selects by custom id."""
    return {
        node["custom_id"]: node
        for node in nodes(message.get("components") or [])
        if "custom_id" in node
    }


def fields(record: Json) -> list[str]:
    """Return the custom ids of a modal's fields, in order."""
    return [
        node["custom_id"]
        for node in nodes(record["modal"]["components"])
        if "custom_id" in node and node.get("type") not in {1, 18}
    ]


def is_japanese(text: str) -> bool:
    """Whether a text has Japanese letters in it."""
    return _JAPANESE.search(text) is not None


@dataclass
class Talk:
    """A guild, a channel in it, and people."""

    page: Page
    bot: Bot
    guild: str
    channel: str
    speaker: str
    moderator: str
    note_taker: str
    attendees: list[str]
    locale: str = "ja"
    staff: str | None = None
    session_id: int = 0

    @property
    def words(self) -> Words:
        """The words of what everybody sees."""
        return words(self.locale)

    async def start(
        self, title: str = "仮想マシン入門", *, by: str | None = None, **options: Any
    ) -> int:
        """Start a session, and wait for its board."""
        by = by or self.speaker
        record = await self.page.slash(by, self.channel, "session start", title=title, **options)
        assert record["state"] == "replied", record
        self.session_id = self.session()["id"]
        await self.board()
        return self.session_id

    def session(self) -> Json:
        """Return the row of the channel's newest session."""
        return self.bot.rows(
            "SELECT * FROM sessions WHERE channel_id = ? ORDER BY id DESC LIMIT 1",
            int(self.channel),
        )[0]

    async def ask(self, person: str, content: str, **more: Any) -> Json:
        """Post a message in the channel."""
        return await self.page.send(person, self.channel, content, **more)

    async def taken(self, person: str, content: str, **more: Any) -> Json:
        """Post a question and wait until it is kept; return the message."""
        message = await self.ask(person, content, **more)
        await until(lambda: self.of_message(message))
        return message

    def questions(self, *states: str) -> list[Json]:
        """Return the session's questions by number."""
        found = self.bot.rows(
            "SELECT * FROM questions WHERE session_id = ? ORDER BY number", self.session_id
        )
        return [row for row in found if not states or row["state"] in states]

    def bodies(self, *states: str) -> list[str]:
        """Return their texts."""
        return [row["body"] for row in self.questions(*states)]

    def of_message(self, message: Json) -> list[Json]:
        """Return the questions that stand in a message."""
        return self.bot.rows(
            "SELECT * FROM questions WHERE message_id = ? ORDER BY ordinal", int(message["id"])
        )

    def question(self, number: int) -> Json:
        """Return question #number."""
        found = self.questions()
        of_number = [row for row in found if row["number"] == number]
        assert of_number, f"no #{number} in {found}\n{self.bot.tail()}"
        return of_number[0]

    def answers(self, number: int) -> list[Json]:
        """Return the standing answers of question #number."""
        return self.bot.rows(
            "SELECT * FROM answers WHERE question_id = ? AND deleted_at IS NULL ORDER BY id",
            self.question(number)["id"],
        )

    async def message(self, channel: str, message_id: str, *, person: str | None = None) -> Json:
        """Return a message as a person sees it now.

        Raises:
            LookupError: they don't see it.
        """
        before: str | None = str(int(message_id) + 1)
        found = await self.page.history(person or self.moderator, channel, before=before, limit=1)
        for message in found:
            if message["id"] == message_id:
                return message
        raise LookupError(message_id)

    async def marks(self, message: Json, *, person: str | None = None) -> set[str]:
        """Return the emojis on a message."""
        seen = await self.message(message["channel_id"], message["id"], person=person)
        return {one["emoji"]["name"] for one in seen.get("reactions", [])}

    async def marked(self, message: Json, emoji: str, *, within_s: float = LONG_SECONDS) -> None:
        """Wait until a message carries an emoji."""

        async def look() -> bool:
            return emoji in await self.marks(message)

        await until(look, within_s=within_s)

    def live(self, kind: str, key: int | None = None) -> Json | None:
        """Return the row of a live message that was posted."""
        found = self.bot.rows(
            "SELECT * FROM live_messages WHERE kind = ? AND key = ? AND message_id IS NOT NULL",
            kind,
            key or self.session_id,
        )
        return found[0] if found else None

    async def showing(
        self,
        kind: str = "board",
        holds: Callable[[str], bool] = lambda _text: True,
        *,
        key: int | None = None,
        within_s: float = LONG_SECONDS,
    ) -> Json:
        """Wait until a live message reads like that, and return it as the moderator sees it."""
        last = "nothing"

        async def look() -> Json | None:
            nonlocal last
            row = self.live(kind, key)
            if row is None:
                return None
            try:
                message = await self.message(str(row["channel_id"]), str(row["message_id"]))
            except LookupError:
                return None
            last = text_of(message)
            return message if holds(last) else None

        try:
            return await until(look, within_s=within_s)
        except AssertionError:
            raise AssertionError(f"the {kind} reads:\n{last}") from None

    async def board(self, holds: Callable[[str], bool] = lambda _text: True) -> Json:
        """Wait until the board reads like that."""
        return await self.showing("board", holds)

    def count(self, state: str, number: int) -> str:
        """Return how the board writes a count: Open, Answered, Missed, Pending."""
        return self.words(f"{state} {{n}}", n=number)

    async def press(
        self,
        person: str,
        verb: str,
        arg: int | None = None,
        *,
        on: Json | None = None,
        wait: bool = True,
    ) -> Json:
        """Press a control of the board (or of another message)."""
        message = on or await self.board()
        if not message["flags"] & 64:  # A live one may have been edited since: press what it shows.
            message = await self.message(message["channel_id"], message["id"])
        custom_id = f"do:{verb}:{self.session_id}" + (f":{arg}" if arg is not None else "")
        shown = (one for one in controls(message) if one.split(":")[:3] == custom_id.split(":")[:3])
        if arg is None:
            custom_id = next(shown, custom_id)
        return await self.page.click(
            person, message["channel_id"], message["id"], custom_id, wait=wait
        )

    async def choose(
        self, person: str, verb: str, value: int | str, *, on: Json | None = None, arg: int = 0
    ) -> Json:
        """Choose in a select of the board (or of another message)."""
        message = on or await self.board()
        custom_id = f"choose:{verb}:{self.session_id}" + (f":{arg}" if arg else "")
        return await self.page.select(
            person, message["channel_id"], message["id"], custom_id, [str(value)]
        )

    async def vote(self, person: str, number: int, *, on: Json | None = None) -> Json:
        """Choose a question in the ▲ of the board."""
        return await self.choose(person, "vote", self.question(number)["id"], on=on)

    async def fill_in(self, person: str, record: Json, *values: Any) -> Json:
        """Send the modal an interaction opened, with values in the order of its fields."""
        assert record["state"] == "modal", record
        given = dict(zip(fields(record), values, strict=False))
        answer = await self.page.submit(person, record["id"], given)
        assert answer["state"] in {"replied", "modal"}, f"{answer}\n{self.bot.tail()}"
        return answer


async def make_talk(
    page: Page,
    bot: Bot,
    *,
    locale: str = "ja",
    name: str = "夜話",
    attendees: int = 3,
    locales: Sequence[str] = (),
    staff: bool = False,
) -> Talk:
    """Make a guild with a channel and people, and wait until the bot knows it."""
    guild = await page.guild(name, locale=locale)
    manages = await page.role(guild, "運営", ["MANAGE_MESSAGES", "MANAGE_GUILD"])
    notes = await page.role(guild, "書記")
    channel = await page.channel(guild, "talk")
    moderator = await page.person("mod", guild, roles=[manages], locale=locale)
    people = [
        await page.person(
            f"person{number}",
            guild,
            locale=locales[number] if number < len(locales) else locale,
        )
        for number in range(attendees)
    ]
    talk = Talk(
        page=page,
        bot=bot,
        guild=guild,
        channel=channel,
        speaker=await page.person("speaker", guild, locale=locale),
        moderator=moderator,
        note_taker=await page.person("notes", guild, roles=[notes], locale=locale),
        attendees=people,
        locale=locale,
    )
    await configure(talk, "note_taker_role_id", notes)
    if staff:
        talk.staff = await page.channel(guild, "staff")
        await page.overwrite(talk.staff, guild, deny=["VIEW_CHANNEL"])
        for person in (talk.speaker, talk.moderator, talk.note_taker):
            await page.overwrite(talk.staff, person, allow=["VIEW_CHANNEL"])
        bot_id = (await page.hello())["bot"]["id"]
        await page.overwrite(talk.staff, bot_id, allow=["VIEW_CHANNEL"])
        await configure(talk, "staff_channel_id", talk.staff)
    return talk


async def configure(talk: Talk, column: str, value: str) -> None:
    """Choose something on the card of /setup."""
    card = await talk.page.slash(talk.moderator, talk.channel, "setup")
    assert card["state"] == "replied", card
    changed = await talk.page.select(
        talk.moderator, talk.channel, card["messages"][0]["id"], f"setup:{column}", [value]
    )
    assert changed["state"] == "replied", changed
    assert talk.bot.rows("SELECT * FROM guilds WHERE guild_id = ?", int(talk.guild))[0][column]
