"""People's words inside the bot's messages: clipped, and unable to disturb what stands around."""

import re

import discord


def clip(text: str, length: int) -> str:
    """Shorten `text` to `length` characters, with an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str, length: int = 100) -> str:
    """Put `text` on one line as it was typed, its Markdown without effect."""
    escaped = discord.utils.escape_markdown(clip(" ".join(text.split()), length))
    # Of several masked links that escapes the first alone.
    return escaped.replace("](", "]\\(")


def plain_line(text: str, length: int = 100) -> str:
    """Put `text` on one line for places that know no Markdown (options, labels)."""
    return clip(" ".join(text.split()), length)


def quoted(text: str, length: int) -> str:
    """Quote `text` line by line: code and emphasis stay, links show where they lead."""
    text = re.sub(r"\]\(", "]\\(", clip(text.strip(), length))
    return "\n".join(f"> {line}" if line.strip() else ">" for line in text.splitlines())


# What moves a terminal's cursor or names its window, and what turns the direction of writing.
_CONTROL = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\\\)"
    "|\x1b[ -/]+[0-~]|\x1b[@-_]"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u202a-\u202e\u2066-\u2069]"
)


def printed(output: bytes | str) -> str:
    """Read what a program printed as a terminal would show it, without colours."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    return _CONTROL.sub("", re.sub(r"\r\n?", "\n", text)).strip("\n")


def fenced(text: str) -> str:
    """Put `text` into a code block that nothing in it can end."""
    return "```\n" + re.sub("`(?=`)", "`\u200b", text) + "\n```"


def coded(text: str, length: int = 100) -> str:
    """Put `text` on one line as code."""
    return "`" + plain_line(_CONTROL.sub("", text), length).replace("`", "ˋ") + "`"


def page(text: str, length: int, *, from_end: bool = False) -> str:
    """Return as many whole lines as fit, the first or the last ones; a single long one is cut."""
    if len(text) <= length:
        return text
    if from_end:
        part = text[-length:]
        return part.partition("\n")[2] or part
    part = text[:length]
    return part.rpartition("\n")[0] or part


def jump_url(guild_id: int, channel_id: int, message_id: int | None) -> str:
    """Return the address of a message, or of the channel."""
    base = f"https://discord.com/channels/{guild_id}/{channel_id}"
    return f"{base}/{message_id}" if message_id else base
