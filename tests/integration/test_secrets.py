"""The key ring and the local commands around it, run as an operator runs them."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.errors import StreamWeaveError
from app.models import ServiceAccount
from app.services.credentials import Vault
from app.services.health import read_system

SECRETS = {"nmr": "geheim", "tem": "-----BEGIN KEY-----\n\u00fc\n"}


def _streamweave(
    data: Path, *arguments: str, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("STREAMWEAVE_")}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={**clean, "STREAMWEAVE_DATA": str(data), **environment},
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def _new_key(data: Path) -> str:
    return _streamweave(data, "secrets", "new-key").stdout.strip()


async def _store(database: Database, vault: Vault) -> None:
    now = utcnow()
    async with database.write() as session:
        for name, secret in SECRETS.items():
            session.add(
                ServiceAccount(
                    name=name, username="svc", secret_encrypted=vault.encrypt(secret),
                    created_at=now, updated_at=now,
                )
            )  # fmt: skip


async def _read(database: Database, vault: Vault) -> dict[str, str]:
    async with database.read() as session:
        accounts = await session.scalars(select(ServiceAccount))
        return {one.name: vault.decrypt(one.secret_encrypted) for one in accounts}


async def test_a_key_is_replaced_and_the_old_one_removed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    old, new = _new_key(data), _new_key(data)
    assert old != new
    await _store(database, Vault([old.encode()]))
    # Between adding the new key and rotating, both are needed and everything is readable.
    assert await _read(database, Vault([new.encode(), old.encode()])) == SECRETS
    with pytest.raises(StreamWeaveError, match="secret_unreadable"):
        await _read(database, Vault([new.encode()]))
    said = _streamweave(
        data, "secrets", "rotate",
        STREAMWEAVE_DATABASE_URL=database_url, STREAMWEAVE_SECRET_KEYS=f"{new},{old}",
    )  # fmt: skip
    assert said.stderr.splitlines() == ["Secrets encrypted with the newest key: 2."]
    assert await _read(database, Vault([new.encode()])) == SECRETS
    with pytest.raises(StreamWeaveError, match="secret_unreadable"):
        await _read(database, Vault([old.encode()]))


async def test_rotating_without_the_old_key_changes_nothing_and_says_why(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    old, other = Fernet.generate_key(), Fernet.generate_key()
    vault = Vault([old])
    await _store(database, vault)
    said = _streamweave(
        tmp_path / "data", "secrets", "rotate", code=1,
        STREAMWEAVE_DATABASE_URL=database_url, STREAMWEAVE_SECRET_KEYS=other.decode(),
    )  # fmt: skip
    assert said.stderr.startswith("secret_unreadable: ")
    assert "STREAMWEAVE_SECRET_KEYS" in said.stderr
    assert "Traceback" not in said.stderr
    assert await _read(database, vault) == SECRETS


async def test_the_embedded_key_ring_is_a_file_that_rotates_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    _streamweave(data, "migrate")
    settings = Settings(_env_file=None, data=data)
    database = Database.from_settings(settings)
    try:
        await _store(database, Vault.from_settings(settings))
        ring = data / "keys" / "fernet.key"
        assert ring.stat().st_mode & 0o77 == 0
        new = _new_key(data)
        ring.write_text(f"{new}\n{ring.read_text()}")
        _streamweave(data, "secrets", "rotate")
        ring.write_text(f"{new}\n")
        assert await _read(database, Vault.from_settings(settings)) == SECRETS
    finally:
        await database.close()


def test_migrate_makes_the_database_where_the_settings_say(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for _ in range(2):  # the second time there is nothing to do
        said = _streamweave(data, "migrate")
        assert said.stderr.splitlines() == [f"The database is at head: {data / 'streamweave.db'}"]
    with closing(sqlite3.connect(data / "streamweave.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert {"instruments", "audit_events"} <= tables


async def test_migrate_brings_an_empty_database_up(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    _streamweave(data, "migrate", "base", STREAMWEAVE_DATABASE_URL=database_url)
    _streamweave(data, "migrate", STREAMWEAVE_DATABASE_URL=database_url)
    system = await read_system(database, Settings(_env_file=None, data=data))
    assert system.copies_failed == 0


def test_without_a_setting_the_data_is_the_users_and_not_the_folders(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMWEAVE_")}
    program = "from app.config import Settings; print(Settings().data)"
    found = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "XDG_DATA_HOME": str(tmp_path / "share")},
            cwd=tmp_path / folder,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout.strip())
    assert found == {str(tmp_path / "share" / "streamweave")}


def test_the_operators_page_names_only_commands_that_exist() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    commands = set(re.findall(r"`(?:\./)?streamweave ((?:[a-z-]+ ?)+)", page))
    assert {"secrets rotate", "secrets new-key", "migrate"} <= {c.strip() for c in commands}
    for command in sorted(commands):
        words = [word for word in command.split() if word != "test"]
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--help"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"
