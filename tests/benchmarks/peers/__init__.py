"""What the bot is measured against: discord.py and nothing else.

Each is a process of its own, told by its environment where to connect: `DISCORD_TOKEN`,
`PEER_API`, `PEER_GATEWAY`, and `PEER_INTENTS`, which are the bot's.
"""

import os

import discord
import yarl


class Peer(discord.Client):
    """discord.py as it comes, with the bot's intents; says on standard output when it is ready."""

    def __init__(self) -> None:
        intents = discord.Intents.none()
        intents.value = int(os.environ["PEER_INTENTS"])
        super().__init__(intents=intents)

    async def on_ready(self) -> None:
        """Say so, in the words of the bot's own log."""
        print('{"event": "ready"}', flush=True)

    async def on_message(self, message: discord.Message) -> None:
        """Do nothing."""


def run(peer: Peer) -> None:
    """Connect to the playground until SIGTERM."""
    discord.http.Route.BASE = os.environ["PEER_API"]
    gateway = yarl.URL(os.environ["PEER_GATEWAY"])
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway
    peer.run(os.environ["DISCORD_TOKEN"], log_handler=None)
