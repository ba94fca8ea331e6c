"""Files people and the bot upload, and who may fetch them."""

from __future__ import annotations

import mimetypes
import re
import secrets
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from simcord.backend.cdn import CdnStore
from simcord.backend.models import Message

_PNG = b"\x89PNG\r\n\x1a\n"
_SHOWN_INLINE = re.compile(r"(?:image/(?!svg)|audio/|video/|text/plain)")
_UNSAFE = re.compile(r"[^\w.\-]+")
_AVATAR_COLORS = (0x5865F2, 0x747F8D, 0x3BA55D, 0xFAA61A, 0xED4245, 0xEB459F)


@dataclass(frozen=True, slots=True)
class Blob:
    """One stored file."""

    data: bytes
    content_type: str
    signature: str


class Cdn(CdnStore):
    """Keeps uploads in memory under signed addresses, as Discord's CDN signs its own."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self._files: dict[str, Blob] = {}

    def store_attachment(
        self,
        attachment_id: int,
        channel_id: int,
        filename: str,
        data: bytes,
        description: str | None,
    ) -> dict[str, Any]:
        """Keep a file and return the attachment object that shows it."""
        name = _UNSAFE.sub("_", filename) or "unknown"
        path = f"attachments/{channel_id}/{attachment_id}/{name}"
        content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        blob = Blob(data, content_type, secrets.token_hex(16))
        self._files[path] = blob
        url = f"{self.base}/{path}?hm={blob.signature}"
        attachment: dict[str, Any] = {
            "id": str(attachment_id),
            "filename": name,
            "description": description,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": content_type,
        }
        if data.startswith(_PNG) and len(data) >= 24:
            attachment["width"], attachment["height"] = struct.unpack(">II", data[16:24])
        return attachment

    def forget(self, urls: Iterable[str]) -> None:
        """Drop files nothing shows any more; addresses of elsewhere are passed over."""
        for url in urls:
            if url.startswith(self.base):
                self._files.pop(self._path(url), None)

    def get(self, url: str) -> bytes | None:
        """Return the bytes behind one of this CDN's own addresses."""
        blob = self._files.get(self._path(url))
        return None if blob is None else blob.data

    def _path(self, url: str) -> str:
        return url.removeprefix(self.base + "/").partition("?")[0]

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a GET below the CDN's base."""
        path = request.match_info["path"]
        if match := re.fullmatch(r"embed/avatars/(\d+)\.png", path):
            color = _AVATAR_COLORS[int(match[1]) % len(_AVATAR_COLORS)]
            return web.Response(body=_plain_png(color), content_type="image/png")
        blob = self._files.get(path)
        signature = request.query.get("hm", "")
        if blob is None or not secrets.compare_digest(blob.signature, signature):
            raise web.HTTPNotFound(text="This content is no longer available.")
        response = web.Response(body=blob.data, content_type=blob.content_type)
        # Uploads share the page's origin: nothing in them may run, whatever they are.
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        if not _SHOWN_INLINE.match(blob.content_type):
            response.headers["Content-Disposition"] = "attachment"
        return response


def media_urls(message: Message) -> set[str]:
    """Collect every address a message's attachments, embeds and components show."""
    return set(_urls([message.attachments, message.embeds, message.components]))


def _urls(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        for key, value in node.items():  # pyright: ignore[reportUnknownVariableType]
            if key == "url" and isinstance(value, str):
                yield value
            else:
                yield from _urls(value)
    elif isinstance(node, list):
        for value in node:  # pyright: ignore[reportUnknownVariableType]
            yield from _urls(value)


def show_uploads_in_embeds(message: Message) -> None:
    """Resolve `attachment://` in embeds; a file shown there leaves the list below the message."""
    by_reference = {f"attachment://{item['filename']}": item for item in message.attachments}
    used: set[str] = set()
    embeds: list[dict[str, Any]] = []
    for embed in message.embeds:
        shown = dict(embed)
        for part, key in (
            ("image", "url"),
            ("thumbnail", "url"),
            ("author", "icon_url"),
            ("footer", "icon_url"),
        ):
            upload = by_reference.get((shown.get(part) or {}).get(key, ""))
            if upload is not None:
                used.add(upload["id"])
                shown[part] = {**shown[part], key: upload["url"]}
                if key == "url" and "width" in upload:
                    shown[part] |= {"width": upload["width"], "height": upload["height"]}
        embeds.append(shown)
    message.embeds = embeds
    message.attachments = [item for item in message.attachments if item["id"] not in used]


def _plain_png(color: int, side: int = 64) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    row = b"\0" + color.to_bytes(3, "big") * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        _PNG
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row * side))
        + chunk(b"IEND", b"")
    )
