"""`/lab top`, `graph`, `compare`, `leaders`, `report`: what the lab really uses."""

from datetime import timedelta
from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.lab import Instance
from bot.sessions import Session
from cogs.kit import Interaction, Services, T, guild_id_of
from cogs.usage.choices import ChosenHost, SeenInstance
from cogs.usage.compare import send_comparison
from cogs.usage.graphs import Wanted, send_graph
from cogs.usage.leaders import send_leaders
from cogs.usage.reports import send_report
from cogs.usage.standing import is_for_everybody
from cogs.usage.tops import post_top, send_top
from cogs.visible import ChosenSession, latest

AnInstance = app_commands.Transform[Instance, SeenInstance]
AHost = app_commands.Transform[str, ChosenHost]
ASession = app_commands.Transform[Session, ChosenSession]

_MINUTES = 15
# What is kept by the minute.
_MOST_MINUTES = 30 * 24 * 60


class UsageCog(commands.Cog):
    """What the lab's machines and instances use."""

    def __init__(self, services: Services, group: app_commands.Group) -> None:
        """Put the commands into `group`: `/lab`, which the lab's own cog brings along."""
        self._services = services
        self._lab = services.lab
        for name, text, does in (
            ("top", T("What the lab uses right now, live"), self.top),
            ("graph", T("A picture of what an instance, a host or the session used"), self.graph),
            ("compare", T("One instance beside another: which costs what"), self.compare),
            ("leaders", T("Who uses most, with freeze and kill (staff)"), self.leaders),
            ("report", T("What each used in all: graph, figures, CSV and JSON"), self.report),
        ):
            command = app_commands.Command[Any, ..., Any](
                name=name, description=text, callback=does
            )
            group.add_command(command)

    @app_commands.describe(
        public=T("For everybody here (staff; in a talk theirs are unless you say no)")
    )
    async def top(self, interaction: Interaction, public: bool | None = None) -> None:
        """Show machines and instances, live for ten minutes."""
        self._lab.access.require_lab(guild_id_of(interaction))
        if is_for_everybody(interaction, public):
            await post_top(interaction)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        await send_top(interaction)

    @app_commands.describe(
        instance=T("This instance"),
        host=T("This machine of the lab"),
        session=T("All of this session; left out: the one here"),
        minutes=T("The last so many minutes (15 if left out)"),
        public=T("For everybody here (staff; in a talk theirs are unless you say no)"),
    )
    async def graph(
        self,
        interaction: Interaction,
        instance: AnInstance | None = None,
        host: AHost | None = None,
        session: ASession | None = None,
        minutes: app_commands.Range[int, 1, _MOST_MINUTES] = _MINUTES,
        public: bool | None = None,
    ) -> None:
        """Draw it."""
        self._lab.access.require_lab(guild_id_of(interaction))
        over = timedelta(minutes=minutes)
        await send_graph(interaction, Wanted(instance, host, session, over), public)

    @app_commands.describe(
        a=T("The one, such as a container"),
        b=T("The other, such as a virtual machine"),
        public=T("For everybody here (staff; in a talk theirs are unless you say no)"),
    )
    async def compare(
        self,
        interaction: Interaction,
        a: AnInstance,
        b: AnInstance,
        public: bool | None = None,
    ) -> None:
        """Show both side by side, and have both do the same work."""
        await send_comparison(interaction, a, b, public)

    async def leaders(self, interaction: Interaction) -> None:
        """Show who uses most, privately."""
        self._lab.access.require_lab(guild_id_of(interaction))
        await send_leaders(interaction)

    @app_commands.describe(
        session=T("Which session; left out: the one here, or the last one"),
        public=T("For everybody here (staff only); without attendees' private ones"),
    )
    async def report(
        self,
        interaction: Interaction,
        session: ASession | None = None,
        public: bool = False,
    ) -> None:
        """Write the report of what a session used until now."""
        self._lab.access.require_lab(guild_id_of(interaction))
        await send_report(interaction, session or await latest(interaction), public)
