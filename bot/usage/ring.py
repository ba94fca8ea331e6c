"""The last minutes of one instance or host, in memory: packed, for there may be hundreds."""

import math
import struct
from collections import deque
from datetime import UTC, datetime

from bot.usage.model import FIGURES, Point, Sample, Spread

KEPT_SECONDS = 15 * 60
EVERY_SECONDS = 2.0
MOST = int(KEPT_SECONDS / EVERY_SECONDS)

_PACKED = struct.Struct(f"={2 + len(FIGURES)}d")
_ABSENT = math.nan


class Ring:
    """Samples of the last fifteen minutes, the oldest falling out.

    One thread puts samples in; any other may read meanwhile.
    """

    def __init__(self) -> None:
        self._packed: deque[bytes] = deque(maxlen=MOST)

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, sample: Sample) -> None:
        """Add the newest."""
        values = (getattr(sample, name) for name in FIGURES)
        self._packed.append(
            _PACKED.pack(
                sample.at.timestamp(),
                sample.seconds,
                *(_ABSENT if value is None else value for value in values),
            )
        )

    def points(self, since: datetime) -> list[Point]:
        """Return the samples taken after then, in the order they were taken."""
        # A copy made in one go: the other thread goes on meanwhile.
        unpacked = (_PACKED.unpack(packed) for packed in tuple(self._packed))
        return [_point(values) for values in unpacked if values[0] > since.timestamp()]


def _point(values: tuple[float, ...]) -> Point:
    at, seconds, *figures = values
    return Point(
        at=datetime.fromtimestamp(at, UTC),
        seconds=seconds or EVERY_SECONDS,
        figures={
            name: Spread(value, value, value)
            for name, value in zip(FIGURES, figures, strict=True)
            if not math.isnan(value)
        },
        after_hole=seconds == 0.0,
    )
