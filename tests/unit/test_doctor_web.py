"""What the doctor says of the web server before the bot runs, and beside it."""

import socket
from pathlib import Path

import pytest

from bot import doctor
from bot.recordings.errors import LinkForged
from bot.settings import Settings
from tests.web.stand_in import StandIn, site


async def told(folder: Path, **settings: str) -> dict[str, doctor.Finding]:
    own = Settings(_env_file=None, study_bot_data=folder, **settings)
    found = await doctor.examine(own)
    return {each.what: each for each in found if each.what.startswith("web")}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


async def test_without_a_setting_it_is_off_and_that_is_well(tmp_path: Path):
    found = await told(tmp_path)
    assert found["web server"].is_good
    assert "STUDY_BOT_WEB_ADDRESS" in found["web server"].text


@pytest.mark.parametrize(
    ("url", "is_good", "said"),
    [
        (None, False, "only this machine"),
        ("http://rec.example.org", False, "TLS"),
        ("https://rec.example.org", True, "rec.example.org"),
    ],
)
async def test_links_that_nobody_can_open_or_everybody_can_read_are_told(
    tmp_path: Path, url: str | None, is_good: bool, said: str
):
    given = {"study_bot_web_url": url} if url else {}
    found = await told(tmp_path, study_bot_web_address=f"127.0.0.1:{free_port()}", **given)
    assert found["web server"].is_good
    assert found["web address"].is_good == is_good
    assert said in found["web address"].text


async def test_an_address_in_use_is_a_problem_unless_it_is_the_bots_own(tmp_path: Path):
    async with site(StandIn({}, LinkForged)) as running:
        found = await told(tmp_path, study_bot_web_address=f"127.0.0.1:{running.port}")
        assert found["web server"].is_good
    found = await told(tmp_path, study_bot_web_address="192.0.2.1:8080")
    assert not found["web server"].is_good
    assert "192.0.2.1:8080" in found["web server"].text
