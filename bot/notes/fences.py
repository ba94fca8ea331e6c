"""What stands behind the three backticks that begin a block of code."""

import re

_LANGUAGE = re.compile(r"[A-Za-z][A-Za-z0-9_+.#-]{0,19}(?![A-Za-z0-9_+.#-])")
# How code is to be shown, as HackMD and others take it: `=12`, `!`, `{1,3}`
_WISH = re.compile(r"=\d*\+?!?|!|\{[^}]*\}|")
_TITLE = re.compile(r"title=\"?([^\"\s]+)\"?")


def language_of(info: str) -> tuple[str, str]:
    """Return a fence's language and caption: `sh`, `python=12`, `yaml:compose.yml`."""
    word, _space, rest = info.partition(" ")
    found = _LANGUAGE.match(word)
    language = found[0] if found else ""
    name = word[len(language) :].removeprefix(":")
    if "." in language:
        # The name of a file stands for what it is written in.
        name = language + name
        language = language.rpartition(".")[2]
    said = [part for part in (name, _TITLE.sub(r"\1", rest)) if not _WISH.fullmatch(part.strip())]
    return language, " ".join(said).strip().replace("`", "")
