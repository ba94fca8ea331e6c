"""People's words inside the bot's messages: clipped, and unable to disturb what stands around."""

import re

import discord


def clip(text: str, length: int) -> str:
    """Shorten `text` to `length` characters, with an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str, length: int = 100) -> str:
    """Put `text` on one line as it was typed, its Markdown without effect."""
    return discord.utils.escape_markdown(clip(" ".join(text.split()), length))


def plain_line(text: str, length: int = 100) -> str:
    """Put `text` on one line for places that know no Markdown (options, labels)."""
    return clip(" ".join(text.split()), length)


def quoted(text: str, length: int) -> str:
    """Quote `text` line by line: code and emphasis stay, links show where they lead."""
    text = re.sub(r"\]\(", "]\\(", clip(text.strip(), length))
    return "\n".join(f"> {line}" if line.strip() else ">" for line in text.splitlines())


def jump_url(guild_id: int, channel_id: int, message_id: int | None) -> str:
    """Return the address of a message, or of the channel."""
    base = f"https://discord.com/channels/{guild_id}/{channel_id}"
    return f"{base}/{message_id}" if message_id else base
