"""What the lab forgets of a person who wants to be forgotten."""

from bot.database import Transaction
from bot.lab.key_store import forget_keys


def forget_person(tx: Transaction, guild_id: int, user_id: int) -> None:
    """Take a person's keys away, and them out of instances that have ended.

    Instances that are alive keep their owner until they end.
    """
    forget_keys(tx, guild_id, user_id)
    tx.execute(
        "UPDATE instances SET owner_id = NULL, name = 'erased-' || id, command = '[]',"
        " environment = '{}', guest = '{}'"
        " WHERE guild_id = ? AND owner_id = ? AND ended_at IS NOT NULL",
        (guild_id, user_id),
    )
