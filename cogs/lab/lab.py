"""`/lab`: one's own instances, and what staff do for all of them."""

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.lab import Instance
from cogs.controls import Lasting, Press, button, handles, row
from cogs.kit import (
    Interaction,
    Services,
    T,
    guild_id_of,
    in_time,
    leads_here,
    person_of,
    services_of,
    session_here,
    tell,
    words_for,
)
from cogs.lab.choices import ChosenInstance
from cogs.lab.following import until_over
from cogs.lab.layers import layers_text
from cogs.lab.mine import mine, send_card
from cogs.lab.output import posting
from cogs.lab.status import audit_text, status_text
from cogs.text import one_line

AnInstance = app_commands.Transform[Instance, ChosenInstance()]


class LabCog(commands.Cog):
    """The lab as a whole."""

    group = app_commands.Group(
        name="lab", description=T("The lab: yours in it, and how it stands"), guild_only=True
    )

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lab = services.lab

    @group.command(name="mine", description=T("Your own instances, with fresh figures"))
    async def mine(self, interaction: Interaction) -> None:
        """Show one's own, privately."""
        self._lab.access.require_lab(guild_id_of(interaction))
        await interaction.response.defer(ephemeral=True, thinking=True)
        await tell(interaction, view=await mine(interaction))

    @group.command(name="status", description=T("How the lab stands: hosts, room, queue"))
    async def status(self, interaction: Interaction) -> None:
        """Show whether its hosts answer and who waits, privately."""
        guild_id = guild_id_of(interaction)
        self._lab.access.require_lab(guild_id)
        standing = await self._lab.standings.now(guild_id)
        await tell(
            interaction,
            status_text(
                standing,
                words_for(interaction),
                user_id=interaction.user.id,
                is_closed=self._lab.access.is_closed(guild_id),
                with_proofs=leads_here(interaction),
            ),
        )

    @group.command(
        name="layers", description=T("What lies under an instance, from the hardware up")
    )
    @app_commands.describe(instance=T("Which one; left out: what lies under any of them"))
    async def layers(self, interaction: Interaction, instance: AnInstance | None = None) -> None:
        """Show the layers as they were really found, privately; staff can post them."""
        self._lab.access.require_lab(guild_id_of(interaction))
        text = layers_text(self._services, instance, words_for(interaction))
        posts = await posting(interaction, instance) if instance is not None else []
        await tell(interaction, view=Lasting(ui.TextDisplay(text), *posts))

    @group.command(name="close", description=T("No new launches from now on"))
    async def close(self, interaction: Interaction) -> None:
        """Close it; what runs goes on."""
        guild_id = guild_id_of(interaction)
        async with in_time(interaction):
            await self._lab.access.set_closed(guild_id, person_of(interaction.user), closed=True)
        _ = words_for(interaction)
        await tell(interaction, _("The lab is closed: nothing new starts. What runs goes on."))

    @group.command(name="open", description=T("Allow launches again"))
    async def open(self, interaction: Interaction) -> None:
        """Open it again."""
        guild_id = guild_id_of(interaction)
        async with in_time(interaction):
            await self._lab.access.set_closed(guild_id, person_of(interaction.user), closed=False)
        _ = words_for(interaction)
        await tell(interaction, _("The lab is open."))

    @group.command(name="clear", description=T("Remove everything of this session, after asking"))
    async def clear(self, interaction: Interaction) -> None:
        """Ask once more."""
        session = session_here(interaction)
        self._lab.access.require_lab(session.guild_id)
        self._lab.access.require_lead(person_of(interaction.user), session)
        up, waiting = await self._lab.instances.roster(session)
        _ = words_for(interaction)
        text = _(
            "Remove everything of “{title}” from the lab? {up} up, {waiting} waiting. What is in"
            " them is lost.",
            title=one_line(session.title),
            up=up,
            waiting=waiting,
        )
        yes = button("lab_clear", session.id, _("Remove all"), style=discord.ButtonStyle.danger)
        await tell(interaction, view=Lasting(ui.TextDisplay(text), row(yes)))

    @group.command(name="ban", description=T("Keep somebody out of the lab; freeze what they have"))
    @app_commands.describe(member=T("Who"))
    async def ban(self, interaction: Interaction, member: discord.User) -> None:
        """Ban somebody from the lab."""
        guild_id, by = guild_id_of(interaction), person_of(interaction.user)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._lab.access.set_banned(guild_id, member.id, by, banned=True)
        frozen = await self._lab.instances.freeze_owner(guild_id, member.id, "staff")
        _ = words_for(interaction)
        text = _("{mention} can't use the lab any more.", mention=member.mention)
        if frozen:
            text += " " + _.plural("{n} instance is frozen.", "{n} instances are frozen.", frozen)
        await tell(interaction, text)

    @group.command(name="unban", description=T("Let somebody into the lab again"))
    @app_commands.describe(member=T("Who"))
    async def unban(self, interaction: Interaction, member: discord.User) -> None:
        """Lift a ban; what was frozen stays frozen."""
        guild_id, by = guild_id_of(interaction), person_of(interaction.user)
        async with in_time(interaction):
            await self._lab.access.set_banned(guild_id, member.id, by, banned=False)
        _ = words_for(interaction)
        text = _(
            "{mention} can use the lab again. What was frozen goes on with /lab thaw.",
            mention=member.mention,
        )
        await tell(interaction, text)

    @group.command(name="freeze", description=T("Freeze somebody's instance where it is"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def freeze(self, interaction: Interaction, instance: AnInstance) -> None:
        """Freeze its processes."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        by = person_of(interaction.user)
        await send_card(interaction, await self._lab.instances.freeze(instance, by, "staff"))

    @group.command(name="thaw", description=T("Let a frozen instance go on"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def thaw(self, interaction: Interaction, instance: AnInstance) -> None:
        """Let its processes go on."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        by = person_of(interaction.user)
        await send_card(interaction, await self._lab.instances.thaw(instance, by))

    @group.command(name="kill", description=T("Remove an instance at once; its owner is told"))
    @app_commands.rename(instance="name")
    @app_commands.describe(instance=T("Which one"))
    async def kill(self, interaction: Interaction, instance: AnInstance) -> None:
        """Remove it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._lab.keeper.kill(instance, person_of(interaction.user))
        await until_over(self._lab, instance)
        await send_card(interaction, instance)

    @group.command(name="audit", description=T("Who did what in the lab lately (moderators)"))
    @app_commands.describe(member=T("Only this person and what is theirs"))
    async def audit(self, interaction: Interaction, member: discord.User | None = None) -> None:
        """Show the lab's latest events, privately."""
        found = await self._lab.audit.latest(
            guild_id_of(interaction),
            person_of(interaction.user),
            about=member.id if member else None,
        )
        await tell(
            interaction, view=Lasting(ui.TextDisplay(audit_text(found, words_for(interaction))))
        )


@handles("lab_clear")
async def clear(press: Press) -> None:
    """Remove everything of a session."""
    interaction = press.interaction
    services = services_of(interaction)
    session = await services.sessions.get(press.key, guild_id_of(interaction))
    await interaction.response.defer()
    removed = await services.lab.keeper.clear(session, person_of(interaction.user))
    _ = words_for(interaction)
    text = _.plural("{n} instance was removed.", "{n} instances were removed.", removed)
    await interaction.edit_original_response(view=Lasting(ui.TextDisplay(text)))
