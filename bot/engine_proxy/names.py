"""How the engine's objects may be called. None of these can be mistaken for a path."""

IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
EXECUTION = r"[0-9a-f]{64}"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"

REGISTRY = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
DIGEST = r"sha256:[0-9a-f]{64}"
REPOSITORY = rf"(?:{REGISTRY}/)?{_PART}(?:/{_PART})*"
# A whole reference, or an id; an id without "sha256:" reads as a repository.
IMAGE = rf"(?:{REPOSITORY}(?::{TAG})?(?:@{DIGEST})?|{DIGEST})"
