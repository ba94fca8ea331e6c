"""Addresses people copy from their browser, as those of the text behind the page."""

import re

from yarl import URL

from bot.notes.errors import BadAddress

_LONGEST = 2000
_GIST = 2  # owner and id
_BLOB = 5  # owner, repository, "blob", branch, file
_IS_NOTES_PAGE = re.compile(rb"hedgedoc|codimd|hackmd", re.IGNORECASE)
_PAGE_ACTIONS = frozenset({"edit", "view", "both", "publish"})


def checked(address: str) -> URL:
    """Return an address as one of the web.

    Raises:
        BadAddress: it is none, or carries a password.
    """
    address = address.strip().strip("<>")
    try:
        url = URL(address)
        is_good = (
            len(address) <= _LONGEST
            and url.scheme in ("http", "https")
            and bool(url.host)
            and url.user is None
            and url.password is None
            and url.port is not None
        )
    except ValueError as error:
        raise BadAddress from error
    if not is_good:
        raise BadAddress
    return url


def text_of(url: URL) -> URL:
    """Return where the text is behind the page of a well-known place; else the address itself."""
    parts = [part for part in url.parts if part != "/"]
    match url.host:
        case "github.com" if len(parts) >= _BLOB and parts[2] in ("blob", "raw"):
            path = "/".join([*parts[:2], *parts[3:]])
            return URL(f"https://raw.githubusercontent.com/{path}")
        case "gist.github.com" if len(parts) == _GIST:
            return url.with_query(None).with_fragment(None) / "raw"
        case "hackmd.io" if parts:
            return download_of(url)
        case _:
            return url.with_fragment(None)


def download_of(url: URL) -> URL:
    """Return where a HedgeDoc, CodiMD or HackMD hands out a note's Markdown."""
    parts = [part for part in url.parts if part != "/"]
    if parts and parts[-1] == "download":
        return url.with_query(None).with_fragment(None)
    if parts and parts[-1] in _PAGE_ACTIONS:
        url = url.parent
    return url.with_query(None).with_fragment(None) / "download"


def is_notes_page(page: bytes) -> bool:
    """Say whether a web page is one of HedgeDoc's, CodiMD's or HackMD's."""
    return _IS_NOTES_PAGE.search(page) is not None
