"""References to images, as engines read them."""

import re
from dataclasses import dataclass

from bot.lab.errors import BadImageName

# What may stand in a reference or an image's id, and so in the path of a call about it.
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._:/-]*(?::[\w.-]+)?(?:@[a-z0-9]+:[a-f0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A "registry/repository:tag" or "…@digest", taken apart.

    `registry` None: none is named, so the engine asks the public hub. `version` is the tag or
    the digest; a digest has a colon in it.
    """

    registry: str | None
    repository: str
    version: str

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Take a reference apart; without a tag it is "latest", as everywhere."""
        name, _, digest = text.partition("@")
        head, slash, rest = name.partition("/")
        registry = None
        if slash and ("." in head or ":" in head or head == "localhost"):
            registry, name = head, rest
        repository, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = name, "latest"
        return cls(registry, repository, digest or tag)

    @staticmethod
    def checked(text: str) -> str:
        """Return it as it is. Raises `BadImageName` when it could lead a call elsewhere."""
        if not _REFERENCE.fullmatch(text) or {"", ".", ".."} & set(text.split("/")):
            raise BadImageName(text=text)
        return text

    @property
    def has_digest(self) -> bool:
        """Whether it names one exact image."""
        return ":" in self.version

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    def at(self, version: str) -> "Reference":
        """Name another tag or digest of the same repository."""
        return Reference(self.registry, self.repository, version)

    def through(self, mirror: str) -> "Reference":
        """Name the same image of the public hub in a mirror of it."""
        host = mirror.rpartition("://")[2].rstrip("/")
        inside = self.repository if "/" in self.repository else f"library/{self.repository}"
        return Reference(host, inside, self.version)

    def __str__(self) -> str:
        return f"{self.name}{'@' if self.has_digest else ':'}{self.version}"
