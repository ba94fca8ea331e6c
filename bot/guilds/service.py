"""Guild settings, held in memory: this process is the only one that writes them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.database import Transaction
from bot.errors import N_, BadInput, NotAllowed, Term
from bot.guilds import store
from bot.guilds.model import CHOICE_NAMES, CHOICES, Guild, Person, Role, Rules
from bot.localization import locale_of
from bot.settings import Settings
from bot.timeline import NewEvent, Timeline

GUILD_CONFIGURED = "guild.configured"
PERSON_MUTED = "person.muted"


class UnknownTimeZone(BadInput):
    """Not in the tz database."""

    message = N_("I don't know the time zone “{name}”. Write it like Asia/Tokyo.")


class OutOfBounds(BadInput):
    """A number outside its bounds."""

    message = N_("{name} must be between {least} and {most}.")


class QuietBounds(BadInput):
    """The bot must ask before it ends a session."""

    message = N_("A session must be quiet for longer before it ends than before I ask.")


class EveryoneHasIt(BadInput):
    """A role that every member has would let everybody in."""

    message = N_("@everyone can't be chosen: everybody would have that role's rights.")


class NotModerator(NotAllowed):
    """Setting the bot up is for moderators."""

    message = N_("Only moderators can set this up.")


@dataclass(frozen=True, slots=True)
class SetupChange:
    """What `/setup` changes: columns of the guild, and choices (None: back to the default)."""

    columns: dict[str, Any]
    choices: dict[str, int | None]


class GuildService:
    """A guild's choices over the installation's defaults."""

    def __init__(self, timeline: Timeline, settings: Settings) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._settings = settings
        self._rows: dict[int, dict[str, Any]] = {}
        # What Discord says of a guild's language, until the guild chooses one itself.
        self._discord_locales: dict[int, str] = {}
        # Put together once: they are asked for with every question.
        self._guilds: dict[int, Guild] = {}

    async def load(self) -> None:
        """Read all guilds' choices."""
        rows = await self._database.read(store.all_guilds)
        self._rows = {row["guild_id"]: row for row in rows}
        self._guilds.clear()

    def saw_locale(self, guild_id: int, tag: object) -> None:
        """Take note of the language Discord gives for a guild."""
        self._discord_locales[guild_id] = locale_of(tag)
        self._guilds.pop(guild_id, None)

    def get(self, guild_id: int) -> Guild:
        """Return a guild's settings; every guild has some."""
        guild = self._guilds.get(guild_id)
        if guild is None:
            guild = self._guilds[guild_id] = self._put_together(guild_id)
        return guild

    def _put_together(self, guild_id: int) -> Guild:
        row = self._rows.get(guild_id, {})
        locale = row.get("locale") or self._default_locale(guild_id)
        return Guild(
            id=guild_id,
            locale=locale,
            time_zone=ZoneInfo(row.get("time_zone") or self._default_zone(locale)),
            rules=self._rules(self.choices(guild_id)),
            staff_channel_id=row.get("staff_channel_id"),
            notes_channel_id=row.get("notes_channel_id"),
            speaker_role_id=row.get("speaker_role_id"),
            moderator_role_id=row.get("moderator_role_id"),
            note_taker_role_id=row.get("note_taker_role_id"),
            lab_role_id=row.get("lab_role_id"),
        )

    def own(self, guild_id: int) -> Mapping[str, Any]:
        """Return what a guild chose itself, by column; None or missing where it didn't."""
        return self._rows.get(guild_id, {})

    def defaults(self) -> Rules:
        """Return the limits of a guild that chose none."""
        return self._rules({})

    def choices(self, guild_id: int) -> dict[str, int]:
        """Return what a guild chose itself, by name."""
        return json.loads(self._rows.get(guild_id, {}).get("choices") or "{}")

    def require_moderator(self, guild_id: int, by: Person) -> None:
        """Let moderators through.

        Raises:
            NotModerator: `by` is none.
        """
        if Role.MODERATOR not in self.get(guild_id).roles_of(by):
            raise NotModerator

    async def configure(self, guild_id: int, by: Person, change: SetupChange) -> Guild:
        """Change a guild's settings.

        Raises:
            NotModerator: `by` is none.
            UnknownTimeZone, OutOfBounds, QuietBounds, EveryoneHasIt: what was chosen can't
                be used.
        """
        self.require_moderator(guild_id, by)
        # Discord gives a guild's role @everyone the guild's own id.
        if any(change.columns.get(column) == guild_id for column in store.ROLE_COLUMNS):
            raise EveryoneHasIt
        _check_zone(change.columns.get("time_zone"))

        def work(tx: Transaction) -> None:
            # From the row, not from memory: two moderators may be at it.
            choices = _changed(store.choices(tx, guild_id), change.choices)
            rules = self._rules(choices)
            if rules.quiet_end <= rules.quiet_ask:
                raise QuietBounds
            store.put(tx, guild_id, change.columns, choices)
            self._timeline.append(
                tx,
                NewEvent(
                    GUILD_CONFIGURED,
                    guild_id,
                    actor_id=by.id,
                    data={"changed": sorted([*change.columns, *change.choices])},
                ),
            )

        await self._database.write(work)
        await self.load()
        return self.get(guild_id)

    async def names(self, guild_id: int, user_ids: Collection[int]) -> dict[int, str]:
        """Return the known display names of some people."""
        return await self._database.read(store.names, guild_id, user_ids)

    async def mute(self, guild_id: int, user_id: int, until: datetime | None) -> None:
        """Hide a person's open questions until then (None: show them again)."""

        def work(tx: Transaction) -> None:
            store.mute(tx, guild_id, user_id, until)
            self._timeline.append(tx, NewEvent(PERSON_MUTED, guild_id))

        await self._database.write(work)

    async def lift_expired_mutes(self) -> None:
        """Show the questions of people whose timeout has run out."""
        now = self._timeline.clock()

        def work(tx: Transaction) -> None:
            for guild_id in store.lift_expired_mutes(tx, now):
                self._timeline.append(tx, NewEvent(PERSON_MUTED, guild_id), now)

        await self._database.write(work)

    def _default_locale(self, guild_id: int) -> str:
        if self._settings.study_bot_locale != "auto":
            return self._settings.study_bot_locale
        return self._discord_locales.get(guild_id, "en")

    def _default_zone(self, locale: str) -> str:
        if self._settings.study_bot_time_zone != "auto":
            return self._settings.study_bot_time_zone
        return "Asia/Tokyo" if locale == "ja" else "UTC"

    def _rules(self, chosen: dict[str, int]) -> Rules:
        own = self._settings

        def pick(name: str, default: int) -> int:
            return chosen.get(name, default)

        return Rules(
            open_questions=pick("open_questions", own.study_bot_open_questions),
            question_pace=timedelta(
                seconds=pick("question_pace_seconds", own.study_bot_question_pace_seconds)
            ),
            anonymous=bool(pick("anonymous", own.study_bot_anonymous)),
            anonymous_open=pick("anonymous_open", own.study_bot_anonymous_open),
            late=timedelta(hours=pick("late_hours", own.study_bot_late_hours)),
            quiet_ask=timedelta(minutes=pick("quiet_ask_minutes", own.study_bot_quiet_ask_minutes)),
            quiet_end=timedelta(minutes=pick("quiet_end_minutes", own.study_bot_quiet_end_minutes)),
            session_length=timedelta(hours=pick("session_hours", own.study_bot_session_hours)),
            show_names=bool(pick("show_names", own.study_bot_names_in_exports == "shown")),
            notes_thread=bool(pick("notes_thread", 1)),
            recording_days=pick("recording_days", own.study_bot_recording_days),
        )


def _check_zone(name: str | None) -> None:
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimeZone(name=name) from error


def _changed(choices: dict[str, int], changes: dict[str, int | None]) -> dict[str, int]:
    for name, value in changes.items():
        least, most = CHOICES[name]
        if value is None:
            choices.pop(name, None)
        elif least <= value <= most:
            choices[name] = value
        else:
            raise OutOfBounds(name=Term(CHOICE_NAMES[name]), least=least, most=most)
    return choices
