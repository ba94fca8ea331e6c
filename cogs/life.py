"""The bot's own comings and goings: ready, away, removed from a guild; and who is muted."""

from datetime import UTC, datetime, timedelta

import discord
import structlog
from discord.ext import commands, tasks

from cogs.catch_up import CatchUp
from cogs.kit import Services

log = structlog.get_logger(__name__)

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_ALIVE_SECONDS = 10


class LifeCog(commands.Cog):
    """Keeps what is kept in step with where the bot is."""

    def __init__(self, services: Services, catch_up: CatchUp) -> None:
        self._services = services
        self._catch_up = catch_up
        self._away_since: datetime | None = None

    async def cog_load(self) -> None:
        """Remember when the bot was last here, before it says so again."""
        self._away_since = await self._catch_up.last_alive()

    async def cog_unload(self) -> None:
        """Say for the last time that the bot was here."""
        self._alive.cancel()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Read up on what happened since the bot was last here; may come more than once."""
        client = self._client()
        for guild in client.guilds:
            self._services.guilds.saw_locale(guild.id, guild.preferred_locale)
        await self._end_what_is_gone(client)
        since = self._away_since
        await self._catch_up.run(client, since)
        self._away_since = None
        if not self._alive.is_running():
            self._alive.start()

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        """The gateway is gone: the pause begins now, unless it had begun."""
        if self._away_since is None:
            self._away_since = self._services.clock()

    @commands.Cog.listener()
    async def on_resumed(self) -> None:
        """Discord replays what was missed, but not what is still being read up."""
        if not self._catch_up.is_reading:
            self._away_since = None

    @tasks.loop(seconds=_ALIVE_SECONDS)
    async def _alive(self) -> None:
        if self._away_since is None:
            await self._catch_up.note_alive()

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Learn the guild's language."""
        self._services.guilds.saw_locale(guild.id, guild.preferred_locale)

    @commands.Cog.listener()
    async def on_guild_update(self, _before: discord.Guild, after: discord.Guild) -> None:
        """Learn the guild's language anew."""
        self._services.guilds.saw_locale(after.id, after.preferred_locale)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """End what was open in a guild that removed the bot."""
        await self._services.sessions.guild_gone(guild.id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """End what was open in a deleted channel."""
        await self._services.sessions.channel_gone(channel.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Let go of a deleted thread for late questions."""
        await self._services.sessions.channel_gone(payload.thread_id)

    @commands.Cog.listener()
    async def on_member_ban(
        self, guild: discord.Guild, user: discord.User | discord.Member
    ) -> None:
        """Hide a banned person's questions, and freeze what they have in the lab."""
        await self._mute(guild.id, user.id, _FOREVER)

    @commands.Cog.listener()
    async def on_member_unban(self, guild: discord.Guild, user: discord.User) -> None:
        """Show them again."""
        await self._services.guilds.mute(guild.id, user.id, None)

    @commands.Cog.listener()
    async def on_audit_log_entry_create(self, entry: discord.AuditLogEntry) -> None:
        """Hide the questions of people who are timed out or kicked, and freeze what they run.

        The audit log tells a kick from a leave, and tells of timeouts without the privileged
        members intent; the bot sees it with View Audit Log.
        """
        user_id = getattr(entry.target, "id", None)
        if user_id is None:
            return
        if entry.action is discord.AuditLogAction.kick:
            until = self._services.clock() + timedelta(days=1)
            await self._mute(entry.guild.id, user_id, until)
        elif entry.action is discord.AuditLogAction.member_update and hasattr(
            entry.changes.after, "timed_out_until"
        ):
            await self._mute(entry.guild.id, user_id, entry.changes.after.timed_out_until)

    async def _mute(self, guild_id: int, user_id: int, until: datetime | None) -> None:
        await self._services.guilds.mute(guild_id, user_id, until)
        # Let go on by the lab itself, once they are no longer muted.
        if until is not None:
            await self._services.recordings.revoke_links(guild_id, user_id)
            await self._services.lab.instances.freeze_owner(guild_id, user_id)

    async def _end_what_is_gone(self, client: discord.Client) -> None:
        for session in self._services.sessions.open_sessions():
            guild = client.get_guild(session.guild_id)
            if guild is None:
                await self._services.sessions.guild_gone(session.guild_id)
            elif guild.unavailable is False and guild.get_channel(session.channel_id) is None:
                await self._services.sessions.channel_gone(session.channel_id)

    def _client(self) -> discord.Client:
        return self._services.client()
