"""StudyBot and its command tree: start-up, command sync, Discord's translator, errors."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.database import Database, fact, put_fact
from bot.errors import N_, OperatorError
from bot.localization import locale_of, words
from cogs.controls import DYNAMIC_ITEMS
from cogs.kit import Interaction, Services, report

log = structlog.get_logger(__name__)

# Names stay English in both languages: mentions of commands always show the English one, and
# the speaker says "container run" aloud. Only /ask is 質問.
LOCALISED_NAMES = frozenset({"ask", "Add as question"})

_COMMANDS_DIGEST = "commands_digest"

# How discord.py names the tasks in which it handles what people do.
_HANDLERS = (
    "discord.py: on_message",
    "discord.py: on_raw_",
    "CommandTree-invoker",
    "discord-ui-",
)
_FINISH_SECONDS = 3


class IntentMissing(OperatorError):
    """A privileged intent is switched off."""

    message = N_(
        "Discord refused the bot because an intent is switched off. Open"
        " https://discord.com/developers/applications, choose your application, then Bot, and"
        " switch “Message Content Intent” on. Then start again."
    )


class TokenRefused(OperatorError):
    """Not a token of a bot's."""

    message = N_(
        "Discord refused the token. Open https://discord.com/developers/applications, choose"
        " your application, then Bot, press “Reset Token”, and put the new one into .env as"
        " DISCORD_TOKEN."
    )


def intents() -> discord.Intents:
    """Return what the bot asks to be told of; message content alone is privileged."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.message_content = True
    wanted.guild_reactions = True
    wanted.moderation = True
    wanted.guild_scheduled_events = True
    return wanted


class Translator(app_commands.Translator):
    """Gives Discord the Japanese of names and descriptions."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return the Japanese of a string, None to keep the English."""
        if locale_of(locale) != "ja":
            return None
        names = (
            app_commands.TranslationContextLocation.command_name,
            app_commands.TranslationContextLocation.group_name,
            app_commands.TranslationContextLocation.parameter_name,
        )
        if context.location in names and string.message not in LOCALISED_NAMES:
            return None
        _ = words("ja")
        return _(string.message) if _.knows(string.message) else None


class StudyTree(app_commands.CommandTree["StudyBot"]):
    """A command tree with the one translator of errors."""

    async def on_error(
        self, interaction: Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Tell the person."""
        await report(interaction, error)


class StudyBot(commands.Bot):
    """The client. Cogs find the services on it."""

    def __init__(self, database: Database) -> None:
        # The bot has no use for voice, and its operator none for being told of missing libraries.
        discord.VoiceClient.warn_nacl = False
        discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=(),
            intents=intents(),
            tree_cls=StudyTree,
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            # Raw events and rows of our own serve instead of caches.
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
        )
        self._database = database
        self.services: Services
        self.cogs_to_load: Sequence[commands.Cog] = ()
        self.menus: Sequence[app_commands.ContextMenu] = ()
        self.message_listener: Callable[[discord.Message], Awaitable[None]] | None = None
        self._first_ready = asyncio.Event()
        self._is_leaving = False

    async def setup_hook(self) -> None:
        """Load everything once, before the gateway; sync commands if they changed."""
        await self.tree.set_translator(Translator())
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        for cog in self.cogs_to_load:
            await self.add_cog(cog)
        for menu in self.menus:
            self.tree.add_command(menu)
        await self._sync_if_changed()

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Keep the failure of a listener for the log; what it missed is read up on later."""
        log.error("listener failed", listener=event_method, exc_info=sys.exception())

    async def on_ready(self) -> None:
        """Let the rest of the program begin."""
        self._first_ready.set()

    async def wait_until_first_ready(self) -> None:
        """Wait until Discord has told of all guilds; safe to call before the login."""
        await self._first_ready.wait()

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        """Hand an event out, unless the bot is leaving: what comes then is read up later.

        Nor are the bot's own reactions news: each receipt comes back as one.
        """
        if self._is_leaving:
            return
        if event_name == "raw_reaction_add" and self.user and args[0].user_id == self.user.id:
            return
        super().dispatch(event_name, *args, **kwargs)

    async def close(self) -> None:
        """Finish what people began, then go."""
        self._is_leaving = True
        begun = [task for task in asyncio.all_tasks() if task.get_name().startswith(_HANDLERS)]
        if begun:
            await asyncio.wait(begun, timeout=_FINISH_SECONDS)
        # Reading up may take long, and begins anew at the next start.
        for task in asyncio.all_tasks():
            if task.get_name().startswith("discord.py: on_ready"):
                task.cancel()
        await super().close()

    async def on_message(self, message: discord.Message, /) -> None:
        """Hand a message on. A cog's listener would cost a second task for each of them."""
        if self.message_listener is not None:
            await self.message_listener(message)

    async def _sync_if_changed(self) -> None:
        translator = self.tree.translator
        payload = [
            await command.get_translated_payload(self.tree, translator)
            if translator
            else command.to_dict(self.tree)
            for command in self.tree.get_commands()
        ]
        text = json.dumps([self.application_id, payload], sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if await self._database.read(fact, _COMMANDS_DIGEST) == digest:
            return
        synced = await self.tree.sync()
        await self._database.write(put_fact, _COMMANDS_DIGEST, digest)
        log.info("commands synced", number=len(synced))
