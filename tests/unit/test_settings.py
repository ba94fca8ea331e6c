"""Settings: a bad one is named with its problem and the fix, and nothing is read at import."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import BadSetting, Settings, is_loopback


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for key in [key for key in os.environ if key.startswith(("STUDY_BOT_", "DISCORD_"))]:
        monkeypatch.delenv(key)
    monkeypatch.chdir(tmp_path)


def problem_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    return str(refused.value)


def test_without_anything_the_defaults_hold() -> None:
    settings = Settings.load()
    assert settings.discord_token is None
    assert settings.database_path == Path("data/study-bot.sqlite3")
    assert settings.study_bot_open_questions == 5


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("STUDY_BOT_OPEN_QUESTIONS", "many"),
        ("STUDY_BOT_OPEN_QUESTIONS", "0"),
        ("STUDY_BOT_QUESTION_PACE_SECONDS", "-1"),
        ("STUDY_BOT_ANONYMOUS", "perhaps"),
        ("STUDY_BOT_LATE_HOURS", "1e9"),
        ("STUDY_BOT_LOCALE", "fr"),
        ("STUDY_BOT_TIME_ZONE", "Tokyo"),
        ("STUDY_BOT_LOG_FORMAT", "xml"),
        ("STUDY_BOT_LOG_LEVEL", "LOUD"),
        ("STUDY_BOT_SESSION_HOURS", "49"),
        ("STUDY_BOT_NAMES_IN_EXPORTS", "yes"),
        ("STUDY_BOT_API_BASE", "https://discord.example/api"),
    ],
)
def test_a_bad_value_names_key_value_and_fix(
    monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    told = problem_of(monkeypatch, **{key: value})
    (line,) = [line for line in told.splitlines() if key in line]
    assert value in line
    description = Settings.model_fields[key.lower()].description
    assert description
    assert description in line


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = problem_of(monkeypatch, STUDY_BOT_LOCALE="fr", STUDY_BOT_LATE_HOURS="x")
    assert "STUDY_BOT_LOCALE" in told
    assert "STUDY_BOT_LATE_HOURS" in told


@pytest.mark.parametrize(
    "environment",
    [
        {"STUDY_BOT_QUIET_ASK_MINUTES": "30", "STUDY_BOT_QUIET_END_MINUTES": "30"},
        # The other one has its default, 60.
        {"STUDY_BOT_QUIET_ASK_MINUTES": "90"},
        {"STUDY_BOT_QUIET_END_MINUTES": "20"},
    ],
)
def test_the_bot_asks_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    assert "STUDY_BOT_QUIET_ASK_MINUTES" in problem_of(monkeypatch, **environment)


def test_a_token_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "  very.secret.token\n")
    settings = Settings.load()
    assert "very.secret" not in repr(settings)
    assert settings.discord_token is not None
    assert settings.discord_token.get_secret_value() == "very.secret.token"
    assert "very.secret" not in problem_of(monkeypatch, STUDY_BOT_LOCALE="fr")


@pytest.mark.parametrize("value", ["", "   "])
def test_a_blank_token_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", value)
    assert Settings.load().discord_token is None


def test_an_empty_value_means_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in Settings.model_fields:
        monkeypatch.setenv(key.upper(), "")
    assert Settings.load() == Settings(_env_file=None)  # pyright: ignore[reportCallIssue]


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "STUDY_BOT_LOCALE=ja\nSTUDY_BOT_LATE_HOURS=5\nSOMEBODY_ELSES=1\n", encoding="utf-8"
    )
    monkeypatch.setenv("STUDY_BOT_LATE_HOURS", "6")
    settings = Settings.load()
    assert (settings.study_bot_locale, settings.study_bot_late_hours) == ("ja", 6)


def test_a_file_that_is_no_utf_8_is_named() -> None:
    Path(".env").write_bytes("STUDY_BOT_DATA=データ\n".encode("shift_jis"))
    with pytest.raises(BadSetting, match=r"\.env"):
        Settings.load()


# --- where a token may go -------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/api/v10",
        "http://127.8.9.1",
        "ws://localhost:9",
        "http://[::1]:8080/api",
        "HTTP://LOCALHOST/",
        "http://somebody@127.0.0.1/",
    ],
)
def test_this_machine_is_loopback(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/api/v10",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.1\\@evil.example/",
        "http://localhost.evil.example/",
        "http://evil.example/#@127.0.0.1",
        "http://evil.example?127.0.0.1",
        "http://192.168.1.1/",
        "http://0.0.0.0/",
        "http://[::ffff:8.8.8.8]/",
        "http://2130706433.example/",
        "http://[::1",
        "127.0.0.1:8080",
        "//127.0.0.1",
        "file://localhost/etc/passwd",
        "",
    ],
)
def test_elsewhere_is_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_loopback(url)
    if url:
        for key in ("STUDY_BOT_API_BASE", "STUDY_BOT_GATEWAY", "STUDY_BOT_CDN"):
            assert key in problem_of(monkeypatch, **{key: url})


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(text: str) -> None:
    for url in (text, f"http://{text}", f"http://127.0.0.1{text}"):
        assert is_loopback(url) in {True, False}


# --- import ---------------------------------------------------------------------------------


def test_nothing_is_read_at_import(tmp_path: Path) -> None:
    # With settings that nobody could use, every module is imported all the same.
    program = (
        "import importlib, pkgutil, bot, cogs\n"
        "for package in (bot, cogs):\n"
        "    for one in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not one.name.endswith('__main__'):\n"
        "            importlib.import_module(one.name)\n"
    )
    (tmp_path / ".env").write_text("STUDY_BOT_LOCALE=klingon\n", encoding="utf-8")
    root = Path(__file__).parents[2]
    environment: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": str(root),
        "STUDY_BOT_OPEN_QUESTIONS": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [one.name for one in tmp_path.iterdir()] == [".env"]


# -- the web server ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["8080", "localhost:8080", "127.0.0.1", "127.0.0.1:x", "::1:8080x"]
)
def test_an_address_to_serve_from_needs_an_address_and_a_port(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    text = problem_of(monkeypatch, STUDY_BOT_WEB_ADDRESS=value)
    assert "STUDY_BOT_WEB_ADDRESS" in text
    assert "127.0.0.1:8080" in text


@pytest.mark.parametrize("value", ["rec.example.org", "ftp://x", "https://x/?a", "https://x/ y"])
def test_the_address_people_reach_it_by_is_a_web_address(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert "STUDY_BOT_WEB_URL" in problem_of(monkeypatch, STUDY_BOT_WEB_URL=value)


def test_links_lead_to_where_people_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().web_url is None
    monkeypatch.setenv("STUDY_BOT_WEB_ADDRESS", "[::1]:8080")
    assert Settings.load().web_url == "http://[::1]:8080"
    monkeypatch.setenv("STUDY_BOT_WEB_URL", "https://rec.example.org/talks/")
    assert Settings.load().web_url == "https://rec.example.org/talks"


def test_the_playground_leaves_a_real_folder_of_recordings_alone() -> None:
    """Files are deleted on time there as well."""
    real = {"study_bot_recordings": Path("/srv/recordings"), "study_bot_data": Path("/srv/play")}
    there = Settings(_env_file=None, study_bot_api_base="http://127.0.0.1:1/api/v10", **real)
    assert there.recordings_path == Path("/srv/play/recordings")
    assert Settings(_env_file=None, **real).recordings_path == Path("/srv/recordings")
