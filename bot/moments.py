"""Moments, and how they are stored: aware, in UTC, in whole microseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def to_micros(moment: datetime) -> int:
    """Store an aware time as microseconds since 1970."""
    # In whole numbers: a float would lose a microsecond on every other round trip.
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Read back what `to_micros` stored."""
    return _EPOCH + micros * _MICROSECOND


def from_micros_or_none(micros: int | None) -> datetime | None:
    """Read back a time that may be absent."""
    return None if micros is None else from_micros(micros)
