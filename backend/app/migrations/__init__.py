"""Alembic migrations: one set for SQLite and PostgreSQL."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def alembic_config(url: str) -> Config:
    """Return Alembic's configuration for a database address."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url.replace("sqlite+aiosqlite", "sqlite")
    return config


def head() -> str:
    """Return the newest revision that this code knows."""
    return str(ScriptDirectory.from_config(alembic_config("")).get_current_head())


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database to a revision (`head`: the newest)."""
    config = alembic_config(url)
    if revision == "head":
        command.upgrade(config, "head")
    else:
        command.downgrade(config, revision)
