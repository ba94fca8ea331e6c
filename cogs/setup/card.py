"""The one private card of `/setup`: every choice, changed in place."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
from discord import ui

from bot.guilds import CHOICE_NAMES, Guild, Rules, SetupChange
from bot.localization import Words
from cogs.kit import (
    Card,
    Interaction,
    guild_id_of,
    in_time,
    person_of,
    services_of,
    show_there,
    words_for,
)
from cogs.setup.forms import LIMITS, RECORDINGS, TIMES, LimitsForm, TimeZoneForm, switch_words
from cogs.setup.notices import lacking, privacy
from cogs.setup.panels import move_panels

_STAFF = "staff_channel_id"
_NOTES = "notes_channel_id"
_AUTOMATIC = "automatic"
_OTHER = "other"
_LANGUAGES = {"ja": "日本語", "en": "English"}
_ZONES = (
    "Asia/Tokyo",
    "UTC",
    "Asia/Seoul",
    "Asia/Shanghai",
    "Asia/Taipei",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
)

_STAFF_PLACES = [
    discord.ChannelType.text,
    discord.ChannelType.public_thread,
    discord.ChannelType.private_thread,
]

_NOTES_PLACES = [discord.ChannelType.text, discord.ChannelType.forum]

Chosen = Callable[[Interaction, str | None], Awaitable[None]]


class SetupCard(Card):
    """Shows what a server has chosen; each change takes effect at once."""

    def __init__(self, interaction: Interaction) -> None:
        super().__init__()
        self._draw(interaction)

    async def change(
        self,
        interaction: Interaction,
        *,
        columns: Mapping[str, Any] | None = None,
        choices: Mapping[str, int | None] | None = None,
    ) -> None:
        """Make a change, then show the card anew."""
        services = services_of(interaction)
        change = SetupChange(dict(columns or {}), dict(choices or {}))
        async with in_time(interaction, in_place=True):
            guild = await services.guilds.configure(
                guild_id_of(interaction), person_of(interaction.user), change
            )
        self._draw(interaction)
        await show_there(interaction, view=self)
        if _STAFF in change.columns:
            await move_panels(services, guild)

    def _draw(self, interaction: Interaction) -> None:
        _ = words_for(interaction)
        services = services_of(interaction)
        guild = services.guilds.get(guild_id_of(interaction))
        own = services.guilds.own(guild.id)
        self.clear_items()
        self.add_item(
            ui.Container[Any](
                ui.TextDisplay(_("## Setup\nEvery change takes effect at once.")),
                *self._staff_channel(guild, interaction.guild, _),
                *self._notes_channel(guild, interaction.guild, _),
                *self._roles(guild, interaction.guild, _),
                *self._language(own.get("locale"), _),
                *self._time_zone(guild, own.get("time_zone"), _),
                ui.TextDisplay(_limits_text(guild.rules, _)),
                self._limits(_),
                ui.Separator[Any](),
                ui.TextDisplay(lacking(interaction, guild, _)),
                ui.Separator[Any](),
                ui.TextDisplay(privacy(services.settings, _)),
            )
        )

    def _staff_channel(
        self, guild: Guild, server: discord.Guild | None, _: Words
    ) -> tuple[ui.Item[Any], ...]:
        channel_id = guild.staff_channel_id
        known = server.get_channel_or_thread(channel_id) if server and channel_id else None
        chooser = ui.ChannelSelect[Any](
            custom_id=f"setup:{_STAFF}",
            channel_types=_STAFF_PLACES,
            placeholder=_("None"),
            min_values=0,
            default_values=[known] if known else [],
        )

        async def chosen(interaction: Interaction) -> None:
            place = chooser.values[0].id if chooser.values else None
            await self.change(interaction, columns={_STAFF: place})

        chooser.callback = chosen
        text = _(
            "**Staff channel or thread:** the buttons of question time stand there; without one,"
            " on the board."
        )
        if channel_id is not None:
            text += f" <#{channel_id}>"
        return ui.TextDisplay(text), ui.ActionRow[Any](chooser)

    def _notes_channel(
        self, guild: Guild, server: discord.Guild | None, _: Words
    ) -> tuple[ui.Item[Any], ...]:
        channel_id = guild.notes_channel_id
        known = server.get_channel(channel_id) if server and channel_id else None
        chooser = ui.ChannelSelect[Any](
            custom_id=f"setup:{_NOTES}",
            channel_types=_NOTES_PLACES,
            placeholder=_("The talk's own channel"),
            min_values=0,
            default_values=[known] if known else [],
        )

        async def chosen(interaction: Interaction) -> None:
            place = chooser.values[0].id if chooser.values else None
            await self.change(interaction, columns={_NOTES: place})

        chooser.callback = chosen
        text = _("**Lecture notes** go to this channel, or as a post each to this forum.")
        if channel_id is not None:
            text += f" <#{channel_id}>"
        return ui.TextDisplay(text), ui.ActionRow[Any](chooser)

    def _roles(
        self, guild: Guild, server: discord.Guild | None, _: Words
    ) -> tuple[ui.Item[Any], ...]:
        fields = (
            (
                "speaker_role_id",
                guild.speaker_role_id,
                _("**Speakers** start and run sessions; without a role, everybody may start one."),
            ),
            (
                "moderator_role_id",
                guild.moderator_role_id,
                _("**Moderators** may do everything; whoever may manage messages is one too."),
            ),
            (
                "note_taker_role_id",
                guild.note_taker_role_id,
                _("**Note-takers** write down the answers."),
            ),
            (
                "lab_role_id",
                guild.lab_role_id,
                _("**Lab:** who may start containers and virtual machines."),
            ),
        )
        items: list[ui.Item[Any]] = []
        for column, role_id, text in fields:
            role = server.get_role(role_id) if server and role_id else None
            items += [
                ui.TextDisplay(text),
                ui.ActionRow[Any](self._role(column, role, _("No role"))),
            ]
        return tuple(items)

    def _role(self, column: str, role: discord.Role | None, nothing: str) -> ui.RoleSelect[Any]:
        chooser = ui.RoleSelect[Any](
            custom_id=f"setup:{column}",
            placeholder=nothing,
            min_values=0,
            default_values=[role] if role else [],
        )

        async def chosen(interaction: Interaction) -> None:
            role_id = chooser.values[0].id if chooser.values else None
            await self.change(interaction, columns={column: role_id})

        chooser.callback = chosen
        return chooser

    def _language(self, own: str | None, _: Words) -> tuple[ui.Item[Any], ...]:
        options = {_AUTOMATIC: _("As the server's"), **_LANGUAGES}

        async def chosen(interaction: Interaction, value: str | None) -> None:
            await self.change(interaction, columns={"locale": value})

        return (
            ui.TextDisplay(_("**Language** of what everybody sees")),
            _one_of("setup:locale", options, own, chosen),
        )

    def _time_zone(self, guild: Guild, own: str | None, _: Words) -> tuple[ui.Item[Any], ...]:
        options = {_AUTOMATIC: _("By the language"), **{zone: zone for zone in _ZONES}}
        if own is not None:
            options.setdefault(own, own)
        options[_OTHER] = _("Another…")

        async def chosen(interaction: Interaction, value: str | None) -> None:
            if value == _OTHER:
                form = TimeZoneForm(words_for(interaction), str(guild.time_zone), self.change)
                await interaction.response.send_modal(form)
            else:
                await self.change(interaction, columns={"time_zone": value})

        return (
            ui.TextDisplay(_("**Time zone:** {zone}", zone=guild.time_zone)),
            _one_of("setup:time_zone", options, own, chosen),
        )

    def _limits(self, _: Words) -> ui.ActionRow[Any]:
        questions = ui.Button[Any](label=_("Limits of questions…"), custom_id="setup:limits")
        times = ui.Button[Any](label=_("Times and exports…"), custom_id="setup:times")

        recordings = ui.Button[Any](label=_("Recordings…"), custom_id="setup:recordings")

        async def recordings_pressed(interaction: Interaction) -> None:
            await interaction.response.send_modal(self._form(interaction, RECORDINGS))

        async def limits_pressed(interaction: Interaction) -> None:
            await interaction.response.send_modal(self._form(interaction, LIMITS))

        async def times_pressed(interaction: Interaction) -> None:
            await interaction.response.send_modal(self._form(interaction, TIMES))

        questions.callback = limits_pressed
        times.callback = times_pressed
        recordings.callback = recordings_pressed
        return ui.ActionRow[Any](questions, times, recordings)

    def _form(self, interaction: Interaction, names: tuple[str, ...]) -> LimitsForm:
        guilds = services_of(interaction).guilds
        chosen = guilds.choices(guild_id_of(interaction))
        defaults = guilds.defaults().as_choices()
        return LimitsForm(words_for(interaction), names, chosen, defaults, self.change)


def _one_of(
    custom_id: str, options: Mapping[str, str], present: str | None, chosen: Chosen
) -> ui.ActionRow[Any]:
    """Return a select of one among named values; `_AUTOMATIC` stands for None."""
    chooser = ui.Select[Any](
        custom_id=custom_id,
        options=[
            discord.SelectOption(label=label, value=value, default=value == (present or _AUTOMATIC))
            for value, label in options.items()
        ],
    )

    async def callback(interaction: Interaction) -> None:
        value = chooser.values[0]
        await chosen(interaction, None if value == _AUTOMATIC else value)

    chooser.callback = callback
    return ui.ActionRow[Any](chooser)


def _limits_text(rules: Rules, _: Words) -> str:
    lines = [_("**Limits**")]
    for name, value in rules.as_choices().items():
        shown = switch_words(name, value, _) or value
        lines.append(f"-# {_(CHOICE_NAMES[name])}: {shown}")
    return "\n".join(lines)
