"""What looks like a secret never stands in a public reply."""

import secrets as random_secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lab.secrets import HIDDEN, looks_secret, masked, masked_command

KEYS = [
    "PASSWORD", "DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "PGPASSWORD", "PGPASS", "REDIS_PASS",
    "passwd", "PWD_ADMIN", "API_KEY", "apiKey", "SECRET_KEY_BASE", "SECRET", "clientSecret",
    "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "accesstoken", "AUTH", "BASIC_AUTH", "SSH_PRIVATE_KEY",
    "SENTRY_DSN", "SESSION_COOKIE", "PASSWORD_SALT", "DJANGO_CREDENTIALS", "KEY", "PIN",
    "db-passwd",
]  # fmt: skip
VALUES = [
    "postgres://user:hunter2@db:5432/app", "redis://:pw@cache",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0abcdefgh",
    "glpat-ABCdefGHIjkl1234", "sk-proj-abcdefghijklm", "xoxb-123456789",
    "AKIAIOSFODNN7EXAMPLE", "AIzaSyA-1234567890abcdefgh", "-----BEGIN RSA PRIVATE KEY-----\nMII",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x", "Bearer abc", "0123456789abcdef0123456789abcdef",
    "8f14e45f-ceea-467f-9c4e-0123456789ab", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "x Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA== y",
]  # fmt: skip
HARMLESS = {
    "GREETING": "hello",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64",
    "DATABASE_URL": "postgres://db:5432/app",
    "NGINX_VERSION": "1.27.3-1~bookworm",
    "KEYBOARD": "jp106",
    "MONKEY": "banana",
    "TZ": "Asia/Tokyo",
    "LANG": "ja_JP.UTF-8",
    "AUTHOR": "somebody",
    "PASSENGERS": "4",
    "COMPASS_DIRECTION": "north",
    "IMAGE": "ghcr.io/org/some-long-name:1.2",
    "MESSAGE": "これは秘密ではありません",
    "SERVER_NAME": "web-1.study.example.org",
    "PUBLIC_URL": "https://lab.example.org:30080/path/to/page",
    "SENTENCE": "the quick brown fox jumps over the lazy dog",
    "NUMBER": "123456789012345678901234567890",
    "EMPTY_PASSWORD": "",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_says_it_hides_any_value(key: str):
    assert looks_secret(key, "x")


@pytest.mark.parametrize("value", VALUES)
def test_a_value_that_looks_it_is_hidden_under_any_key(value: str):
    assert looks_secret("SETTING", value)


@pytest.mark.parametrize(("key", "value"), HARMLESS.items())
def test_ordinary_variables_are_shown(key: str, value: str):
    assert masked({key: value}) == [f"{key}={value}"]


def test_random_tokens_of_the_usual_kinds_are_hidden():
    for size in (20, 24, 32, 48):
        for token in (random_secrets.token_urlsafe(size), random_secrets.token_hex(size)):
            assert looks_secret("SETTING", token), token


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z]{1,8}_(PASSWORD|TOKEN|SECRET|API_KEY)", fullmatch=True),
        st.text(min_size=1),
        min_size=1,
    )
)
def test_masked_keeps_keys_and_no_secret(environment: dict[str, str]):
    assert masked(environment) == [f"{key}={HIDDEN}" for key in environment]


@given(key=st.text(), value=st.text())
def test_any_text_is_judged(key: str, value: str):
    assert masked({key: value}) in ([f"{key}={value}"], [f"{key}={HIDDEN}"])


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["redis-server", "--requirepass", "hunter2"], ["redis-server", "--requirepass", HIDDEN]),
        (
            ["mysql", "--password=abc", "-u", "root"],
            ["mysql", f"--password={HIDDEN}", "-u", "root"],
        ),
        (["env", "API_TOKEN=abc", "app"], ["env", f"API_TOKEN={HIDDEN}", "app"]),
        (["curl", "http://u:pw@host/"], ["curl", HIDDEN]),
        (["app", "--token", "--verbose", "x"], ["app", "--token", "--verbose", "x"]),
        (["nginx", "-g", "daemon off;"], ["nginx", "-g", "daemon off;"]),
        (["sh", "-c", "echo hello | wc -l"], ["sh", "-c", "echo hello | wc -l"]),
    ],
)
def test_secrets_in_a_command_are_hidden(command: list[str], shown: list[str]):
    assert masked_command(command) == shown
