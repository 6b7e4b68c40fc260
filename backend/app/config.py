"""Settings: `STREAMWEAVE_*` in the environment or `.env`, checked once, unsafe values refused."""

import contextlib
import os
import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cryptography.fernet import Fernet
from platformdirs import user_data_path
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import StreamWeaveError


class Settings(BaseSettings):
    """All settings. Times are in seconds, sizes in bytes, unless the name says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="STREAMWEAVE_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    mode: Literal["embedded", "production"] = "embedded"
    data: Path = Field(default_factory=lambda: user_data_path("streamweave"))
    database_url: SecretStr | None = Field(default=None, description="Empty means SQLite in data")
    secret_keys: SecretStr | None = Field(
        default=None, description="Fernet keys, newest first, separated by commas"
    )
    local_roots: str = Field(default="", description="Allowed local paths, separated by ':'")
    bind_host: str = "127.0.0.1"
    bind_port: int = 8700
    public_url: str | None = None
    page_folder: Path | None = Field(default=None, description="Empty means the checkout's")
    hooks_folder: Path | None = Field(default=None, description="Scripts of the facility's hooks")
    hooks_room_bytes: int = Field(
        default=4 << 30, ge=0, description="Room for files that hooks want as a path, a worker"
    )
    hook_runs_days: int = Field(
        default=90, ge=1, le=36_500, description="How long lines of the hooks' log are kept"
    )
    zones: str = "main"
    prefect_api_url: str | None = None
    prefect_auth: SecretStr | None = None
    ark_naan: str = Field(default="99999", pattern=r"^[0-9b-df-hj-km-np-tv-xz]{1,16}$")
    ark_shoulder: str = Field(default="sw1", pattern=r"^[b-df-hj-km-np-tv-xz]*[0-9]$")
    lease_seconds: float = Field(default=60.0, ge=2)
    publish_timeout_seconds: float = Field(default=15.0, ge=0.5)
    retry_base_seconds: float = Field(default=5.0, ge=0)
    retry_cap_seconds: float = 3600.0
    max_attempts: int = 12
    hold_seconds: float = Field(default=15.0, ge=0)
    io_timeout_seconds: float = Field(default=60.0, ge=1)
    connect_timeout_seconds: float = Field(default=15.0, ge=1)
    run_heartbeat_seconds: float = Field(default=5.0, ge=0.2)
    run_lost_seconds: float = Field(default=60.0, ge=1)
    drain_after_seconds: float = Field(default=30.0, ge=1)

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def url(self) -> str:
        """The SQLAlchemy address of the database, with its asynchronous driver."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.data / 'streamweave.db'}"
        return self.database_url.get_secret_value().replace(
            "postgresql://", "postgresql+psycopg://"
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.url.startswith("sqlite")

    @property
    def run_directory(self) -> Path:
        """Where sockets live: private to the user (mode 0700), short enough for a socket path."""
        return self.data / "run"

    @property
    def zone_names(self) -> list[str]:
        """The zones that a worker of this configuration serves."""
        return [zone.strip() for zone in self.zones.split(",") if zone.strip()]

    @property
    def allowed_roots(self) -> list[Path]:
        """Local paths below which sources and storage may lie."""
        return [Path(root) for root in self.local_roots.split(":") if root]

    @property
    def prefect_url(self) -> str:
        """The API address of Prefect's server; the embedded one writes its own to the data."""
        if self.prefect_api_url:
            return self.prefect_api_url.rstrip("/")
        try:
            return (self.data / "prefect" / "api-url").read_text().strip()
        except FileNotFoundError:
            return "http://127.0.0.1:4200/api"

    def fernet_keys(self) -> list[bytes]:
        """Return the key ring, newest first; embedded mode makes its key on first use.

        Raises:
            StreamWeaveError: `settings_unsafe` in production without keys.
        """
        if self.secret_keys is not None:
            return [key.strip().encode() for key in self.secret_keys.get_secret_value().split(",")]
        if self.mode == "production":
            raise StreamWeaveError("settings_unsafe", "STREAMWEAVE_SECRET_KEYS is not set.")
        return private_file(self.data / "keys" / "fernet.key", Fernet.generate_key).split()

    def check(self) -> None:
        """Refuse to start with values that are not safe in production."""
        if self.mode != "production":
            return
        if self.is_sqlite:
            raise StreamWeaveError("settings_unsafe", "Production needs STREAMWEAVE_DATABASE_URL.")
        if self.prefect_api_url is None:
            raise StreamWeaveError("settings_unsafe", "Set STREAMWEAVE_PREFECT_API_URL.")
        local = ("http://127.", "http://localhost", "http://[::1]")
        if not self.prefect_api_url.startswith(local) and self.prefect_auth is None:
            raise StreamWeaveError(
                "settings_unsafe",
                "A Prefect server beyond loopback needs STREAMWEAVE_PREFECT_AUTH.",
            )
        self.fernet_keys()


def private_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the bytes of a secret file (mode 0600), making it atomically when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # the first of two starters wins, both read the same
        temporary.unlink()
    return path.read_bytes()


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
