"""HTML in notes: tags go, what they hold stays."""

import html
import re
from typing import NamedTuple

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)(.*?)/?>\Z", re.DOTALL)
END = re.compile(r"</([A-Za-z][A-Za-z0-9-]*)")
_ATTRIBUTE = re.compile(r"(?<![\w:-])([\w:-]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+))")


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# What is within isn't text.
HIDDEN = frozenset({"script", "style", "template"})
CELLS = frozenset({"td", "th"})
BLOCKS = _names(
    "address article aside blockquote body center dd details dialog div dl dt fieldset"
    " figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr li main nav ol p pre section"
    " summary table tbody tfoot thead tr ul"
)
_OTHERS = _names(
    "a abbr acronym audio b base bdi bdo big br button caption cite code col colgroup data"
    " datalist del dfn em embed font frame frameset html i iframe img input ins kbd label legend"
    " link map mark menu meta meter noscript object optgroup option output param picture progress"
    " q rp rt ruby s samp select small source span strike strong sub sup svg textarea time title"
    " track tt u var video wbr"
)
# These say nothing without attributes: `cp <source> <target>` has none of them.
_EMPTY = _names("base embed frame input link meta param source track")
_KNOWN = HIDDEN | CELLS | BLOCKS | _OTHERS


class Tag(NamedTuple):
    """A start or end tag."""

    name: str
    is_end: bool
    attributes: dict[str, str]


def tag_of(markup: str) -> Tag | None:
    """Return the tag that `markup` is; None if HTML has none of that name.

    `docker run <image>` is no tag, though Markdown takes it for one.
    """
    found = _TAG.match(markup)
    if found is None or found[2].lower() not in _KNOWN:
        return None
    attributes = {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(found[3])
    }
    if not attributes and found[2].lower() in _EMPTY:
        return None
    return Tag(found[2].lower(), found[1] == "/", attributes)
