"""A listener of its own for Prometheus: nothing else is to be had there."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.errors import N_, OperatorError

log = structlog.get_logger(__name__)


class MetricsAddressTaken(OperatorError):
    """It can't listen there."""

    message = N_(
        "The figures for Prometheus can't be offered at {address}: {why}. Choose another"
        " STUDY_BOT_METRICS_ADDRESS."
    )


class Scrape:
    """Serves `/metrics` at one address."""

    def __init__(self, host: str, port: int, write: Callable[[], Awaitable[bytes]]) -> None:
        self._host = host
        self._port = port
        self._write = write
        # Where it listens, once it does: port 0 is any that is free.
        self.port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            MetricsAddressTaken.
        """
        application = web.Application()
        application.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            try:
                await site.start()
            except OSError as error:
                address = f"{self._host}:{self._port}"
                raise MetricsAddressTaken(address=address, why=error.strerror) from error
            port: int = runner.addresses[0][1]
            if not self.port.done():
                self.port.set_result(port)
            log.info("figures for Prometheus", host=self._host, port=port)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        # Here and not above: whoever doesn't use it needn't wait for it to load.
        from bot.usage.exposition import CONTENT_TYPE

        return web.Response(
            body=await self._write(),
            headers={
                "Content-Type": CONTENT_TYPE,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )
