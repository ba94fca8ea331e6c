"""Who may talk to the playground: this machine, this run's address, this page's origin."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Guard:
    """Checks every request, and says what the page's own code may do."""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        """The only `Host` served, such as `127.0.0.1:4321`."""
        self.token = secrets.token_urlsafe(24)
        """Part of the page's address; made anew each run."""
        self._origin = f"http://{authority}"
        self._headers = {
            "Content-Security-Policy": "; ".join(
                (
                    "default-src 'none'",
                    "script-src 'self'",
                    "style-src 'self'",
                    "img-src 'self' data: blob:",
                    "media-src 'self'",
                    f"connect-src 'self' ws://{authority}",
                    "frame-ancestors 'none'",
                    "form-action 'none'",
                    "base-uri 'none'",
                )
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse other hosts (DNS rebinding) and other sites' pages, whatever they ask for."""
        if request.host != self.authority:
            raise web.HTTPForbidden(text="The playground answers under its own address only.")
        if request.headers.get("Origin", self._origin) != self._origin:
            raise web.HTTPForbidden(text="The playground answers its own page only.")
        if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            raise web.HTTPForbidden(text="The playground answers its own page only.")
        return await handler(request)

    async def add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Put the security headers on an answer that doesn't bring its own."""
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
