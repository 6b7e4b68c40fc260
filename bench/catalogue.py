"""First pages of every list, filter and name search over the REST API, PostgreSQL, many files.

The real application in this process, asked over its ASGI interface; rows are made by the database.
Each request is asked `rounds` x 10 times in turn with the others, once before to warm up. There is
no reference to beat; what an empty list costs (`users`) shows how much is the way there and back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.auth.tokens import hash_token, new_token
from app.clock import utcnow
from app.config import Settings
from app.database import Database
from app.main import create_app
from app.models import ApiToken, Grant, User, new_id
from bench.databases import made, refresh_statistics
from bench.report import percentile, say
from bench.rows import SeededLab, seed_catalogue, seed_lab

if TYPE_CHECKING:
    from bench.__main__ import Options

_ROWS, _INSTRUMENTS, _REPEATS = 200_000, 20, 10
_TABLES = ("source_files", "versions", "copies", "name_words", "audit_events", "instruments")
_FILE_STATES = (
    "available", "failed", "conflict", "queued", "retry_wait", "superseded", "settling", "held",
    "skipped", "damaged", "transferring",
)  # fmt: skip
_COPY_STATES = ("available", "failed", "conflict", "queued", "superseded", "damaged")


def requests(lab: SeededLab, rows: int) -> dict[str, str]:
    """Name the requests: every list and filter that the API has."""
    one = f"instrument={lab.instruments[3]}"
    found = {
        "files": "files",
        "files of one instrument": f"files?{one}",
        "files by path": "files?q=run 1",
        "files by path, one instrument": f"files?q=run 1&{one}",
        "files by exact path": f"files?path=run 0/file 3.raw&{one}",
        "search: in every name": "files?search=raw",
        "search: a number": f"files?search={rows // 2}",
        "search: two words": f"files?search=file {rows // 20}",
        "search: nothing": "files?search=nowhere",
        "search: one instrument": f"files?search=raw&{one}",
        "search: common, failed": "files?search=raw&state=failed",
        "transfers": "transfers",
        "transfers of one instrument": f"transfers?{one}",
        "transfers to one storage": f"transfers?storage={lab.storage}",
        "transfers by error": "transfers?error_code=read_back_mismatch",
        "transfers by error, none": "transfers?error_code=storage_full",
        "audit": "audit",
        "audit of one instrument": f"audit?{one}",
        "audit by action, none": "audit?action=user.created",
        "audit by actor, none": "audit?actor=system",
        "files, newest last": "files?sort=first_seen",
        "files, in the order of paths": "files?sort=path",
        "files, paths backwards, one instrument": f"files?sort=-path&{one}",
        "files by size": "files?size_min=900&size_max=1100",
        "files by size, none": "files?size_min=1000000000",
        "files by time of change, none": "files?modified_after=2200-01-01T00:00:00Z",
        "files by first sight": "files?first_seen_after=2020-01-01T00:00:00Z",
        "files by type": "files?type=raw",
        "files by type, one instrument": f"files?type=raw&{one}",
        "files by type, none": "files?type=mzml",
        "files, failed or in conflict": "files?state=failed&state=conflict",
        "files, available or failed, by size": "files?state=available&state=failed&size_min=900",
        "counts": "files/counts",
        "counts of one instrument": f"files/counts?{one}",
        "counts by type": "files/counts?type=raw",
        "counts by size": "files/counts?size_min=900",
        "counts by size, none": "files/counts?size_min=1000000000",
        "counts by word": "files/counts?search=raw",
        "transfers in numbers": "transfers/counts",
        "transfers in numbers, one instrument": f"transfers/counts?{one}",
        "causes": "transfers/causes",
        "overview": "overview",
        "explain: a number": f"explain?q={rows // 2}",
        "explain: a path": "explain?q=share\\run 0\\file 3.raw",
        "live": f"instruments/{lab.instruments[3]}/live",
        "instruments": "instruments",
        "storage": "storage",
        "runs": "runs",
        "schedules": "schedules",
        "accounts": "accounts",
        "users": "users",
    }
    found |= {f"files, {state}": f"files?state={state}" for state in _FILE_STATES}
    found |= {f"files, {s}, one instrument": f"files?state={s}&{one}" for s in _FILE_STATES[:4]}
    found |= {f"transfers, {state}": f"transfers?state={state}" for state in _COPY_STATES}
    found |= {f"transfers, {s}, one instrument": f"transfers?state={s}&{one}" for s in _COPY_STATES}
    return found


def run(options: "Options") -> dict[str, Any]:
    """Measure."""
    with made("postgresql", options.folder) as url:
        return asyncio.run(_measure(url, options))


async def _measure(url: str, options: "Options") -> dict[str, Any]:
    rows = options.rows or _ROWS
    database = Database(url)
    lab = await seed_lab(database, _INSTRUMENTS)
    began = monotonic()
    await seed_catalogue(database, lab, rows)
    await refresh_statistics(database, _TABLES)
    say(f"{rows:,} files are made in {monotonic() - began:.0f} s.")
    admin, user = await _people(database, lab)
    await database.close()
    asked = {name: f"/api/{path}" for name, path in requests(lab, rows).items()}
    found: dict[str, list[float]] = {}
    async with _api(url, options.folder) as client:
        for who, token in (("admin", admin), ("user of two instruments", user)):
            theirs = asked if who == "admin" else {k: v for k, v in asked.items() if _is_open(k)}
            for name, figures in (await _ask(client, token, theirs, options.rounds)).items():
                found[name if who == "admin" else f"{name} ({who})"] = figures
    return _answer(rows, found)


def _is_open(name: str) -> bool:
    """Whether a user may ask it, too."""
    shown = ("files", "search", "transfers", "audit", "counts", "causes", "overview", "explain")
    return name.startswith(shown)


def _answer(rows: int, found: dict[str, list[float]]) -> dict[str, Any]:
    p95 = {name: round(percentile(figures, 0.95), 1) for name, figures in found.items()}
    ordered = sorted(p95, key=lambda name: p95[name], reverse=True)
    together = [one for figures in found.values() for one in figures]
    return {
        "rows": rows,
        "requests": len(found),
        "p50_ms": round(percentile(together, 0.5), 1),
        "p95_ms": round(percentile(together, 0.95), 1),
        "worst_p95_ms": p95[ordered[0]],
        "over_100_ms": [name for name in ordered if p95[name] > 100],
        "slowest": {name: p95[name] for name in ordered[:8]},
        "empty_list_p95_ms": p95["users"],
    }


async def _ask(
    client: httpx.AsyncClient, token: str, asked: dict[str, str], rounds: int
) -> dict[str, list[float]]:
    headers = {"Authorization": f"Bearer {token}"}
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds * _REPEATS + 1):
        for name, path in asked.items():
            began = monotonic()
            answer = await client.get(path, headers=headers)
            took = 1000 * (monotonic() - began)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
            if number:
                found[name].append(took)
            elif took > 1000:
                say(f"{name}: {took:,.0f} ms the first time")
    return found


async def _people(database: Database, lab: SeededLab) -> tuple[str, str]:
    """Store an admin and a user who may see two instruments; return their tokens."""
    tokens = []
    for name in ("admin", "user"):
        token = new_token()
        tokens.append(token)
        user = User(
            id=new_id(), email=f"{name}@bench.example", hashed_password="",
            is_superuser=name == "admin", is_active=True, is_verified=True, created_at=utcnow(),
        )  # fmt: skip
        async with database.write() as session:
            session.add(user)
            await session.flush()
            session.add(
                ApiToken(
                    user_id=user.id, token_hash=hash_token(token), kind="token",
                    created_at=utcnow(), expires_at=None,
                )
            )  # fmt: skip
            if name == "user":
                session.add_all(
                    Grant(user_id=user.id, instrument_id=one, created_at=utcnow())
                    for one in lab.instruments[2:4]
                )
    return tokens[0], tokens[1]


@contextlib.asynccontextmanager
async def _api(url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        _env_file=None,
        data=folder / "data",
        database_url=SecretStr(url),
        secret_keys=SecretStr(Fernet.generate_key().decode()),
    )
    app = create_app(settings, background=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://bench", timeout=600
        ) as client,
    ):
        yield client
