"""The least that takes a question: one sqlite3 transaction and the reaction."""

import os
import sqlite3

import discord

from tests.benchmarks.peers import Peer, run


class Minimal(Peer):
    """Keeps what begins with `Q.` and reacts, nothing more."""

    def __init__(self) -> None:
        super().__init__()
        self._database = sqlite3.connect(os.environ["PEER_DATABASE"], isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS questions (id INTEGER PRIMARY KEY, channel_id INTEGER,"
            " message_id INTEGER, author_id INTEGER, name TEXT, body TEXT, asked_at TEXT)"
        )

    async def on_message(self, message: discord.Message) -> None:
        """Take a question."""
        if message.author.bot or not message.content.startswith("Q."):
            return
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute(
            "INSERT INTO questions (channel_id, message_id, author_id, name, body, asked_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                message.channel.id,
                message.id,
                message.author.id,
                message.author.display_name,
                message.content[2:].strip(),
                message.created_at.isoformat(),
            ),
        )
        self._database.execute("COMMIT")
        await message.add_reaction("📝")


if __name__ == "__main__":
    run(Minimal())
