"""What a session's channel is told about the lab: one message an event, for all it concerns.

Attendees' instances are private: their owners are mentioned, what they have is not named.
"""

from collections.abc import Sequence
from typing import Any

import discord
from discord import ui

from bot.errors import N_, NotFound
from bot.lab import Instance, events, reasons
from bot.localization import Words
from bot.sessions import Session
from bot.timeline import Event
from cogs.controls import Lasting, LastingButton, button, row
from cogs.courier import Letter, Renderer
from cogs.kit import Services, words_of_guild
from cogs.text import one_line

# Discord notifies a hundred people a message at most.
_MENTIONS = 90

_WHY = {
    reasons.EXPIRED: N_("Their time ran out, so these were removed: {what}"),
    reasons.SESSION_ENDED: N_("The session is over, so these were removed: {what}"),
    reasons.CLEARED: N_("The lab was cleared by the staff, so these were removed: {what}"),
    reasons.KILLED: N_("The staff removed: {what}"),
    reasons.VANISHED: N_("These were gone from their host: {what}"),
    reasons.REMOVED: N_("These were removed: {what}"),
}


class LabLetters:
    """Writes them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def renderers(self) -> dict[str, Renderer]:
        """Return who writes which kind of event."""
        return {
            events.WARNED: self.warned,
            events.ENDED_FOR_OWNERS: self.ended,
            events.RECOVERED: self.recovered,
        }

    async def warned(self, event: Event) -> Letter | None:
        """Tell owners that theirs end soon, with the button that gives them more time."""
        found = [one for one in await self._about(event) if one.is_alive]
        if not found:
            return None
        _ = words_of_guild(self._services, event.guild_id)
        left = self._services.lab.catalogue.warning
        text = _("{n} minutes left. Press Extend to go on.", n=int(left.total_seconds() // 60))
        extend = button(
            "lab_extend_soon",
            event.session_id or 0,
            _("Extend"),
            style=discord.ButtonStyle.primary,
        )
        return await self._letter(event, found, text, [extend], _, also=_names(found))

    async def ended(self, event: Event) -> Letter | None:
        """Tell owners that theirs are gone, and why."""
        found = await self._about(event)
        reason = found[0].reason if found else None
        if reason is None or reason == reasons.PLACE_GONE:
            return None
        _ = words_of_guild(self._services, event.guild_id)
        text = _(_WHY.get(reason, _WHY[reasons.REMOVED]), what=_what(found, _))
        return await self._letter(event, found, text, [], _)

    async def recovered(self, event: Event) -> Letter | None:
        """Tell that launches go on which a restart of the bot interrupted."""
        found = [one for one in await self._about(event) if one.is_alive]
        if not found:
            return None
        _ = words_of_guild(self._services, event.guild_id)
        text = _("I was restarted. What was starting goes on: {what}", what=_what(found, _))
        return await self._letter(event, found, text, [], _)

    async def _about(self, event: Event) -> list[Instance]:
        instances = self._services.lab.instances
        found = [await instances.peek(one, event.guild_id) for one in event.data["instance_ids"]]
        return [one for one in found if one is not None]

    async def _letter(
        self,
        event: Event,
        found: Sequence[Instance],
        text: str,
        buttons: Sequence[LastingButton],
        _: Words,
        *,
        also: str = "",
    ) -> Letter | None:
        session = await self._session(event)
        if session is None:
            return None
        owners = list(dict.fromkeys(one.owner_id for one in found if one.owner_id is not None))
        told = owners[:_MENTIONS]
        lines = [" ".join(f"<@{owner}>" for owner in told), " ".join(filter(None, (text, also)))]
        mine = button("lab_mine", 0, _("My instances"))
        items: list[ui.Item[Any]] = [
            ui.TextDisplay("\n".join(line for line in lines if line)),
            row(*buttons, mine),
        ]
        mentions = discord.AllowedMentions(
            everyone=False, roles=False, users=[discord.Object(owner) for owner in told]
        )
        return Letter(session.channel_id, view=Lasting(*items), mentions=mentions)

    async def _session(self, event: Event) -> Session | None:
        if event.session_id is None:
            return None
        try:
            return await self._services.sessions.get(event.session_id, event.guild_id)
        except NotFound:
            return None


def _names(found: Sequence[Instance]) -> str:
    return ", ".join(f"**{one_line(one.name)}**" for one in found if one.public)


def _what(found: Sequence[Instance], _: Words) -> str:
    """Name those that are public, and count the others."""
    private = sum(not one.public for one in found)
    parts = [_names(found)] if len(found) > private else []
    if private:
        parts.append(_.plural("{n} private instance", "{n} private instances", private))
    return ", ".join(parts)
