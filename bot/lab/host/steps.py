"""What setting a host up, or releasing it, says: a sentence for each thing that was looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What was looked at: whether anything had to change, and a sentence about it."""

    changed: bool
    text: str

    def __str__(self) -> str:
        return self.text


def now(changed: bool, verb: str = "has") -> str:
    """Return "now has" or "already has"."""
    return f"now {verb}" if changed else f"already {verb}"


def gone(changed: bool) -> str:
    """Return how something that was to go is absent."""
    return "no longer has any" if changed else "had no"
