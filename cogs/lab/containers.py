"""`/container`: containers from the chat."""

from datetime import timedelta

from discord import app_commands, ui
from discord.ext import commands

from bot.lab import (
    Instance,
    Kind,
    LaunchRequest,
    Port,
    parse_command,
    parse_cpus,
    parse_duration,
    parse_environment,
    parse_ports,
    parse_size,
)
from cogs.controls import Lasting
from cogs.kit import (
    Interaction,
    Services,
    T,
    guild_id_of,
    in_time,
    person_of,
    session_here,
    tell,
    words_for,
)
from cogs.lab.choices import ChosenInstance, Read, what_to_run
from cogs.lab.following import Following, until_over
from cogs.lab.look import addresses
from cogs.lab.meters import exact
from cogs.lab.mine import listing, send_card
from cogs.lab.output import posting, send_logs, send_result
from cogs.lab.tables import details, processes

AContainer = app_commands.Transform[Instance, ChosenInstance(Kind.CONTAINER)]
Ports = app_commands.Transform[tuple[Port, ...], Read(parse_ports, "80:80", "8080:8080")]
Environment = app_commands.Transform[dict[str, str], Read(parse_environment)]
Cpus = app_commands.Transform[float, Read(parse_cpus, "0.25", "0.5", "1", "2")]
Memory = app_commands.Transform[int, Read(parse_size, "64M", "128M", "256M", "512M", "1G")]
Duration = app_commands.Transform[timedelta, Read(parse_duration, "10m", "30m", "1h", "2h")]
Command = app_commands.Transform[tuple[str, ...], Read(parse_command)]

_LINES = 50


class ContainersCog(commands.Cog):
    """Starts, shows and ends containers."""

    group = app_commands.Group(
        name="container", description=T("Containers on the lab's host"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._instances = services.lab.instances
        self._following = Following(services)

    async def cog_unload(self) -> None:
        """Leave launches that are shown to the live editor."""
        await self._following.close()

    @group.command(name="run", description=T("Start a container; a missing image is pulled"))
    @app_commands.describe(
        image=T("A template of the catalogue, or an image"),
        name=T("Its name; left out: I make one up"),
        ports=T("Ports like 80:80; which port of the host it gets stands on the card"),
        command=T("What to run in it instead of the image's own"),
        env=T("Environment like KEY=value OTHER='two words'"),
        cpus=T("How many CPUs it may use, like 0.5"),
        memory=T("How much memory it may use, like 256M"),
        lifetime=T("How long it stays, like 30m"),
    )
    @app_commands.autocomplete(image=what_to_run)
    async def run(
        self,
        interaction: Interaction,
        image: app_commands.Range[str, 1, 200],
        name: app_commands.Range[str, 1, 32] | None = None,
        ports: Ports | None = None,
        command: Command | None = None,
        env: Environment | None = None,
        cpus: Cpus | None = None,
        memory: Memory | None = None,
        lifetime: Duration | None = None,
    ) -> None:
        """Ask for a launch, then show how it goes."""
        request = LaunchRequest(
            session=session_here(interaction),
            channel_id=interaction.channel_id or 0,
            by=person_of(interaction.user),
            what=image,
            name=name,
            ports=ports,
            command=command or (),
            environment=env,
            cpus=cpus,
            memory_bytes=memory,
            lifetime=lifetime,
        )
        async with in_time(interaction):
            instance = await self._services.lab.launcher.request(request)
        await self._following.begin(interaction, instance)

    @group.command(name="list", description=T("The containers you may see"))
    async def list(self, interaction: Interaction) -> None:
        """List public ones and one's own, to staff all; choosing one shows its card."""
        by = person_of(interaction.user)
        guild_id = guild_id_of(interaction)
        found = await self._instances.visible(guild_id, by)
        theirs = await self._instances.visible(guild_id, by, theirs=True)
        await tell(interaction, view=listing(interaction, found, theirs))

    @group.command(name="stats", description=T("What a container uses right now"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def stats(self, interaction: Interaction, instance: AContainer) -> None:
        """Show one exact reading, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        figures = await self._instances.figures(instance, exact=True)
        text = exact(instance, figures, self._services.clock(), words_for(interaction))
        view = Lasting(ui.TextDisplay(text), *await posting(interaction, instance))
        await tell(interaction, view=view)

    @group.command(name="logs", description=T("What a container printed last"))
    @app_commands.rename(instance="name")
    @app_commands.describe(
        instance=T("Which one"),
        lines=T("How many lines at most (50 if left out)"),
        since=T("Only of the last while, like 10m"),
    )
    async def logs(
        self,
        interaction: Interaction,
        instance: AContainer,
        lines: app_commands.Range[int, 1, 5000] = _LINES,
        since: Duration | None = None,
    ) -> None:
        """Show the last lines, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        by = person_of(interaction.user)
        printed = await self._services.lab.insides.logs(instance, by, lines=lines, since=since)
        await send_logs(interaction, instance, printed, lines)

    @group.command(name="exec", description=T("Run a command in a container"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"), command=T("The command, like ls -l /"))
    async def execute(
        self,
        interaction: Interaction,
        instance: AContainer,
        command: app_commands.Range[str, 1, 2000],
    ) -> None:
        """Show its output, exit code and time, privately."""
        words = parse_command(command)
        await interaction.response.defer(ephemeral=True, thinking=True)
        result = await self._services.lab.insides.execute(
            instance, person_of(interaction.user), words
        )
        await send_result(interaction, instance, command, result)

    @group.command(name="stop", description=T("Stop a container; it stays and can be started"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def stop(self, interaction: Interaction, instance: AContainer) -> None:
        """Stop it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        stopped = await self._instances.stop(instance, person_of(interaction.user))
        await send_card(interaction, stopped)

    @group.command(name="start", description=T("Start a stopped container again"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def start(self, interaction: Interaction, instance: AContainer) -> None:
        """Start it again."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        started = await self._instances.start(instance, person_of(interaction.user))
        await send_card(interaction, started)

    @group.command(name="restart", description=T("Stop and start a container"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def restart(self, interaction: Interaction, instance: AContainer) -> None:
        """Restart it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        restarted = await self._instances.restart(instance, person_of(interaction.user))
        await send_card(interaction, restarted)

    @group.command(name="remove", description=T("Remove a container with all that is in it"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def remove(self, interaction: Interaction, instance: AContainer) -> None:
        """Remove it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._services.lab.keeper.take_away(instance, person_of(interaction.user))
        await until_over(self._services.lab, instance)
        await send_card(interaction, instance)

    @group.command(name="extend", description=T("Give a container more time"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def extend(self, interaction: Interaction, instance: AContainer) -> None:
        """Extend its lease."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        extended = await self._instances.extend(instance, person_of(interaction.user))
        await send_card(interaction, extended)

    @group.command(name="inspect", description=T("What a container is, in detail"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def inspect(self, interaction: Interaction, instance: AContainer) -> None:
        """Show a readable part of it, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        address = addresses(self._services).get(instance.host, "")
        text = details(instance, address, words_for(interaction))
        view = Lasting(ui.TextDisplay(text), *await posting(interaction, instance))
        await tell(interaction, view=view)

    @group.command(name="top", description=T("A container's processes, as the host has them"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def top(self, interaction: Interaction, instance: AContainer) -> None:
        """Show its processes with their ids on the host, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        found = await self._services.lab.insides.processes(instance)
        text = processes(instance, found, words_for(interaction))
        view = Lasting(ui.TextDisplay(text), *await posting(interaction, instance))
        await tell(interaction, view=view)
