"""Who may use the lab, and as what."""

from datetime import timedelta

from bot.database import Transaction
from bot.errors import NotAllowed
from bot.guilds import LEADS, GuildService, Person, Role
from bot.lab import events, store
from bot.lab.catalogue import Catalogue
from bot.lab.errors import (
    LabBanned,
    LabClosed,
    LabOff,
    LabRoleMissing,
    LabRoleUnset,
    ModeratorsOnly,
    NoLab,
    TooNewHere,
)
from bot.lab.model import Instance, LabRole
from bot.sessions import Session, SessionService
from bot.timeline import NewEvent, Timeline


class Access:
    """A guild's lab: whose it is, whether it is open, who is banned. Held in memory."""

    def __init__(
        self,
        timeline: Timeline,
        guilds: GuildService,
        sessions: SessionService,
        catalogue: Catalogue,
        *,
        in_playground: bool,
    ) -> None:
        self._timeline = timeline
        self._database = timeline.database
        self._guilds = guilds
        self._sessions = sessions
        self._catalogue = catalogue
        self._in_playground = in_playground
        self._closed: set[int] = set()
        self._banned: set[tuple[int, int]] = set()

    async def load(self) -> None:
        """Read which labs are closed and who is banned."""
        self._closed = await self._database.read(store.closed_guilds)
        self._banned = await self._database.read(store.bans)

    def has_lab(self, guild_id: int) -> bool:
        """Whether a guild has one at all."""
        return bool(self._catalogue.hosts) and self._catalogue.allows_guild(
            guild_id, in_playground=self._in_playground
        )

    def require_lab(self, guild_id: int) -> None:
        """Let only guilds through that have a lab.

        Raises:
            LabOff: none is set up. NoLab: it isn't this guild's.
        """
        if not self._catalogue.hosts:
            raise LabOff
        if not self.has_lab(guild_id):
            raise NoLab

    def is_closed(self, guild_id: int) -> bool:
        """Whether staff closed it."""
        return guild_id in self._closed

    def is_banned(self, guild_id: int, user_id: int) -> bool:
        """Whether somebody is banned from it."""
        return (guild_id, user_id) in self._banned

    def role(self, person: Person, session: Session) -> LabRole:
        """Say whose limits hold for a person in a session."""
        roles = self._sessions.roles_of(person, session)
        if Role.SPEAKER in roles:
            return LabRole.SPEAKER
        return LabRole.MODERATOR if Role.MODERATOR in roles else LabRole.ATTENDEE

    def is_staff(self, person: Person, instance: Instance, session: Session | None) -> bool:
        """Whether a person runs the talk an instance belongs to."""
        guild = self._guilds.get(instance.guild_id)
        speakers = session.speaker_ids if session is not None else ()
        return bool(guild.roles_of(person, speakers) & LEADS)

    def require_moderator(self, person: Person, guild_id: int) -> None:
        """Let moderators through.

        Raises:
            ModeratorsOnly.
        """
        if Role.MODERATOR not in self._guilds.get(guild_id).roles_of(person):
            raise ModeratorsOnly

    def require_lead(self, person: Person, session: Session) -> None:
        """Let the speaker and moderators through.

        Raises:
            NotAllowed.
        """
        if not self.role(person, session).is_lead:
            raise NotAllowed

    def check(self, person: Person, session: Session) -> LabRole:
        """Let a person launch, and say as what.

        Raises:
            LabOff, NoLab, LabClosed, LabBanned, LabRoleUnset, LabRoleMissing, TooNewHere.
        """
        self.require_lab(session.guild_id)
        if self.is_closed(session.guild_id):
            raise LabClosed
        if self.is_banned(session.guild_id, person.id):
            raise LabBanned
        role = self.role(person, session)
        if not role.is_lead:
            self._check_attendee(person, session.guild_id)
        return role

    def _check_attendee(self, person: Person, guild_id: int) -> None:
        access = self._catalogue.access
        guild = self._guilds.get(guild_id)
        if access.members == "role":
            if guild.lab_role_id is None:
                raise LabRoleUnset
            if guild.lab_role_id not in person.role_ids:
                raise LabRoleMissing(role=f"<@&{guild.lab_role_id}>")
        if access.min_days and person.joined_at is not None:
            since = person.joined_at + timedelta(days=access.min_days)
            if since > self._timeline.clock():
                when = f"<t:{int(since.timestamp())}:f>"
                raise TooNewHere(days=access.min_days, when=when)

    async def set_closed(self, guild_id: int, by: Person, *, closed: bool) -> bool:
        """Close the lab for new launches, or open it; say whether that changed it.

        Raises:
            LabOff, NoLab, ModeratorsOnly.
        """
        self.require_lab(guild_id)
        self.require_moderator(by, guild_id)
        at = self._timeline.clock()
        kind = events.CLOSED if closed else events.OPENED

        def work(tx: Transaction) -> bool:
            changed = store.set_closed(tx, guild_id, by.id, at, closed=closed)
            if changed:
                self._timeline.append(tx, NewEvent(kind, guild_id, actor_id=by.id), at)
            return changed

        changed = await self._database.write(work)
        await self.load()
        return changed

    async def set_banned(self, guild_id: int, user_id: int, by: Person, *, banned: bool) -> bool:
        """Ban somebody from the lab, or let them in again; say whether that changed it.

        Raises:
            LabOff, NoLab, ModeratorsOnly.
        """
        self.require_lab(guild_id)
        self.require_moderator(by, guild_id)
        at = self._timeline.clock()
        kind = events.BANNED if banned else events.UNBANNED

        def work(tx: Transaction) -> bool:
            changed = store.set_banned(tx, guild_id, user_id, by.id, at, banned=banned)
            if changed:
                data = {"user_id": user_id}
                event = NewEvent(kind, guild_id, actor_id=by.id, data=data)
                self._timeline.append(tx, event, at)
            return changed

        changed = await self._database.write(work)
        await self.load()
        return changed
