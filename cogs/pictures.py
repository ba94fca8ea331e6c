"""Pictures inside messages: named by what they show, so that another picture is another look."""

import asyncio
import hashlib
import io
import struct
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui
from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_WIDTH_AT = slice(16, 24)
# Discord takes ten megabytes; a screen full of noise is more.
_MOST_BYTES = 4 * 1024**2


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and the name it has as an attachment."""

    name: str
    data: bytes

    @classmethod
    def named(cls, stem: str, data: bytes) -> "Picture":
        """Name a picture by its content."""
        return cls(f"{stem}-{hashlib.sha256(data).hexdigest()[:12]}.png", data)

    def file(self) -> discord.File:
        """Return it for sending; each sending needs a new one."""
        return discord.File(io.BytesIO(self.data), filename=self.name)

    def item(self, description: str) -> ui.MediaGallery[Any]:
        """Return the component that shows it."""
        shown = discord.MediaGalleryItem(f"attachment://{self.name}", description=description[:256])
        return ui.MediaGallery[Any](shown)


async def fitted(png: bytes, most_pixels: int) -> bytes:
    """Return a picture no wider than that and not too heavy to send; most already are so."""
    if png[:8] == _PNG and len(png) <= _MOST_BYTES:
        width, _height = struct.unpack(">II", png[_WIDTH_AT])
        if width <= most_pixels:
            return png
    return await asyncio.to_thread(_shrunk, png, most_pixels)


def _shrunk(png: bytes, most_pixels: int) -> bytes:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        small = image.convert("RGB")
    small.thumbnail((most_pixels, most_pixels))
    out = io.BytesIO()
    small.save(out, "PNG")
    if out.tell() > _MOST_BYTES:
        out = io.BytesIO()
        small.quantize(64).save(out, "PNG")
    return out.getvalue()
