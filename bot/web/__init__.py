"""What the bot serves over HTTP: recordings, for those who were handed a link."""

from bot.web.headers import SERVER_NAME
from bot.web.links import Links, link_to
from bot.web.listener import Bridge, CannotListen, listening
from bot.web.recordings import application
from bot.web.server import WebServer

__all__ = [
    "SERVER_NAME",
    "Bridge",
    "CannotListen",
    "Links",
    "WebServer",
    "application",
    "link_to",
    "listening",
]
