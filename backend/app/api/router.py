"""All routes under `/api`."""

from fastapi import APIRouter

from app.api import (
    accounts,
    auth,
    downloads,
    events,
    files,
    flights,
    harvest,
    hook_runs,
    hooks,
    instruments,
    metadata,
    movers,
    overview,
    runs,
    schedules,
    sdk,
    setup,
    storage,
    system,
    tokens,
    transfers,
    users,
)

api = APIRouter(prefix="/api")
# harvest before instruments: `/instruments/check` is no instrument's id.
for module in (
    setup, auth, users, tokens, accounts, storage, harvest, flights, hooks, hook_runs,
    instruments, movers, schedules, runs, files, metadata, downloads, transfers, system, sdk,
    events, overview,
):  # fmt: skip
    api.include_router(module.router)
