"""What every answer carries, so that a page can do no more than it needs."""

from aiohttp import web

SERVER_NAME = "study-session-bot"

# Nothing is loaded but what this server has, nothing is sent, nobody frames it.
_POLICY = (
    "default-src 'none'; media-src 'self'; style-src 'self'; script-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    # The address of a page is its key: no other site may learn it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    # Which versions run here is nobody's business.
    "Server": SERVER_NAME,
}


async def secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on an answer."""
    response.headers.update(_HEADERS)
    # A copy in a cache would outlive the recording.
    response.headers.setdefault("Cache-Control", "private, no-store")
