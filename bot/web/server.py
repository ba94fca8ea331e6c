"""The web server as the bot runs it: off unless an address is set."""

import asyncio

from bot.settings import Settings
from bot.web.links import Links
from bot.web.listener import Bridge, listening
from bot.web.recordings import application

SETTING = "STUDY_BOT_WEB_ADDRESS"


class WebServer:
    """Serves recordings for as long as it runs."""

    def __init__(self, settings: Settings, links: Links) -> None:
        self._address = settings.study_bot_web_address
        self._links = links

    async def run(self) -> None:
        """Serve until cancelled; return at once where no address is set.

        Raises:
            CannotListen: the address is taken, or not this machine's.
        """
        if self._address is None:
            return
        bridge = Bridge()
        async with listening(self._address, SETTING, lambda: application(self._links, bridge)):
            await asyncio.Event().wait()
