"""A picture of a guest's screen, and its keyboard."""

import contextlib
import io

from PIL import Image

from bot.errors import N_, Term
from bot.lab.drivers.libvirt.library import Connection, Domain, libvirt
from bot.lab.errors import EngineRefused

# More than any screen a guest can have here.
_MOST_BYTES = 64 * 1024**2
_MOST_PIXELS = 4096 * 4096
_PNG = b"\x89PNG"
_CHUNK = 256 * 1024

PICTURE = Term(N_("pictures of its screen"))
KEYS = Term(N_("pressing keys"))


def picture_of(connection: Connection, domain: Domain) -> bytes:
    """Take a picture of a guest's screen, a PNG whatever the hypervisor gives."""
    stream = connection.newStream(0)
    try:
        domain.screenshot(stream, 0, 0)
        taken = bytearray()
        while len(taken) <= _MOST_BYTES and (chunk := stream.recv(_CHUNK)):
            taken += chunk
    except BaseException:
        with contextlib.suppress(libvirt.libvirtError):  # it may be broken already
            stream.abort()
        raise
    if len(taken) > _MOST_BYTES:
        stream.abort()
        raise EngineRefused(why="the picture of its screen has no end")
    stream.finish()
    return as_png(bytes(taken))


def as_png(taken: bytes) -> bytes:
    """Make a PNG of a picture; older hypervisors give a PPM."""
    if taken.startswith(_PNG):
        return taken
    try:
        with Image.open(io.BytesIO(taken)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise EngineRefused(why="the picture of its screen is too large")
            made = io.BytesIO()
            image.convert("RGB").save(made, "PNG")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise EngineRefused(why="the picture of its screen can't be read") from error
    return made.getvalue()
