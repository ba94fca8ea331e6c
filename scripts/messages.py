"""Keep the Japanese catalogue in step with the code.

messages.py update    collect every marked message into ja.po, drop what is gone
messages.py missing   list what has no Japanese yet; exit status 1 if any
messages.py set       read {"English id": "Japanese"} as JSON from standard input
                      (a list of one string for plural messages)
"""

import fcntl
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from babel.messages import Catalog, pofile
from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "bot" / "localization" / "ja.po"
KEYWORDS = {"_": None, "N_": None, "T": None, "locale_str": None, "plural": (1, 2)}


def collect() -> Catalog:
    """Read every message id out of the code."""
    found = Catalog(project="study-session-bot", charset="utf-8")
    for folder in ("bot", "cogs"):
        for name, _line, message, comments, context in extract_from_dir(
            ROOT / folder, [("**.py", "python")], keywords=KEYWORDS
        ):
            place = f"{folder}/{name}"
            found.add(message, None, [(place, 0)], auto_comments=comments, context=context)
    return found


def read() -> Catalog:
    """Read ja.po, or begin one."""
    if not PO.exists():
        return Catalog(locale="ja", project="study-session-bot", charset="utf-8")
    with PO.open("rb") as file:
        return pofile.read_po(file, locale="ja")


def write(catalogue: Catalog) -> None:
    """Write ja.po without dates or line numbers, so that it changes only when words do."""
    written = io.BytesIO()
    pofile.write_po(
        written,
        catalogue,
        width=100,
        omit_header=False,
        no_location=False,
        include_lineno=False,
        sort_output=True,
        ignore_obsolete=True,
    )
    lines = written.getvalue().decode().splitlines(keepends=True)
    volatile = ('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By')
    # Whole or not at all: others read it at the same time.
    unfinished = PO.with_suffix(".unfinished")
    unfinished.write_text("".join(x for x in lines if not x.startswith(volatile)), encoding="utf-8")
    unfinished.replace(PO)


def updated() -> Catalog:
    """Return the catalogue as it is after an update."""
    catalogue = read()
    catalogue.update(collect(), no_fuzzy_matching=True)
    return catalogue


def missing() -> Iterator[str]:
    """Yield every message that has no Japanese."""
    known = read()
    for message in collect():
        if not message.id:
            continue
        entry = known.get(message.id)
        strings = entry.string if entry else ""
        if not all(strings if isinstance(strings, (list, tuple)) else [strings]):
            yield message.id if isinstance(message.id, str) else message.id[0]


@contextmanager
def locked() -> Iterator[None]:
    """Let one writer at a time near the file."""
    with (ROOT / "scripts" / "messages.py").open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Do what the first argument says."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    with locked():
        if command == "missing":
            names = list(missing())
            print("\n".join(names))
            return 1 if names else 0
        if command not in {"update", "set"}:
            print(__doc__)
            return 2
        catalogue = updated()
        if command == "set":
            unknown: list[str] = []
            for message, japanese in json.load(sys.stdin).items():
                entry = catalogue.get(message)
                if entry is None:
                    unknown.append(message)
                    continue
                many = isinstance(entry.id, (list, tuple))
                entry.string = (
                    tuple([japanese] if isinstance(japanese, str) else japanese)
                    if many
                    else japanese
                )
            for message in unknown:
                print("not in the code:", message, file=sys.stderr)
        write(catalogue)
    return 0


if __name__ == "__main__":
    sys.exit(main())
