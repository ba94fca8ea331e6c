"""Recordings as pages and files. What a stranger can reach is all in `application`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

import structlog
from aiohttp import web

from bot.errors import N_, NotFound, StudyBotError
from bot.localization import Words, locale_of, words
from bot.recordings import MEDIA_TYPES, LinkRefused, Served, as_webvtt
from bot.web.headers import secure
from bot.web.links import Links
from bot.web.listener import BotBusy, Bridge
from bot.web.page import player, refusal
from bot.web.places import LinkCrowded, Places, ServerCrowded
from bot.web.sending import FileGone, Sender

log = structlog.get_logger(__name__)

_STATIC = {"player.css": "text/css", "player.js": "text/javascript"}
# Audio and video, nothing that a browser would run.
_SERVED = frozenset(kind for kind in MEDIA_TYPES.values() if kind.startswith(("audio/", "video/")))
_LONGEST_TOKEN = 200
_LOOK_AGAIN_SECONDS = 10.0
_LARGEST_REQUEST = 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NoSuchPage(NotFound):
    """An address that leads nowhere."""

    message = N_("There is nothing at this address.")


_STATUSES: tuple[tuple[type[StudyBotError], HTTPStatus], ...] = (
    (LinkRefused, HTTPStatus.FORBIDDEN),
    (LinkCrowded, HTTPStatus.TOO_MANY_REQUESTS),
    (ServerCrowded, HTTPStatus.SERVICE_UNAVAILABLE),
    (BotBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotFound, HTTPStatus.NOT_FOUND),
)


def application(links: Links, bridge: Bridge) -> web.Application:
    """Make the application: pages, files, chapters, and a sign of life."""
    pages = _Pages(links, bridge)
    app = web.Application(middlewares=[_told], client_max_size=_LARGEST_REQUEST)
    app.on_response_prepare.append(secure)
    app.cleanup_ctx.append(pages.watching)
    token = r"/r/{token:[A-Za-z0-9_.-]{1,%d}}" % _LONGEST_TOKEN  # noqa: UP031 - braces abound
    app.router.add_get("/health", pages.health)
    app.router.add_get("/r/static/{name}", pages.static)
    app.router.add_get(token, pages.page)
    app.router.add_get(token + "/file", pages.file)
    app.router.add_get(token + "/chapters.vtt", pages.chapters)
    return app


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what is in the way, in the reader's language."""
    try:
        return await handler(request)
    except StudyBotError as error:
        status = next((code for kind, code in _STATUSES if isinstance(error, kind)), None)
        return _refused(request, error, status or HTTPStatus.BAD_REQUEST)
    except web.HTTPMethodNotAllowed as error:
        return web.Response(status=error.status, headers={"Allow": "GET, HEAD"})
    except web.HTTPException as error:
        return _refused(request, NoSuchPage(), HTTPStatus(error.status))
    except ConnectionError:
        raise  # The reader left; there is nobody to tell.
    except Exception:
        log.exception("a web request failed", path=request.path.split("/")[1])
        raise


def _refused(request: web.Request, error: StudyBotError, status: HTTPStatus) -> web.Response:
    _ = _words(request)
    text = _(error.message, **error.params)
    # Where the style is: beside pages, below what belongs to one.
    static = "../static" if request.path.count("/") > 2 else "static"
    static = static if request.path.startswith("/r/") else "r/static"
    answer = web.Response(
        text=refusal(text, _, static), content_type="text/html", charset="utf-8", status=status
    )
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        answer.headers["Retry-After"] = "10"
    return answer


def _words(request: web.Request) -> Words:
    """Return the words a reader gets: the link's language, else the browser's."""
    chosen = request.query.get("lang")
    if chosen is None:
        wanted = request.headers.get("Accept-Language", "")
        chosen = wanted.split(",")[0].split(";")[0].strip()
    return words(locale_of(chosen[:10]))


class _Pages:
    """Answers requests."""

    def __init__(self, links: Links, bridge: Bridge) -> None:
        self._links = links
        self._bridge = bridge
        self._places = Places()

    async def watching(self, _app: web.Application) -> AsyncGenerator[None]:
        """Look again at what is sent for as long as the application runs."""
        task = asyncio.create_task(self._watch())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def health(self, _request: web.Request) -> web.Response:
        """Say whether the bot's own loop answers."""

        async def nothing() -> None:
            return

        await self._bridge.call(nothing)
        return web.Response(text="ok\n")

    async def static(self, request: web.Request) -> web.Response:
        """Give the page's style and script, and nothing else."""
        name = request.match_info["name"]
        if name not in _STATIC:
            raise NoSuchPage
        data = await asyncio.to_thread((Path(__file__).parent / "static" / name).read_bytes)
        headers = {"Cache-Control": "public, max-age=3600"}
        return web.Response(body=data, content_type=_STATIC[name], charset="utf-8", headers=headers)

    async def page(self, request: web.Request) -> web.Response:
        """Show the player."""
        token = request.match_info["token"]
        served = await self._served(token)
        text = player(served, token, _words(request))
        headers = {"Vary": "Accept-Language"}
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)

    async def chapters(self, request: web.Request) -> web.Response:
        """Give the chapters as a track."""
        served = await self._served(request.match_info["token"])
        text = as_webvtt(served.chapters, served.duration)
        return web.Response(text=text, content_type="text/vtt", charset="utf-8")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Send the file, or a range of it."""
        token = request.match_info["token"]
        served = await self._served(token)
        save_as = served.file_name if "save" in request.query else None
        with self._places.taken(token):
            return await Sender(request, served.path, served.media_type).send(save_as)

    async def _served(self, token: str) -> Served:
        served = await self._bridge.call(lambda: self._links.open_link(token))
        if served.media_type not in _SERVED:
            raise FileGone
        return served

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            await self._places.look_again(self._is_good)

    async def _is_good(self, token: str) -> bool:
        try:
            await self._served(token)
        except BotBusy:
            return True  # Nobody is cut off because the bot is slow.
        except StudyBotError:
            return False
        return True
