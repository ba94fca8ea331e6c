"""Where a link leads, and who says whether one may be opened."""

from typing import Protocol

from bot.recordings import Served


class Links(Protocol):
    """Hands out what a signed link stands for."""

    async def open_link(self, token: str) -> Served:
        """Return what a link leads to.

        Raises:
            LinkRefused: it is forged, expired or revoked.
        """
        ...


def link_to(base: str, token: str, locale: str | None = None) -> str:
    """Return the address of a recording's page; `locale` picks its language."""
    return f"{base}/r/{token}" + (f"?lang={locale}" if locale else "")
