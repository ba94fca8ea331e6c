"""What a speaker agrees to: whether the talk may be recorded, for how long, with the slides."""

from datetime import datetime

from bot.database import Transaction
from bot.guilds import GuildService, Person
from bot.recordings import asking_store, events, store
from bot.recordings.ending import let_go
from bot.recordings.errors import (
    BadDays,
    ConsentRefused,
    LongerThanAgreed,
    NobodyToAsk,
    NotAsked,
    SpeakerOnly,
)
from bot.recordings.model import Consent, GoneWhy
from bot.sessions import Session, SessionService, StaffOnly
from bot.timeline import NewEvent, Timeline, put_live_message

# The live message that asks, and then tells everybody; its key is the session.
CONSENT = "consent"

MOST_DAYS = 365


class Consents:
    """Asks speakers, and keeps what they said."""

    def __init__(self, timeline: Timeline, guilds: GuildService, sessions: SessionService) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions

    def require_staff(self, by: Person, session: Session) -> None:
        """Let the speaker, note-takers and moderators through.

        Raises:
            StaffOnly: `by` is none of them.
        """
        if not self._sessions.is_staff(by, session):
            raise StaffOnly

    def require_speaker(self, by: Person, session: Session) -> None:
        """Let the one speaker through, who alone can say yes.

        Raises:
            SpeakerOnly: `by` isn't.
        """
        if by.id != session.speaker_ids[0]:
            raise SpeakerOnly

    def default_days(self, guild_id: int) -> int:
        """Return for how long a guild keeps recordings unless told otherwise."""
        return self._guilds.get(guild_id).rules.recording_days

    async def of(self, session: Session) -> Consent:
        """Return what the speaker said; unanswered where they did not."""
        return await self._database.read(asking_store.consent, session)

    async def ask(self, session: Session) -> None:
        """Ask the speaker in the session's channel, once."""

        def work(tx: Transaction) -> None:
            put_live_message(tx, CONSENT, session.id, session.guild_id, session.channel_id)
            self._append(tx, events.CONSENT_ASKED, session, None)

        await self._database.write(work)

    async def answer(
        self, session: Session, by: Person, *, recorded: bool, days: int | None, slides: bool
    ) -> Consent:
        """Write down what the speaker says; a no also ends what was recorded before it.

        Raises:
            SpeakerOnly: `by` isn't the speaker.
            BadDays.
        """
        self.require_speaker(by, session)
        check_days(days)
        at = self._timeline.clock()

        def work(tx: Transaction) -> Consent:
            said = Consent(session.id, session.guild_id, by.id, at, recorded, days, slides)
            self._put(tx, session, said)
            if not recorded:
                for recording in store.of_session(tx, session.id):
                    let_go(self._timeline, tx, recording, GoneWhy.WITHDRAWN, at, by.id)
            return said

        return await self._database.write(work)

    async def require(self, session: Session, by: Person, days: int | None) -> None:
        """Let what was agreed through; who has not been asked is asked now.

        Raises:
            NotAsked, NobodyToAsk, ConsentRefused, LongerThanAgreed, BadDays.
        """
        check_days(days)
        try:
            self._check(await self.of(session), session, by, days)
        except NotAsked:
            await self.ask(session)
            raise

    def use(
        self, tx: Transaction, session: Session, by: Person, days: int | None, at: datetime
    ) -> int | None:
        """Return for how many days something may be kept, None for good.

        A speaker who adds something themselves says yes by it.

        Raises:
            NotAsked, NobodyToAsk, ConsentRefused, LongerThanAgreed.
        """
        said = asking_store.consent(tx, session)
        self._check(said, session, by, days)
        if said.recorded:
            return said.days if days is None else days
        kept = days or self.default_days(session.guild_id)
        consent = Consent(
            session.id, session.guild_id, by.id, at, recorded=True, days=kept, slides=True
        )
        self._put(tx, session, consent)
        return kept

    def _check(self, said: Consent, session: Session, by: Person, days: int | None) -> None:
        speaker_id = session.speaker_ids[0]
        if speaker_id is None:
            raise NobodyToAsk
        if by.id == speaker_id:
            return
        if said.recorded is None:
            raise NotAsked(speaker=f"<@{speaker_id}>", channel=f"<#{session.channel_id}>")
        if not said.recorded:
            raise ConsentRefused
        if days is not None and said.days is not None and days > said.days:
            raise LongerThanAgreed(days=said.days)

    def _put(self, tx: Transaction, session: Session, said: Consent) -> None:
        asking_store.put_consent(tx, said)
        if said.recorded:
            # Everybody is told; where nobody was asked in the channel this is a new message.
            put_live_message(tx, CONSENT, session.id, session.guild_id, session.channel_id)
        self._append(tx, events.CONSENTED, session, said.speaker_id, recorded=said.recorded)

    def _append(
        self, tx: Transaction, kind: str, session: Session, by_id: int | None, **data: object
    ) -> None:
        self._timeline.append(
            tx,
            NewEvent(kind, session.guild_id, session.id, session.channel_id, by_id, data),
        )


def check_days(days: int | None) -> None:
    """Let a number of days through.

    Raises:
        BadDays.
    """
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise BadDays(most=MOST_DAYS)
