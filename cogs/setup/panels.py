"""Open sessions' panels follow the staff channel."""

import discord
import structlog

from bot.guilds import Guild
from bot.sessions import PANEL
from cogs.kit import Services

log = structlog.get_logger(__name__)


async def move_panels(services: Services, guild: Guild) -> None:
    """Have the panel of each open session stand in the staff channel, or nowhere without one."""
    for session in services.sessions.open_sessions(guild.id):
        before = await services.timeline.live_message(PANEL, session.id)
        if before is not None and before.channel_id == guild.staff_channel_id:
            continue
        if guild.staff_channel_id is None:
            await services.timeline.drop_live_message(PANEL, session.id)
        else:
            await services.timeline.put_live_message(
                PANEL, session.id, guild.id, guild.staff_channel_id
            )
        services.live.mark(PANEL, session.id)
        if before is not None and before.message_id is not None:
            await _take_away(services, before.channel_id, before.message_id)


async def _take_away(services: Services, channel_id: int, message_id: int) -> None:
    try:
        await services.channel(channel_id).get_partial_message(message_id).delete()
    except discord.HTTPException as error:
        log.info("could not take the old panel away", channel_id=channel_id, error=str(error))
