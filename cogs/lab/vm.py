"""`/vm` and `/iso`: virtual machines from the chat."""

from datetime import timedelta

from discord import app_commands, ui
from discord.ext import commands

from bot.lab import Instance, Kind, LaunchRequest, parse_cpus, parse_duration, parse_size
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
from cogs.lab.choices import (
    Choice,
    ChosenInstance,
    Read,
    choices,
    guest_templates,
    guest_to_create,
    iso_to_insert,
)
from cogs.lab.following import Following, until_over
from cogs.lab.look import look_at
from cogs.lab.mine import listing, send_card
from cogs.lab.output import posting
from cogs.lab.screen import Screens
from cogs.lab.vm_presses import send_console, stop_guest
from cogs.lab.vm_tables import guest_details, iso_list, snapshot_list, template_list

AGuest = app_commands.Transform[Instance, ChosenInstance(Kind.GUEST)]
Cpus = app_commands.Transform[float, Read(parse_cpus, "0.5", "1", "2", "4")]
Memory = app_commands.Transform[int, Read(parse_size, "128M", "256M", "512M", "1G", "2G")]
Disk = app_commands.Transform[int, Read(parse_size, "1G", "4G", "10G", "20G")]
Duration = app_commands.Transform[timedelta, Read(parse_duration, "10m", "30m", "1h", "2h")]
SnapshotName = app_commands.Range[str, 1, 32]

_LINES = 50


class VmCog(commands.Cog):
    """Creates, shows and ends virtual machines."""

    group = app_commands.Group(
        name="vm", description=T("Virtual machines on the lab's host"), guild_only=True
    )
    template = app_commands.Group(
        name="template", description=T("What virtual machines start from"), parent=group
    )
    snapshot = app_commands.Group(
        name="snapshot", description=T("Moments of a virtual machine to go back to"), parent=group
    )
    isos = app_commands.Group(
        name="iso", description=T("ISOs that virtual machines start from"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._instances = services.lab.instances
        self._guests = services.lab.guests
        # Names of snapshots as they were last seen: nobody is asked while somebody types.
        self._snapshots: dict[int, list[str]] = {}
        self._following = Following(services)
        self._screens = Screens(services)

    async def cog_unload(self) -> None:
        """Leave launches that are shown to the live editor; live pictures end."""
        await self._following.close()
        await self._screens.close()

    @group.command(name="create", description=T("Create a virtual machine and start it"))
    @app_commands.describe(
        template=T("What it starts from: see /vm template list"),
        name=T("Its name; left out: I make one up"),
        cpus=T("How many CPUs it may use, like 0.5"),
        memory=T("How much memory it has, like 512M"),
        disk=T("How large its disk is, like 4G"),
        iso=T("What is in its CD drive: see /iso list"),
        lifetime=T("How long it stays, like 30m"),
    )
    @app_commands.autocomplete(template=guest_to_create, iso=iso_to_insert)
    async def create(
        self,
        interaction: Interaction,
        template: app_commands.Range[str, 1, 100],
        name: app_commands.Range[str, 1, 32] | None = None,
        cpus: Cpus | None = None,
        memory: Memory | None = None,
        disk: Disk | None = None,
        iso: app_commands.Range[str, 1, 100] | None = None,
        lifetime: Duration | None = None,
    ) -> None:
        """Ask for a launch, then show how it goes."""
        request = LaunchRequest(
            session=session_here(interaction),
            channel_id=interaction.channel_id or 0,
            by=person_of(interaction.user),
            what=template,
            name=name,
            cpus=cpus,
            memory_bytes=memory,
            lifetime=lifetime,
            kind=Kind.GUEST,
            disk_bytes=disk,
            iso=iso,
        )
        async with in_time(interaction):
            instance = await self._services.lab.launcher.request(request)
        await self._following.begin(interaction, instance)

    @template.command(name="list", description=T("The virtual machines you can create here"))
    async def list_templates(self, interaction: Interaction) -> None:
        """List them, privately."""
        self._services.lab.access.require_lab(guild_id_of(interaction))
        text = template_list(guest_templates(interaction), words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @isos.command(name="list", description=T("The ISOs of the lab's catalogue"))
    async def list_isos(self, interaction: Interaction) -> None:
        """List them, privately."""
        self._services.lab.access.require_lab(guild_id_of(interaction))
        text = iso_list(self._guests.isos(), words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @group.command(name="list", description=T("The virtual machines you may see"))
    async def list_guests(self, interaction: Interaction) -> None:
        """List public ones and one's own, to staff all; choosing one shows its card."""
        by = person_of(interaction.user)
        guild_id = guild_id_of(interaction)
        found = await self._instances.visible(guild_id, by)
        theirs = await self._instances.visible(guild_id, by, theirs=True)
        await tell(interaction, view=listing(interaction, found, theirs, Kind.GUEST))

    @group.command(name="start", description=T("Start a stopped virtual machine again"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def start(self, interaction: Interaction, instance: AGuest) -> None:
        """Start it again."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await send_card(
            interaction, await self._instances.start(instance, person_of(interaction.user))
        )

    @group.command(name="stop", description=T("Shut a virtual machine down; it can be started"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def stop(self, interaction: Interaction, instance: AGuest) -> None:
        """Shut it down, by force where it doesn't heed that in time."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        note = await stop_guest(interaction, instance)
        await send_card(interaction, instance)
        if note:
            await tell(interaction, note)

    @group.command(name="force-stop", description=T("Pull a virtual machine's plug"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def force_stop(self, interaction: Interaction, instance: AGuest) -> None:
        """End it at once."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.force_stop(instance, person_of(interaction.user))
        await send_card(interaction, instance)

    @group.command(name="reboot", description=T("Restart a virtual machine's system"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def reboot(self, interaction: Interaction, instance: AGuest) -> None:
        """Reboot it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.reboot(instance, person_of(interaction.user))
        await send_card(interaction, instance)

    @group.command(name="pause", description=T("Stop a virtual machine's processors for now"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def pause(self, interaction: Interaction, instance: AGuest) -> None:
        """Pause it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.pause(instance, person_of(interaction.user))
        await send_card(interaction, instance)

    @group.command(name="resume", description=T("Let a paused virtual machine go on"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def resume(self, interaction: Interaction, instance: AGuest) -> None:
        """Resume it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.resume(instance, person_of(interaction.user))
        await send_card(interaction, instance)

    @group.command(name="delete", description=T("Delete a virtual machine with its disk"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def delete(self, interaction: Interaction, instance: AGuest) -> None:
        """Delete it, with its disk, seed and snapshots."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._services.lab.keeper.take_away(instance, person_of(interaction.user))
        await until_over(self._services.lab, instance)
        await send_card(interaction, instance)

    @group.command(name="extend", description=T("Give a virtual machine more time"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def extend(self, interaction: Interaction, instance: AGuest) -> None:
        """Extend its lease."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await send_card(
            interaction, await self._instances.extend(instance, person_of(interaction.user))
        )

    @group.command(name="info", description=T("What a virtual machine is, in detail"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def info(self, interaction: Interaction, instance: AGuest) -> None:
        """Show all there is to know of it, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        look = await look_at(self._services, instance, figures=False, login=True)
        text = guest_details(look, words_for(interaction))
        await tell(
            interaction,
            view=Lasting(ui.TextDisplay(text), *await posting(interaction, instance)),
        )

    @group.command(name="console", description=T("What a virtual machine printed last"))
    @app_commands.rename(instance="name")
    @app_commands.describe(
        instance=T("Which one"), lines=T("How many lines at most (50 if left out)")
    )
    async def console(
        self,
        interaction: Interaction,
        instance: AGuest,
        lines: app_commands.Range[int, 1, 1000] = _LINES,
    ) -> None:
        """Show the last lines of its serial console, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await send_console(interaction, instance, lines)

    @group.command(name="screen", description=T("A virtual machine's screen, with keys to press"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def screen(self, interaction: Interaction, instance: AGuest) -> None:
        """Show its screen: to everybody where the virtual machine is public."""
        await self._screens.begin(interaction, instance)

    @snapshot.command(name="create", description=T("Keep this moment of a virtual machine"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"), snapshot=T("What to call the snapshot"))
    async def create_snapshot(
        self, interaction: Interaction, instance: AGuest, snapshot: SnapshotName
    ) -> None:
        """Make a snapshot and list them."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.create_snapshot(instance, person_of(interaction.user), snapshot)
        await self._send_snapshots(interaction, instance)

    @snapshot.command(name="list", description=T("A virtual machine's snapshots"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def list_snapshots(self, interaction: Interaction, instance: AGuest) -> None:
        """List them, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._send_snapshots(interaction, instance)

    @snapshot.command(name="revert", description=T("Go back to a snapshot; the rest is lost"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"), snapshot=T("The snapshot's name"))
    async def revert(
        self, interaction: Interaction, instance: AGuest, snapshot: SnapshotName
    ) -> None:
        """Go back and show the card."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.revert(instance, person_of(interaction.user), snapshot)
        await send_card(interaction, instance)

    @snapshot.command(name="delete", description=T("Forget a snapshot; what is now stays"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"), snapshot=T("The snapshot's name"))
    async def delete_snapshot(
        self, interaction: Interaction, instance: AGuest, snapshot: SnapshotName
    ) -> None:
        """Delete a snapshot and list those that are left."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._guests.delete_snapshot(instance, person_of(interaction.user), snapshot)
        await self._send_snapshots(interaction, instance)

    async def _send_snapshots(self, interaction: Interaction, instance: Instance) -> None:
        found = await self._guests.snapshots(instance)
        self._snapshots[instance.id] = [one.name for one in found]
        text = snapshot_list(instance, found, words_for(interaction))
        await tell(interaction, view=Lasting(ui.TextDisplay(text)))

    @revert.autocomplete("snapshot")
    @delete_snapshot.autocomplete("snapshot")
    async def _offer_snapshots(self, interaction: Interaction, typed: str) -> list[Choice]:
        """Offer those of the guest that was named, if it is the person's to act on."""
        known = self._services.lab.directory.theirs(
            guild_id_of(interaction), person_of(interaction.user)
        )
        named = str(interaction.namespace.name or "").strip().casefold()
        names = [
            name for one in known if one.name == named for name in self._snapshots.get(one.id, ())
        ]
        return choices(typed, ((name, name) for name in names))
