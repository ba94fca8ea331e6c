"""Call the host's own programs: lists of arguments, no shell, a time limit."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = 30
# Where administrators' programs are; a plain user's PATH often lacks it, and so does sudo's.
_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program came to."""

    is_good: bool
    output: str
    complaint: str


def run(arguments: Sequence[str], text: str = "") -> Outcome:
    """Run a program to its end; a missing or slow one is a complaint like any other."""
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), _PLACES)))
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, arguments of ours
            list(arguments),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env={**os.environ, "PATH": path, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        return Outcome(False, "", f"there is no {arguments[0]} on this machine")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(False, "", str(error))
    return Outcome(done.returncode == 0, done.stdout, (done.stderr or done.stdout).strip())
