"""The player's page and the sentence that stands where there is none, as HTML."""

from html import escape

from bot.errors import N_
from bot.localization import Words
from bot.recordings import Chapter, Served, spoken_place

_RECORDING = N_("Recording")
_HEAD = """<!doctype html>
<html lang="{locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{static}/player.css">
{script}</head>
<body>
<main>
"""
_SCRIPT = '<script src="static/player.js" defer></script>\n'
_PLAYER = """{head}<h1>{title}</h1>
<{kind} id="player" controls preload="metadata" src="{token}/file" aria-label="{title}">
<track kind="chapters" src="{token}/chapters.vtt" srclang="{locale}" label="{chapters}" default>
{instead}</{kind}>
{list}<p><a href="{token}/file?save=1" download>{save}</a> <span class="quiet">{size}</span></p>
<p class="quiet">{ends}</p>
{foot}"""
_FOOT = "</main>\n</body>\n</html>\n"


def player(served: Served, token: str, words: Words) -> str:
    """Write the page of a recording. It works without its script, too."""
    _ = words
    kind = "audio" if served.media_type.startswith("audio/") else "video"
    until = served.expires_at
    shown = f'<time datetime="{until.isoformat()}">{until:%Y-%m-%d %H:%M} UTC</time>'
    ends = escape(_("This link is for you alone and works until {until}.", until="\0"))
    return _PLAYER.format(
        head=_head(served.title, _, "static", _SCRIPT),
        kind=kind,
        title=escape(served.title),
        token=token,
        locale=_.locale,
        chapters=escape(_("Chapters")),
        instead=escape(_("Your browser can't play this. Save it, and open it with a player.")),
        list=_chapters(served.chapters, f"{token}/file", _) if served.chapters else "",
        save=escape(_("Save the file")),
        size=size(served.size_bytes),
        ends=ends.replace("\0", shown),
        foot=_FOOT,
    )


def refusal(text: str, words: Words, static: str) -> str:
    """Write the page that says what is in the way."""
    _ = words
    return _head(_(_RECORDING), _, static, "") + f"<p>{escape(text)}</p>\n" + _FOOT


def _head(title: str, words: Words, static: str, script: str) -> str:
    return _HEAD.format(locale=words.locale, title=escape(title), static=static, script=script)


def _chapters(chapters: tuple[Chapter, ...], file: str, words: Words) -> str:
    _ = words
    lines = [f'<nav aria-label="{escape(_("Chapters"))}">\n<h2>{escape(_("Chapters"))}</h2>\n<ol>']
    for chapter in chapters:
        at = int(chapter.at.total_seconds())
        place = f'<span class="at">{spoken_place(chapter.at)}</span>'
        lines.append(
            f'<li><a href="{file}#t={at}" data-at="{at}">{place} {escape(chapter.title)}</a></li>'
        )
    return "\n".join([*lines, "</ol>\n</nav>\n"])


def size(number: int) -> str:
    """Write a file's size."""
    if number < 1_000_000:
        return f"{max(1, number // 1000)} kB"
    return f"{number / 1e6:.0f} MB" if number < 1_000_000_000 else f"{number / 1e9:.1f} GB"
