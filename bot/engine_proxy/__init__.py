"""A checking door to a Docker Engine: what the lab needs passes, what gives root away doesn't.

Whoever may speak to an engine's socket owns its machine, so the bot, which strangers talk to
all day, gets this program's socket instead. It knows the few calls the lab makes, reads their
bodies, and writes each request anew from what it understood; bytes that came in never reach
the engine. It is small and imports nothing of the bot's rooms, so that it can be read in one
sitting and run in a container of its own.
"""

from bot.engine_proxy.server import Proxy, answers, run
from bot.engine_proxy.settings import BadProxySetting, ProxySettings

__all__ = ["BadProxySetting", "Proxy", "ProxySettings", "answers", "run"]
