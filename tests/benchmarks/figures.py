"""What a benchmark finds out, and how it is told."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class Unavailable(Exception):
    """What a benchmark needs isn't on this machine; says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison. `most` bounds the ratio, `most_ours` our own figure."""

    name: str
    ours: float
    peer: float
    unit: str
    most: float | None = None
    most_ours: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times the peer's figure ours is."""
        return self.ours / self.peer if self.peer else float("inf")

    @property
    def is_missed(self) -> bool:
        """Whether the ratio is above its bound."""
        return self.most is not None and self.ratio > self.most

    def line(self) -> str:
        """Return it as a line: name, ours, peer, ratio, unit, and what is to be said of it."""
        said = [self.note] if self.note else []
        if self.most is not None:
            said.append(f"{'MISSED, ' if self.is_missed else ''}ratio at most {self.most:g}")
        if self.most_ours is not None:
            slow = self.ours > self.most_ours
            said.append(f"{'SLOW, ' if slow else ''}at most {self.most_ours:g} {self.unit}")
        end = f"  ({'; '.join(said)})" if said else ""
        return (
            f"{self.name:<22}{self.ours:>10.2f}{self.peer:>10.2f}{self.ratio:>8.2f}"
            f"  {self.unit}{end}"
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of the values don't exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def write(path: Path, figures: Iterable[Figure]) -> None:
    """Put figures into a JSON file; those of other benchmarks in it stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    for figure in figures:
        known[figure.name] = {
            "ours": round(figure.ours, 4),
            "peer": round(figure.peer, 4),
            "ratio": round(figure.ratio, 4),
            "unit": figure.unit,
        }
    path.write_text(json.dumps(known, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
