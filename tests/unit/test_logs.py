"""What reaches the log of the bot, and what doesn't, of the libraries it stands on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LIBRARIES = """
import logging
from bot import logs
logs.configure("json", "INFO")
logging.getLogger("somebody").info("told")
logging.getLogger("discord.gateway").info("its own machinery")
logging.getLogger("discord.gateway").warning("worth a look")
logging.getLogger("asyncio").error("lost")
"""

STRANGERS = """
import asyncio, socket, threading, time
from bot import logs
from bot.lab.guests import ssh
logs.configure("json", "INFO")

def greeted_by(greeting):
    listening = socket.create_server(("127.0.0.1", 0))
    def greet():
        connection, _ = listening.accept()
        with connection:
            connection.sendall(greeting)
            time.sleep(0.2)
    threading.Thread(target=greet, daemon=True).start()
    return listening.getsockname()[1]

HELLO = b"SSH-2.0-x\\r\\n"
for greeting in (b"", HELLO, HELLO + b"much\\r\\nmore\\r\\n", b"220 hello\\r\\n" * 200):
    assert ssh.host_key("127.0.0.1", greeted_by(greeting), 2.0) is None
"""


FAILURE = """
import structlog
from bot import logs
logs.configure("text", "INFO")

def fail(secret):
    raise ValueError("no")

try:
    fail("the " + "token")
except ValueError:
    structlog.get_logger("bot").exception("failed")
"""


def logged(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stderr.splitlines()


def test_libraries_say_what_is_worth_a_look():
    events = [json.loads(line)["event"] for line in logged(LIBRARIES)]
    assert events == ["told", "worth a look", "lost"]


def test_a_failure_is_written_with_its_place_and_no_values():
    text = "\n".join(logged(FAILURE))
    assert "ValueError: no" in text
    assert "in fail" in text
    assert "the token" not in text


@pytest.mark.slow
def test_what_a_guest_says_instead_of_ssh_is_no_error_of_the_bots():
    assert logged(STRANGERS) == []
