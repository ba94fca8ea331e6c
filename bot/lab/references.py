"""Names of images, as the engine reads them, and the operator's patterns for those allowed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from bot.lab.errors import BadImageName
from bot.lab.inputs import normalised

HUB = "docker.io"
OFFICIAL = "official"

_HUB_NAMES = (HUB, "index.docker.io")
_LIBRARY = "library/"
_MOST_NAME_LENGTH = 255
_MOST_LENGTH = 600

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]{{2,45}}\])(?::[0-9]{{1,5}})?", re.ASCII
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}", re.ASCII)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A name of an image in full: every default filled in.

    `repository` has the hub's "library/" where it belongs. `tag` is None only beside a digest.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "nginx", "ghcr.io/org/app:1.2", "127.0.0.1:5000/study/nginx@sha256:…".

        Raises:
            BadImageName.
        """
        plain = normalised(text)
        if len(plain) > _MOST_LENGTH:
            raise BadImageName(text=text[:80])
        name, tag, digest = _split(plain)
        registry, repository = _split_registry(name)
        if (
            not _REGISTRY.fullmatch(registry)
            or not _REPOSITORY.fullmatch(repository)
            or (tag is not None and not _TAG.fullmatch(tag))
            or (digest is not None and not _DIGEST.fullmatch(digest))
            or len(registry) + 1 + len(repository) > _MOST_NAME_LENGTH
            # The engine would take it for the id of an image.
            or _IMAGE_ID.fullmatch(name)
        ):
            raise BadImageName(text=text)
        if tag is None and digest is None:
            tag = "latest"
        return cls(registry, repository, tag, digest)

    @property
    def canonical(self) -> str:
        """The whole name: "docker.io/library/nginx:latest"."""
        return f"{self.registry}/{self.repository}{self._end}"

    @property
    def familiar(self) -> str:
        """The short form of the engine's own lists: "nginx:latest"."""
        return f"{self.familiar_name}{self._end}"

    @property
    def familiar_name(self) -> str:
        """The short form without tag and digest: "nginx"."""
        if self.names_registry:
            return f"{self.registry}/{self.repository}"
        return self.repository.removeprefix(_LIBRARY) if self.is_official else self.repository

    @property
    def names_registry(self) -> bool:
        """Whether it lies elsewhere than on the public hub, which a mirror may stand for."""
        return self.registry != HUB

    @property
    def is_official(self) -> bool:
        """Whether it is one of the public hub's official images."""
        return (
            self.registry == HUB
            and self.repository.startswith(_LIBRARY)
            and self.repository.count("/") == 1
        )

    @property
    def _end(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{tag}@{self.digest}" if self.digest is not None else tag

    def __str__(self) -> str:
        return self.familiar


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """One entry of the operator's list of allowed images.

    `*` stands for anything within one part of a name; at the very end of a name, after a
    slash, for everything below.
    """

    name: re.Pattern[str]
    tag: re.Pattern[str] | None
    digest: str | None

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Self:
        """Read "nginx", "nginx:1.*", "ghcr.io/org/*", "official" or "app@sha256:…".

        Raises:
            BadImageName.
        """
        plain = text.strip()
        # With something in the place of each `*` it must be a name that the engine takes.
        ImageReference.parse(plain.replace("*", "0"))
        if plain == OFFICIAL:
            return cls(re.compile(re.escape(f"{HUB}/{_LIBRARY}") + "[^/]+"), None, None)
        name, tag, digest = _split(plain)
        if digest is not None and "*" in digest:
            raise BadImageName(text=text)
        registry, repository = _split_registry(name)
        return cls(
            re.compile(_expression(f"{registry}/{repository}")),
            re.compile(_expression(tag)) if tag is not None else None,
            digest,
        )

    def matches(self, reference: ImageReference) -> bool:
        """Say whether an image is one of these."""
        if not self.name.fullmatch(f"{reference.registry}/{reference.repository}"):
            return False
        if self.digest is not None:
            # The engine goes by the digest alone where there is one, so the tag says nothing.
            return reference.digest == self.digest
        if self.tag is None:
            return True
        # Beside a digest a tag is only a claim: any image could hide behind it.
        return (
            reference.tag is not None
            and reference.digest is None
            and self.tag.fullmatch(reference.tag) is not None
        )


def is_allowed(reference: ImageReference, patterns: Iterable[str]) -> bool:
    """Say whether any of the operator's patterns lets an image through."""
    return any(ImagePattern.parse(pattern).matches(reference) for pattern in patterns)


def _split(text: str) -> tuple[str, str | None, str | None]:
    """Take a name apart into name, tag and digest, none of them checked."""
    rest, at, digest = text.partition("@")
    slash = rest.rfind("/")
    colon = rest.rfind(":")
    name, tag = (rest[:colon], rest[colon + 1 :]) if colon > slash else (rest, None)
    return name, tag, digest if at else None


def _split_registry(name: str) -> tuple[str, str]:
    """Take a name apart into registry and repository, with the engine's defaults."""
    first, slash, rest = name.partition("/")
    first = first.lower() if slash else first
    # The engine's own rule for what is a machine and what an organisation on the hub.
    if not slash or not (any(sign in first for sign in ".:") or first == "localhost"):
        return HUB, name if slash else f"{_LIBRARY}{name}"
    if first in _HUB_NAMES:
        return HUB, rest if "/" in rest else f"{_LIBRARY}{rest}"
    return first, rest


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern with `*`."""
    below = pattern.endswith("/*")
    parts = (pattern[:-1] if below else pattern).split("*")
    # Nothing can be spelled with a slash in a registry's or an organisation's name.
    middle = "[^/]*".join(re.escape(part) for part in parts)
    return f"{middle}.+" if below else middle
