"""A US keyboard: which keys a text takes, and what number Linux gives each."""

from collections.abc import Sequence

from bot.lab.errors import EngineRefused
from bot.lab.guest_errors import CantType

# linux/input-event-codes.h, without KEY_ before each name.
_ROWS = (
    (1, ("ESC", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "MINUS", "EQUAL", "BACKSPACE")),
    (15, ("TAB", "Q", "W", "E", "R", "T", "Y", "U", "I", "O", "P", "LEFTBRACE", "RIGHTBRACE")),
    (28, ("ENTER", "LEFTCTRL", "A", "S", "D", "F", "G", "H", "J", "K", "L", "SEMICOLON")),
    (40, ("APOSTROPHE", "GRAVE", "LEFTSHIFT", "BACKSLASH", "Z", "X", "C", "V", "B", "N", "M")),
    (51, ("COMMA", "DOT", "SLASH", "RIGHTSHIFT", "KPASTERISK", "LEFTALT", "SPACE", "CAPSLOCK")),
    (59, ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10")),
    (87, ("F11", "F12")),
    (97, ("RIGHTCTRL",)),
    (99, ("SYSRQ", "RIGHTALT")),
    (102, ("HOME", "UP", "PAGEUP", "LEFT", "RIGHT", "END", "DOWN", "PAGEDOWN", "INSERT", "DELETE")),
    (125, ("LEFTMETA", "RIGHTMETA")),
)
KEY_CODES = {name: first + place for first, names in _ROWS for place, name in enumerate(names)}

# What each key gives alone and with Shift.
_PLAIN = "1234567890-=qwertyuiop[]asdfghjkl;'`\\zxcvbnm,./"
_SHIFTED = '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>?'
_PLAIN_KEYS = (
    *_ROWS[0][1][1:13],
    *_ROWS[1][1][1:],
    *_ROWS[2][1][2:],
    *_ROWS[3][1][:2],
    *_ROWS[3][1][3:],
    *_ROWS[4][1][:3],
)
_TYPED: dict[str, tuple[str, ...]] = {
    " ": ("SPACE",),
    "\n": ("ENTER",),
    "\t": ("TAB",),
    **{mark: (key,) for mark, key in zip(_PLAIN, _PLAIN_KEYS, strict=True)},
    **{mark: ("LEFTSHIFT", key) for mark, key in zip(_SHIFTED, _PLAIN_KEYS, strict=True)},
}
# What QEMU takes at once.
MOST_AT_ONCE = 16


def checked_keys(keys: Sequence[str]) -> list[int]:
    """Return the numbers of keys that are pressed together.

    Raises:
        EngineRefused: there is no such key, none at all, or too many.
    """
    unknown = [key for key in keys if key not in KEY_CODES]
    if unknown or not 0 < len(keys) <= MOST_AT_ONCE:
        raise EngineRefused(why=f"no such keys: {' '.join(unknown or keys)}")
    return [KEY_CODES[key] for key in keys]


def strokes(text: str) -> list[tuple[str, ...]]:
    """Return the keys that type a text, one stroke after the other.

    Raises:
        CantType: with all the characters that can't be typed.
    """
    text = text.replace("\r\n", "\n")
    strange = "".join(dict.fromkeys(mark for mark in text if mark not in _TYPED))
    if strange:
        raise CantType(characters=strange)
    return [_TYPED[mark] for mark in text]
