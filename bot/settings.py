"""Settings from the environment and `.env`. Nothing is read at import."""

import ipaddress
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import N_, OperatorError

Minutes = Annotated[int, Field(ge=1, le=7 * 24 * 60)]


class BadSetting(OperatorError):
    """A setting that can't be used; one line a setting."""

    message = N_("Can't start, these settings need a look:\n{problems}")


class Settings(BaseSettings):
    """Every setting of the program, with its default.

    A guild's own choices (`/setup`) stand in the database; these are the installation's.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        # `KEY=` in a file or a container's environment means: not set.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    discord_token: SecretStr | None = Field(
        default=None, description=N_("The bot's token from Discord's developer portal.")
    )
    study_bot_data: Path = Field(
        default=Path("data"), description=N_("Folder of the database and everything else kept.")
    )
    study_bot_lab: Path = Field(
        default=Path("lab.toml"),
        description=N_(
            "The lab's file: hosts, templates, limits, and which servers may use them; without it"
            " there is no lab. See lab.example.toml."
        ),
    )
    study_bot_log_format: Literal["text", "json"] = Field(
        default="text", description=N_("How log lines are written.")
    )
    study_bot_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description=N_("The least important log line that is written.")
    )
    study_bot_locale: Literal["auto", "en", "ja"] = Field(
        default="auto",
        description=N_(
            "Language of shared posts in guilds that chose none; auto: the guild's own."
        ),
    )
    study_bot_time_zone: str = Field(
        default="auto",
        description=N_(
            "Time zone (tz database name) of guilds that chose none; "
            "auto: Asia/Tokyo where the guild is Japanese, else UTC."
        ),
    )
    study_bot_open_questions: int = Field(
        default=5, ge=1, le=100, description=N_("Open questions a person may have at once.")
    )
    study_bot_question_pace_seconds: int = Field(
        default=20,
        ge=0,
        le=3600,
        description=N_("Least seconds between two messages with questions."),
    )
    study_bot_anonymous: bool = Field(
        default=True, description=N_("Whether questions may be asked anonymously (after approval).")
    )
    study_bot_anonymous_open: int = Field(
        default=2,
        ge=1,
        le=100,
        description=N_("Open anonymous questions a person may have at once."),
    )
    study_bot_late_hours: int = Field(
        default=48,
        ge=0,
        le=720,
        description=N_("Hours after a session in which questions still count."),
    )
    study_bot_quiet_ask_minutes: Minutes = Field(
        default=30,
        description=N_("Quiet minutes after which the bot asks whether a session is over."),
    )
    study_bot_quiet_end_minutes: Minutes = Field(
        default=60,
        validate_default=True,
        description=N_("Quiet minutes after which a session ends by itself."),
    )
    study_bot_session_hours: int = Field(
        default=5, ge=1, le=48, description=N_("Hours after which a session ends whatever happens.")
    )
    study_bot_names_in_exports: Literal["shown", "hidden"] = Field(
        default="shown", description=N_("Whether exports name who asked and who answered.")
    )
    study_bot_forget_askers_days: int = Field(
        default=180, ge=1, description=N_("Days after a session when askers' ids are forgotten.")
    )
    study_bot_audit_days: int = Field(
        default=90, ge=1, description=N_("Days for which the record of who did what keeps names.")
    )
    study_bot_notes_hosts: str | None = Field(
        default=None,
        description=N_(
            "Hosts that notes may be read from although they are in a private network, such as"
            " your own HedgeDoc: names, with a port or without, divided by commas."
        ),
    )
    study_bot_metrics_address: str | None = Field(
        default=None,
        description=N_(
            "Where figures for Prometheus are offered: a port of this machine's loopback such as"
            " 9109, or an address and a port; without it they aren't."
        ),
    )
    study_bot_web_address: str | None = Field(
        default=None,
        description=N_(
            "Where recordings are served, such as 127.0.0.1:8080; without it there is no web"
            " server. Keep to loopback and put a reverse proxy with TLS before it."
        ),
    )
    study_bot_web_url: str | None = Field(
        default=None,
        description=N_(
            "The address of that server as people reach it, such as https://rec.example.org;"
            " without it http:// and STUDY_BOT_WEB_ADDRESS."
        ),
    )
    study_bot_recordings: Path | None = Field(
        default=None,
        description=N_(
            "Folder of recordings: in it a folder for each server, named by the server's id;"
            " without it, recordings in STUDY_BOT_DATA."
        ),
    )
    study_bot_recording_days: int = Field(
        default=7,
        ge=1,
        le=365,
        description=N_("Days for which a recording is kept where the speaker names no other."),
    )
    study_bot_recording_upload_mb: int = Field(
        default=500,
        ge=1,
        description=N_("The largest recording, in MB, that is taken from an attachment."),
    )
    study_bot_api_base: str | None = Field(
        default=None,
        description=N_(
            "Another server to speak to instead of Discord; loopback only (playground)."
        ),
    )
    study_bot_gateway: str | None = Field(
        default=None,
        description=N_("The gateway that belongs to STUDY_BOT_API_BASE; loopback only."),
    )
    study_bot_cdn: str | None = Field(
        default=None, description=N_("The file server that belongs to it; loopback only.")
    )

    @field_validator("study_bot_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != "auto" and value not in available_timezones():
            raise ValueError("not a time zone of the tz database; write e.g. Asia/Tokyo or auto")
        return value

    @field_validator("discord_token")
    @classmethod
    def _blank_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value().strip() if value else ""
        return SecretStr(token) if token else None

    @field_validator("study_bot_api_base", "study_bot_gateway", "study_bot_cdn")
    @classmethod
    def _loopback_only(cls, value: str | None) -> str | None:
        # A real token must never be sent to somebody else's server.
        if value is not None and not is_loopback(value):
            raise ValueError("must be a loopback address such as http://127.0.0.1:8080/api/v10")
        return value

    @field_validator("study_bot_metrics_address")
    @classmethod
    def _listens_somewhere(cls, value: str | None) -> str | None:
        if value is not None and listening_place(value) is None:
            raise ValueError("must be a port such as 9109, or an address and a port: 10.0.0.5:9109")
        return value

    @field_validator("study_bot_web_address")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None and host_and_port(value) is None:
            raise ValueError("must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
        return value

    @field_validator("study_bot_web_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError("must be an address such as https://rec.example.org")
        return value

    @field_validator("study_bot_quiet_end_minutes")
    @classmethod
    def _asks_before_it_ends(cls, value: int, info: object) -> int:
        asks: object = getattr(info, "data", {}).get("study_bot_quiet_ask_minutes", 0)
        if isinstance(asks, int) and value <= asks:
            raise ValueError("must be more than STUDY_BOT_QUIET_ASK_MINUTES")
        return value

    @property
    def database_path(self) -> Path:
        """Where the SQLite file is."""
        return self.study_bot_data / "study-bot.sqlite3"

    @property
    def recordings_path(self) -> Path:
        """Where the servers' own folders of recordings are; the playground has its own."""
        own = None if self.in_playground else self.study_bot_recordings
        return own or self.study_bot_data / "recordings"

    @property
    def uploads_path(self) -> Path:
        """Where attached recordings are kept: this installation's alone, as its data are."""
        return self.study_bot_data / "recordings" / "kept"

    @property
    def notes_hosts(self) -> tuple[str, ...]:
        """Hosts that notes may be read from wherever they are."""
        names = (self.study_bot_notes_hosts or "").split(",")
        return tuple(name.strip() for name in names if name.strip())

    @property
    def metrics_place(self) -> tuple[str, int] | None:
        """Where figures for Prometheus are offered, as address and port; None: nowhere."""
        address = self.study_bot_metrics_address
        return listening_place(address) if address is not None else None

    @property
    def web_url(self) -> str | None:
        """Where people reach the web server, without a slash at the end; None: there is none."""
        if self.study_bot_web_address is None:
            return None
        return (self.study_bot_web_url or f"http://{self.study_bot_web_address}").rstrip("/")

    @property
    def in_playground(self) -> bool:
        """Whether the bot speaks to the local stand-in for Discord."""
        return self.study_bot_api_base is not None

    @property
    def question_pace(self) -> timedelta:
        """Least time between two messages with questions of one person."""
        return timedelta(seconds=self.study_bot_question_pace_seconds)

    @property
    def late(self) -> timedelta:
        """How long after a session questions still count."""
        return timedelta(hours=self.study_bot_late_hours)

    @classmethod
    def load(cls, env_file: Path | None = Path(".env")) -> Self:
        """Read them.

        Raises:
            BadSetting: a value can't be used; names each key, its problem and the fix.
        """
        try:
            return cls(_env_file=env_file)  # pyright: ignore[reportCallIssue] - pydantic-settings' own
        except ValidationError as error:
            raise BadSetting(problems=_problems(error)) from error
        except (OSError, UnicodeDecodeError) as error:
            problem = f"  {env_file} can't be read: {error}. Write it anew, in UTF-8."
            raise BadSetting(problems=problem) from error


def host_and_port(address: str) -> tuple[str, int] | None:
    """Read `host:port` or `[host]:port`; None where it is neither. The host is an IP address."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        return None
    return (host, number) if 0 <= number < 65_536 else None


def is_loopback(url: str) -> bool:
    """Say whether `url` leads to this machine by a literal loopback address or `localhost`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in {"http", "https", "ws", "wss"}:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening_place(address: str) -> tuple[str, int] | None:
    """Read "9109", "10.0.0.5:9109" or "[::1]:9109"; None: it is none of these."""
    host, colon, port = address.strip().rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        return None
    if not colon:
        return "127.0.0.1", int(port)
    host = host.removeprefix("[").removesuffix("]")
    try:
        return str(ipaddress.ip_address(host)), int(port)
    except ValueError:
        return ("127.0.0.1", int(port)) if host == "localhost" else None


def _problems(error: ValidationError) -> str:
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        field = Settings.model_fields.get(key)
        what = problem["msg"].removeprefix("Value error, ")
        given = problem["input"] if key != "discord_token" else "…"
        fix = f" {field.description}" if field and field.description else ""
        lines.append(f"  {key.upper()} = {given!r}: {what}.{fix}")
    return "\n".join(lines)
