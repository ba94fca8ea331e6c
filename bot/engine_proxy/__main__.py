"""`python -m bot.engine_proxy`: the proxy by itself, without anything of the bot."""

import argparse
import asyncio
import sys

import structlog

from bot.engine_proxy.server import answers, run
from bot.engine_proxy.settings import ProxySettings
from bot.errors import OperatorError


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bot.engine_proxy")
    parser.add_argument("--check", action="store_true", help="only say whether one answers")
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        settings = ProxySettings.from_environment()
        if options.check:
            return 0 if answers(settings.listen) else 1
        asyncio.run(run(settings))
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
