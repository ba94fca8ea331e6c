"""Public cards: live messages that follow what happens, and for a while what is used."""

import asyncio
from collections.abc import Iterable

from bot.lab import events
from bot.timeline import Event, LiveMessage
from cogs.controls import Lasting
from cogs.kit import Services, words_of_guild
from cogs.lab.card import Reader, card
from cogs.lab.look import look_at
from cogs.live import Face, Kind

LAB_CARD = "lab_card"

_LOOK_SECONDS = 5.0


class LabCards:
    """Draws the public cards, and has those looked at again that move by themselves."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._moving: set[int] = set()
        self._began = services.clock()

    def kind(self) -> Kind:
        """Return the kind of live message that public cards are."""
        return Kind(LAB_CARD, self.draw, _changed_by)

    async def draw(self, live: LiveMessage) -> Face | None:
        """Draw an instance for everybody; None once it is private."""
        instance = await self._services.lab.instances.peek(live.key, live.guild_id)
        if instance is None or not instance.public:
            return None
        look = await look_at(self._services, instance, picture=True)
        if look.is_moving:
            self._moving.add(instance.id)
        view = Lasting(card(look, words_of_guild(self._services, live.guild_id), Reader.EVERYBODY))
        return Face(view, still=not instance.is_alive, pictures=look.pictures)

    async def run(self) -> None:
        """Have what moves drawn again every few seconds, until cancelled."""
        await self._take_up()
        while True:
            moving, self._moving = self._moving, set()
            for instance_id in moving:
                self._services.live.mark(LAB_CARD, instance_id)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _take_up(self) -> None:
        """Have a card for each that the last process asked for and found no time to show."""
        for instance in await self._services.lab.instances.shown_to_all():
            if instance.requested_at < self._began:
                await self._services.timeline.put_live_message(
                    LAB_CARD, instance.id, instance.guild_id, instance.channel_id
                )
                self._services.live.mark(LAB_CARD, instance.id)


def _changed_by(event: Event) -> Iterable[int]:
    return [event.data["instance_id"]] if event.kind in events.ON_CARD else []
