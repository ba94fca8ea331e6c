"""Tells what looks like a secret, so that it never stands in a public reply.

It errs on the side of hiding: a harmless value that isn't shown costs nothing.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

HIDDEN = "…"

# Words of a key, taken apart at underscores and where capitals begin.
_SECRET_WORDS = frozenset(
    {
        *("auth", "cert", "certificate", "cookie", "cred", "creds", "dsn", "jwt", "key", "keys"),
        *("otp", "pass", "passcode", "pat", "pin", "private", "pw", "pwd", "salt", "seed", "sig"),
        "signature",
    }
)
# These say it wherever they stand: MYSQLPASSWORD, accesstoken.
_SECRET_PARTS = re.compile(
    r"passw|passphrase|secret|token|credential|api_?key|access_?key|private_?key|(?:pass|pwd)$"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", re.ASCII)

_SHAPES = re.compile(
    r"""
    -----BEGIN
    | ://[^/\s@]*:[^/\s@]+@                             # a password within an address
    | \bBearer\s+\S | \bBasic\s+[A-Za-z0-9+/=]{8}
    | \beyJ[A-Za-z0-9_-]{8,}                            # a JSON web token
    | \b(?:AKIA|ASIA)[A-Z0-9]{12}
    | \bAIza[A-Za-z0-9_-]{16}
    | \b(?:gh[opsur]_|github_pat_|glpat-|npm_|pypi-|dckr_pat_|hf_|sk-|sk_|rk_|xox[a-z]-)[\w-]{8}
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b   # a UUID, which some services use as keys
    | \b[0-9a-fA-F]{32,}\b
    """,
    re.VERBOSE | re.ASCII,
)
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{20,}", re.ASCII)
# Words joined by slashes, dots and hyphens: paths and names of hosts and images.
_ORDINARY = re.compile(
    r"/?(?:[a-z]{2,}[0-9]{0,4}|[0-9]{1,4})(?:[/_-](?:[a-z]+[0-9]{0,4}|[0-9]{1,4}))*/?"
)
_LEAST_ENTROPY = 3.2
_OPTION = re.compile(r"--?(?P<key>[A-Za-z][\w-]*)(?:=(?P<value>.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?P<key>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)


def looks_secret(key: str, value: str) -> bool:
    """Say whether a variable's value may be a password, a token or a key.

    By the key's name, or by the value: a known shape, or long without being words.
    """
    if not value:
        return False
    return _is_secret_key(key) or _is_secret_value(value)


def masked(environment: Mapping[str, str]) -> list[str]:
    """Write variables as KEY=value, each secret's value hidden."""
    return [
        f"{key}={HIDDEN if looks_secret(key, value) else value}"
        for key, value in environment.items()
    ]


def masked_command(command: Iterable[str]) -> list[str]:
    """Return a command's words, the secrets in them hidden."""
    words: list[str] = []
    hides_next = False
    for word in command:
        option = _OPTION.fullmatch(word)
        pair = option or _ASSIGNMENT.fullmatch(word)
        if hides_next and option is None:
            words.append(HIDDEN)
        elif pair is not None and pair["value"] and looks_secret(pair["key"], pair["value"]):
            words.append(f"{word[: pair.start('value')]}{HIDDEN}")
        else:
            words.append(HIDDEN if _is_secret_value(word) else word)
        # --password hunter2
        hides_next = (
            option is not None and option["value"] is None and _is_secret_key(option["key"])
        )
    return words


def _is_secret_key(key: str) -> bool:
    if _SECRET_PARTS.search(key.lower().replace("-", "_")):
        return True
    return any(word.lower() in _SECRET_WORDS for word in _WORDS.findall(key))


def _is_secret_value(value: str) -> bool:
    if _SHAPES.search(value):
        return True
    return any(_is_random(run) for run in _RUN.findall(value))


def _is_random(run: str) -> bool:
    """Say whether a long run of letters and digits isn't made of words."""
    if _ORDINARY.fullmatch(run):
        return False
    kinds = (any(map(test, run)) for test in (str.isdigit, str.islower, str.isupper))
    return sum(kinds) > 1 and _entropy(run) >= _LEAST_ENTROPY


def _entropy(text: str) -> float:
    """Return Shannon's entropy in bits a character."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)
