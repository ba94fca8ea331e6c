"""SQL of the SSH keys that people log in to their guests with."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from bot.database import Transaction
from bot.moments import from_micros, to_micros

Reader = sqlite3.Connection | Transaction


@dataclass(frozen=True, slots=True)
class SshKey:
    """A person's public key. `key` is "kind base64"; `fingerprint` as `ssh-keygen -l` prints it."""

    id: int
    name: str
    key: str
    fingerprint: str
    added_at: datetime

    @property
    def kind(self) -> str:
        """What `ssh-keygen` calls this kind of key, like "ssh-ed25519"."""
        return self.key.partition(" ")[0]


def _key_of(row: sqlite3.Row) -> SshKey:
    return SshKey(
        id=row["id"],
        name=row["name"],
        key=row["key"],
        fingerprint=row["fingerprint"],
        added_at=from_micros(row["added_at"]),
    )


def of_person(connection: Reader, guild_id: int, user_id: int) -> list[SshKey]:
    """Return a person's keys in a guild, oldest first."""
    rows = connection.execute(
        "SELECT * FROM ssh_keys WHERE guild_id = ? AND user_id = ? ORDER BY id",
        (guild_id, user_id),
    )
    return [_key_of(row) for row in rows]


def insert(
    tx: Transaction,
    guild_id: int,
    user_id: int,
    *,
    name: str,
    key: str,
    fingerprint: str,
    at: datetime,
) -> SshKey:
    """Put a key there and return it."""
    row = tx.execute(
        "INSERT INTO ssh_keys (guild_id, user_id, name, key, fingerprint, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        (guild_id, user_id, name, key, fingerprint, to_micros(at)),
    ).fetchone()
    return _key_of(row)


def delete(tx: Transaction, key_id: int) -> None:
    """Take a key away."""
    tx.execute("DELETE FROM ssh_keys WHERE id = ?", (key_id,))


def forget_keys(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take all of a person's keys in a guild away."""
    tx.execute("DELETE FROM ssh_keys WHERE guild_id = ? AND user_id = ?", (guild_id, user_id))
