"""Which of a machine's fonts has the characters of a text, for pictures with Japanese in them."""

from functools import cache

# Which to try first; any other that has the glyphs will do.
_FONTS = ("Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans", "IPAexGothic", "IPAGothic",
          "BIZ UD", "Yu Gothic", "Hiragino Sans", "Meiryo", "MS Gothic")  # fmt: skip
# It comes with matplotlib and claims to have every character: as a box that names its kind.
_BOXES = "Last Resort"


@cache
def font_for(text: str) -> str | None:
    """Return a font of this machine that has every character of `text`, if there is one."""
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    def rank(name: str) -> int:
        return next((i for i, known in enumerate(_FONTS) if name.startswith(known)), len(_FONTS))

    wanted = {ord(character) for character in text if not character.isspace()}
    if all(code < 0x80 for code in wanted):
        return "DejaVu Sans"
    for entry in sorted(fontManager.ttflist, key=lambda entry: (rank(entry.name), entry.name)):
        if entry.name.startswith(_BOXES):
            continue
        try:
            face = FT2Font(entry.fname)
        except (OSError, RuntimeError):
            continue  # Listed in matplotlib's cache, but gone or broken since.
        if entry.style == "normal" and all(face.get_char_index(code) for code in wanted):
            return entry.name
    return None


def writable(text: str, *fonts: str) -> str:
    """Leave out of `text` what none of some fonts has: it would be an empty box."""
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    files = {entry.name: entry.fname for entry in fontManager.ttflist if entry.style == "normal"}
    faces = [FT2Font(files[font]) for font in fonts if font in files]
    kept = "".join(
        letter
        for letter in text
        if letter == " " or any(face.get_char_index(ord(letter)) for face in faces)
    )
    return " ".join(kept.split())
