"""Pictures in messages: small enough to send, and another name for another look."""

import io
import os

import pytest
from discord import ui
from PIL import Image

from cogs.controls import Lasting
from cogs.live import Face
from cogs.pictures import Picture, fitted


def png(width: int, height: int, *, noise: bool = False) -> bytes:
    image = Image.new("RGB", (width, height), "navy")
    if noise:
        image.frombytes(os.urandom(width * height * 3))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def test_what_fits_is_left_as_it_is():
    original = png(720, 400)

    assert await fitted(original, 800) is original


async def test_a_wide_screen_is_made_narrower():
    with Image.open(io.BytesIO(await fitted(png(1920, 1080), 800))) as small:
        assert small.format == "PNG"
        assert small.size == (800, 450)


async def test_a_screen_of_noise_still_fits_into_a_message(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cogs.pictures._MOST_BYTES", 100_000)
    heavy = png(240, 160, noise=True)
    assert len(heavy) > 100_000

    assert len(await fitted(heavy, 1600)) < 100_000


async def test_what_is_no_picture_is_no_picture():
    with pytest.raises(OSError, match="identify"):
        await fitted(b"<html>", 800)


def test_another_picture_is_another_look_and_the_old_one_goes():
    def face(*pictures: Picture) -> Face:
        items: list[ui.Item] = [ui.TextDisplay("a"), *(one.item("screen") for one in pictures)]
        return Face(Lasting(*items), pictures=pictures)

    one, other = Picture.named("screen", b"one"), Picture.named("screen", b"other")

    assert face(one).digest == face(one).digest
    assert face(one).digest != face(other).digest
    assert [file.filename for file in face(one).to_edit()["attachments"]] == [one.name]
    assert face().to_edit()["attachments"] == []
    assert "attachments" not in Face(Lasting(ui.TextDisplay("a"))).to_edit()
