"""The work done inside instances: what it prints is read, by whatever shell does it."""

import asyncio
import shutil

import pytest

from bot.usage.benchmark import COMMAND, Work, shares, speeds
from tests.lab.images import BUSYBOX

SHELLS = [found for one in ("dash", "bash") if (found := shutil.which(one))]
# What the lab's own images and guests have, where the set-up brought it.
SHELLS += [str(BUSYBOX)] if BUSYBOX.exists() else []


@pytest.mark.parametrize("shell", SHELLS)
async def test_any_shell_does_all_three_kinds_within_seconds(shell: str):
    command = (shell, *(COMMAND if shell == str(BUSYBOX) else COMMAND[1:]))
    async with asyncio.timeout(20):
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _errors = await process.communicate()

    found = speeds(output)

    assert set(found) == set(Work)
    assert all(speed > 0 for speed in found.values())


def test_what_is_done_half_as_often_is_half_as_fast():
    one = speeds(b"calculate 100 50\ncalls 10 50\nstarts 30 60\n")
    other = speeds(b"calculate 50 50\ncalls 10 100\n")

    assert one[Work.CALCULATE] == 100 * 2000 / 0.5
    assert shares(one, other) == {Work.CALCULATE: 0.5, Work.CALLS: 0.5}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff\xfe\x00",
        b"sh: dd: not found\n",
        b"calls 0 50",
        b"calls 10 0",
        b"calls -10 50",
        b"calls 1e9 50",
        b"calls 99999999999999999999 50",
        b"calls 10",
        b"sleep 10 50",
        "calls １ 50".encode(),
    ],
)
def test_what_an_instance_says_instead_is_left_out(said: bytes):
    assert speeds(said) == {}
