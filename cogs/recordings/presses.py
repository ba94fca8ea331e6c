"""What the buttons of recordings do."""

from bot.recordings import Recording
from cogs.controls import Press, handles
from cogs.kit import guild_id_of, in_time, person_of, services_of, tell, words_for
from cogs.recordings.choices import require_visible
from cogs.recordings.handing import hand_out, keep, show_chapters


@handles("recording_watch")
async def watch(press: Press) -> None:
    """Hand the presser an address of their own, privately."""
    await hand_out(press.interaction, await _recording_of(press))


@handles("recording_chapters")
async def chapters(press: Press) -> None:
    """Show all chapters, as text for a video's description."""
    await show_chapters(press.interaction, await _recording_of(press))


@handles("recording_longer")
async def longer(press: Press) -> None:
    """Staff would keep it longer."""
    await keep(press.interaction, await _recording_of(press), press.arg)


@handles("recording_yes")
async def grant(press: Press) -> None:
    """The speaker says yes to keeping it longer."""
    await _answer(press, granted=True)


@handles("recording_no")
async def deny(press: Press) -> None:
    """The speaker says no."""
    await _answer(press, granted=False)


async def _recording_of(press: Press) -> Recording:
    """Return what was pressed on, for people who can see the channel it belongs to."""
    services = services_of(press.interaction)
    recording = await services.recordings.get(press.key, guild_id_of(press.interaction))
    require_visible(press.interaction, recording)
    return recording


async def _answer(press: Press, *, granted: bool) -> None:
    interaction = press.interaction
    keeping = services_of(interaction).keeping
    by = person_of(interaction.user)
    async with in_time(interaction):
        await keeping.answer(press.key, guild_id_of(interaction), by, granted=granted)
    _ = words_for(interaction)
    text = _("Thank you: it stays longer.") if granted else _("Thank you: it goes as agreed.")
    await tell(interaction, text)
