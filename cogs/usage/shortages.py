"""The warning to staff when a machine of the lab runs short: one message, edited when it clears."""

import asyncio
import time
from collections.abc import Mapping

import structlog
from discord import ui

from bot.errors import StudyBotError
from bot.lab.hosts import AnyHost, Host
from bot.localization import Words
from bot.timeline import LiveMessage
from bot.usage import RESOURCE_NAMES, Resource, Room, Watch, is_short
from cogs.controls import Lasting
from cogs.figures import share, size
from cogs.kit import Services, words_of_guild
from cogs.live import Face, Kind, with_time
from cogs.text import one_line

log = structlog.get_logger(__name__)

LAB_SHORT = "lab_short"

_LOOK_SECONDS = 15.0
# An engine tells its disk's room only with everything else about itself.
_DISK_SECONDS = 60.0

# Machines that nobody sampled tell how they stand at the second look.
_KNOWN_AFTER = 2

Place = tuple[str, Resource]


class Shortages:
    """Watches the machines, and tells the staff of each guild that has the lab."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rooms: dict[Place, Room] = {}
        self._short: dict[Place, bool] = {}
        self._looks = 0
        self._asked_at: dict[Place, float] = {}
        self._watch: Watch | None = None

    def kind(self) -> Kind:
        """Return the kind of live message that the warning is; its key is the guild."""
        return Kind(LAB_SHORT, self.draw, lambda _event: ())

    async def draw(self, live: LiveMessage) -> Face | None:
        """Draw what is short now, or that nothing is any more."""
        _ = words_of_guild(self._services, live.guild_id)
        if self._looks < _KNOWN_AFTER:
            # Just restarted: what stands there may be over, or not.
            text = "🟠 " + _("The lab ran short. Looking whether it still does…")
            return Face(Lasting(ui.TextDisplay(text)))
        short = {place: self._rooms[place] for place, is_so in self._short.items() if is_so}
        if not short:
            began = with_time(live.posted_at or self._services.clock(), "f")
            end = with_time(self._services.clock(), "f")
            text = "🟢 " + _(
                "The lab has enough room again. It ran short from {began} to {end}.",
                began=began,
                end=end,
            )
            return Face(Lasting(ui.TextDisplay(text)), still=True)
        return Face(Lasting(ui.TextDisplay(warning(short, _))))

    async def run(self) -> None:
        """Look at the machines every few seconds, until cancelled."""
        try:
            while True:
                await self.check()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            if self._watch is not None:
                self._watch.release()

    async def check(self) -> None:
        """Look at all machines once, and have the message follow."""
        there = await self._standing()
        for name in self._services.usage.hosts:
            self._look_at_memory(name)
        for host in (*self._services.lab.hosts, *self._services.lab.guest_hosts):
            await self._look_at_disk(host)
        self._looks += 1
        for place, room in self._rooms.items():
            was_short = self._short.get(place, bool(there))
            self._short[place] = is_short(room, was_short=was_short)
        is_any = any(self._short.values())
        if is_any:
            await self._tell(there)
        for guild_id in there:
            self._services.live.mark(LAB_SHORT, guild_id)
        self._keep_looking(is_any or bool(there))

    async def _standing(self) -> set[int]:
        """Return the guilds in which a warning stands."""
        rows = await self._services.timeline.live_messages()
        return {row.key for row in rows if row.kind == LAB_SHORT}

    async def _tell(self, told: set[int]) -> None:
        for guild in self._services.client().guilds:
            if guild.id in told or not self._services.lab.access.has_lab(guild.id):
                continue
            staff = self._services.guilds.get(guild.id).staff_channel_id
            if staff is None:
                continue
            log.warning("lab runs short", guild_id=guild.id)
            await self._services.timeline.put_live_message(LAB_SHORT, guild.id, guild.id, staff)
            self._services.live.mark(LAB_SHORT, guild.id)

    def _look_at_memory(self, host: str) -> None:
        reading = self._services.usage.latest_of_host(host)
        if reading is None:
            return
        used, whole = reading.sample.memory_bytes, reading.sample.memory_limit_bytes
        if used is not None and whole:
            self._rooms[host, Resource.MEMORY] = Room(whole - used, whole)

    async def _look_at_disk(self, host: AnyHost) -> None:
        place = host.name, Resource.DISK if isinstance(host, Host) else Resource.POOL
        asked_at = self._asked_at.get(place, float("-inf"))
        if not host.is_up or time.monotonic() - asked_at < _DISK_SECONDS:
            return
        self._asked_at[place] = time.monotonic()
        try:
            facts = await host.describe()
        except (StudyBotError, TimeoutError) as error:
            log.info("room on a disk not known", host=host.name, error=str(error))
            return
        if facts.disk_free_bytes is None or not facts.disk_total_bytes:
            return
        disk = self._rooms.get((host.name, Resource.DISK))
        if place[1] is Resource.POOL and disk and disk.total_bytes == facts.disk_total_bytes:
            return  # The same disk is one shortage.
        self._rooms[place] = Room(facts.disk_free_bytes, facts.disk_total_bytes)

    def _keep_looking(self, is_wanted: bool) -> None:
        """Have the machines sampled while a warning stands, also when nothing runs on them."""
        if is_wanted and self._watch is None:
            self._watch = self._services.usage.watch()
        elif not is_wanted and self._watch is not None:
            self._watch.release()
            self._watch = None


def warning(short: Mapping[Place, Room], _: Words) -> str:
    """Write what is short, and what can be done."""
    lines = ["🟠 **" + _("The lab runs short") + "**"]
    lines += [
        _(
            "{host}: {free} of {total} of {what} left ({share})",
            host=one_line(host),
            free=size(room.free_bytes),
            total=size(room.total_bytes),
            what=_(RESOURCE_NAMES[resource]),
            share=share(room.share),
        )
        for (host, resource), room in sorted(short.items())
    ]
    lines.append("-# " + _("/lab leaders shows who uses most; /lab close lets nothing new start."))
    return "\n".join(lines)
