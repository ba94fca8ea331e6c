"""Writes what the documentation says of commands and settings out of the code.

python -m scripts.generate_docs           write
python -m scripts.generate_docs --check   exit status 1 where a file is out of date
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import discord
from discord import app_commands
from pydantic_core import PydanticUndefined

from bot.app import build
from bot.localization import Words, words
from bot.settings import Settings
from cogs.permissions import PERMISSION_NAMES, PERMISSIONS, spoken
from cogs.questions.cog import MENU_DESCRIPTIONS

ROOT = Path(__file__).resolve().parent.parent

# Who a command is for; those above may use it too. A command missing here is an error.
WHO = {
    "ask": "attendee",
    "Add as question": "attendee",
    "questions list": "attendee",
    "questions mine": "attendee",
    "find": "attendee",
    "export": "attendee",
    "stats": "attendee",
    "me export": "attendee",
    "me erase": "attendee",
    "session status": "attendee",
    "session list": "attendee",
    "notes history": "attendee",
    "recording list": "attendee",
    "recording chapters": "attendee",
    "image list": "attendee",
    "image search": "attendee",
    "container run": "attendee",
    "container list": "attendee",
    "container stats": "attendee",
    "container logs": "attendee",
    "container exec": "attendee",
    "container stop": "attendee",
    "container start": "attendee",
    "container restart": "attendee",
    "container remove": "attendee",
    "container inspect": "attendee",
    "container top": "attendee",
    "container extend": "attendee",
    "vm create": "attendee",
    "vm list": "attendee",
    "vm template list": "attendee",
    "vm start": "attendee",
    "vm stop": "attendee",
    "vm force-stop": "attendee",
    "vm reboot": "attendee",
    "vm pause": "attendee",
    "vm resume": "attendee",
    "vm delete": "attendee",
    "vm extend": "attendee",
    "vm info": "attendee",
    "vm console": "attendee",
    "vm screen": "attendee",
    "vm snapshot create": "attendee",
    "vm snapshot list": "attendee",
    "vm snapshot revert": "attendee",
    "vm snapshot delete": "attendee",
    "iso list": "attendee",
    "ssh-key add": "attendee",
    "ssh-key list": "attendee",
    "ssh-key remove": "attendee",
    "lab mine": "attendee",
    "lab layers": "attendee",
    "lab status": "attendee",
    "lab top": "attendee",
    "lab graph": "attendee",
    "lab compare": "attendee",
    "lab report": "attendee",
    "recording add": "note_taker",
    "recording keep": "note_taker",
    "recording extend": "note_taker",
    "recording remove": "note_taker",
    "recording offset": "note_taker",
    "recording consent": "speaker",
    "next": "note_taker",
    "questions close": "note_taker",
    "questions merge": "note_taker",
    "questions move": "note_taker",
    "session publish": "note_taker",
    "notes post": "note_taker",
    "notes watch": "note_taker",
    "notes unwatch": "note_taker",
    "notes import-answers": "note_taker",
    "session start": "speaker",
    "session edit": "speaker",
    "session end": "speaker",
    "image pull": "speaker",
    "image remove": "speaker",
    "lab clear": "speaker",
    "lab freeze": "speaker",
    "lab thaw": "speaker",
    "lab kill": "speaker",
    "lab leaders": "speaker",
    "questions reveal": "moderator",
    "setup": "moderator",
    "lab close": "moderator",
    "lab open": "moderator",
    "lab ban": "moderator",
    "lab unban": "moderator",
    "lab audit": "moderator",
}
ROLES = {
    "attendee": {"en": "Everybody", "ja": "全員"},
    "note_taker": {"en": "Note-takers, the speaker, moderators", "ja": "書記・登壇者・運営"},
    "speaker": {"en": "The speaker, moderators", "ja": "登壇者・運営"},
    "moderator": {"en": "Moderators", "ja": "運営"},
}
HEADINGS = {
    "en": ("Command", "What it does", "Option", "Meaning", "required"),
    "ja": ("コマンド", "内容", "オプション", "意味", "必須"),
}
TITLES = {"en": "Commands", "ja": "コマンド一覧"}
NOTES = {
    "en": "Written by `make docs` out of the code. In a session's channel and its threads no"
    " command needs to name the session.",
    "ja": "`make docs` がコードから生成しています。勉強会のチャンネルとそのスレッドでは、"
    "勉強会を指定する必要はありません。",
}

Command = app_commands.Command | app_commands.ContextMenu


async def commands() -> list[Command]:
    """Return every command of the bot, groups resolved."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(study_bot_data=Path(folder), _env_file=None)
        async with build(settings) as app:
            for cog in app.client.cogs_to_load:
                await app.client.add_cog(cog)
            for menu in app.client.menus:
                app.client.tree.add_command(menu)
            found = list(_leaves(app.client.tree.get_commands()))
            found += app.client.tree.get_commands(type=discord.AppCommandType.message)
            return found


def _leaves(tree: object) -> Iterator[Command]:
    for command in tree:
        if isinstance(command, app_commands.Group):
            yield from _leaves(command.commands)
        elif isinstance(command, app_commands.Command):
            yield command


def who(command: Command) -> str:
    """Return whom a command is for."""
    return WHO[command.qualified_name]


def name(command: Command, _: Words) -> str:
    """Write a command as people find it."""
    if isinstance(command, app_commands.ContextMenu):
        return f"Apps → {_(command.name)}"
    localised = _(command.name) if command.name == "ask" else command.qualified_name
    return f"`/{localised}`"


def description(command: Command, _: Words) -> str:
    """Write what a command does."""
    if isinstance(command, app_commands.ContextMenu):
        return _(MENU_DESCRIPTIONS[command.name])
    return _(str(command._locale_description or command.description))


def reference(found: list[Command], locale: str) -> str:
    """Write the command reference."""
    _ = words(locale)
    _command, _what, option_head, meaning, required = HEADINGS[locale]
    lines = [f"# {TITLES[locale]}", "", NOTES[locale], ""]
    for role, title in ROLES.items():
        lines += [f"## {title[locale]}", ""]
        for command in sorted(found, key=lambda one: one.qualified_name):
            if who(command) != role:
                continue
            lines += [f"### {name(command, _)}", "", description(command, _), ""]
            options = [] if isinstance(command, app_commands.ContextMenu) else command.parameters
            if options:
                lines += [f"| {option_head} | {meaning} |", "| --- | --- |"]
                for option in options:
                    mark = f" ({required})" if option.required else ""
                    text = _(str(option._Parameter__parent.description))
                    lines.append(f"| `{option.display_name}`{mark} | {text} |")
                lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def short_table(found: list[Command], locale: str) -> str:
    """Write the README's table of commands, by role."""
    _ = words(locale)
    command_head, what, *_rest = HEADINGS[locale]
    lines: list[str] = []
    for role, title in ROLES.items():
        lines += [f"**{title[locale]}**", "", f"| {command_head} | {what} |", "| --- | --- |"]
        lines += [
            f"| {name(command, _)} | {description(command, _)} |"
            for command in sorted(found, key=lambda one: one.qualified_name)
            if who(command) == role
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def settings_table(locale: str) -> str:
    """Write the table of settings."""
    _ = words(locale)
    head = ("Setting", "Default", "Meaning") if locale == "en" else ("設定", "既定値", "意味")
    lines = [f"| {head[0]} | {head[1]} | {head[2]} |", "| --- | --- | --- |"]
    for key, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, PydanticUndefined) else f"`{default}`"
        text = _(field.description or "").replace("|", "\\|")
        lines.append(f"| `{key.upper()}` | {shown} | {text} |")
    return "\n".join(lines)


def replaced(text: str, marker: str, content: str) -> str:
    """Put `content` between the two comments that carry `marker`."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before, _begin, rest = text.partition(begin)
    _old, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"a README lacks {begin} … {end}")
    gap = "\n" if "\n" in content else ""
    return f"{before}{begin}{gap}{content}{gap}{end}{after}"


def documents() -> dict[Path, str]:
    """Return every generated file's path and content."""
    found = asyncio.run(commands())
    missing = {one.qualified_name for one in found} ^ set(WHO)
    if missing:
        raise SystemExit(f"scripts/generate_docs.py and the code differ in: {sorted(missing)}")
    result: dict[Path, str] = {}
    for locale, suffix in (("en", ""), ("ja", ".ja")):
        result[ROOT / "docs" / f"commands{suffix}.md"] = reference(found, locale)
        title = "# Configuration" if locale == "en" else "# 設定"
        note = (
            "Settings come from the environment or from `.env`; a bad value names its key."
            if locale == "en"
            else "設定は環境変数または `.env` から読み込みます。誤った値は名前を挙げて知らせます。"
        )
        result[ROOT / "docs" / f"configuration{suffix}.md"] = (
            f"{title}\n\n{note}\n\n{settings_table(locale)}\n"
        )
        readme = ROOT / f"README{suffix}.md"
        text = readme.read_text(encoding="utf-8")
        text = replaced(text, "permissions", spoken(PERMISSION_NAMES, words(locale)))
        text = re.sub(r"permissions=\w+", f"permissions={PERMISSIONS.value}", text)
        text = replaced(text, "commands", short_table(found, locale))
        result[readme] = replaced(text, "settings", settings_table(locale))
    return result


def main() -> int:
    """Write, or check."""
    stale = 0
    for path, content in documents().items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{path.relative_to(ROOT)} is out of date; run make docs")
        else:
            path.write_text(content, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
