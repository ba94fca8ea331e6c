"""The bot may have as many files open as its machine allows."""

from __future__ import annotations

import subprocess
import sys

LOOKS = """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
from bot.process import allow_many_files
most = allow_many_files()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, hard)
assert most == min(hard, 65_536) if hard >= 0 else most == 65_536
assert allow_many_files() == most
"""


def test_the_limit_is_raised_to_what_the_system_allows():
    done = subprocess.run(
        [sys.executable, "-c", LOOKS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
