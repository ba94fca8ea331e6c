"""The row of counted time."""

from collections.abc import Callable

from bot.database import Transaction
from bot.moments import from_micros, to_micros
from bot.recordings.counted import Counted, Reading, advance, begin
from bot.recordings.store import length_of, length_or_none, micros

Clocks = Callable[[], Reading]


def look(tx: Transaction, reading: Reading) -> Counted:
    """Count up to now, and keep it."""
    row = tx.execute("SELECT * FROM counted_time").fetchone()
    if row is None:
        state = begin(reading)
    else:
        last = Reading(from_micros(row["wall"]), row["boot"], length_of(row["since_boot"]))
        known = Counted(
            counted=length_of(row["counted"]),
            last=last,
            settling_since=length_or_none(row["settling_since"]),
            counted_before=length_of(row["counted_before"]),
            wall_before=from_micros(row["wall_before"]),
            ahead=length_of(row["ahead"]),
            ahead_since=length_or_none(row["ahead_since"]),
        )
        state = advance(known, reading)
    tx.execute(
        "INSERT OR REPLACE INTO counted_time (id, counted, wall, boot, since_boot, settling_since,"
        " counted_before, wall_before, ahead, ahead_since) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            micros(state.counted),
            to_micros(state.last.wall),
            state.last.boot,
            micros(state.last.since_boot),
            None if state.settling_since is None else micros(state.settling_since),
            micros(state.counted_before),
            to_micros(state.wall_before),
            micros(state.ahead),
            None if state.ahead_since is None else micros(state.ahead_since),
        ),
    )
    return state
