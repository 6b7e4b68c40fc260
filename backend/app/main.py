"""The web application: `uvicorn --factory app.main:create_app`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from app.api import problems
from app.api.csrf import CsrfProtection
from app.api.openapi import build_document
from app.api.page import Page
from app.api.router import api
from app.api.version import VERSION
from app.auth.attempts import Attempts
from app.auth.current import session_backend
from app.config import Settings, get_settings
from app.database import Database
from app.migrations import head
from app.services.credentials import Vault
from app.services.live import Live
from app.services.storages import StorageOpener, Writer


@contextlib.asynccontextmanager
async def _background(database: Database, settings: Settings, live: Live) -> AsyncIterator[None]:
    """Run reconciler, dispatcher and sealer beside the API."""
    from app.services.background import run_background  # Prefect loads only where it is used

    stop = asyncio.Event()
    task = asyncio.create_task(run_background(database, settings, stop, live.ring))
    try:
        yield
    finally:
        stop.set()
        await task


def create_app(settings: Settings | None = None, *, background: bool = True) -> FastAPI:
    """Return the application.

    Args:
        settings: those of the environment when left out.
        background: whether this process also reconciles, dispatches and seals.
    """
    settings = settings or get_settings()
    settings.check()
    secure = (settings.public_url or "").startswith("https://")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = Database.from_settings(settings)
        await database.check_migrated(head())
        app.state.database = database
        app.state.vault = Vault.from_settings(settings)
        app.state.live = live = Live(database)
        app.state.storages = storages = StorageOpener(database, settings, Writer("api", "api"))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(storages.close)
            stack.push_async_callback(database.close)
            stack.push_async_callback(live.close)
            if background:
                await stack.enter_async_context(_background(database, settings, live))
            yield

    app = FastAPI(
        title="StreamWeave",
        version=VERSION,
        description="Scientific data harvesting, simplified.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.attempts = Attempts()
    app.state.session_backend = session_backend(secure=secure)
    app.include_router(api)
    # Behind all routes, so that a method or a path the API does not know stays its own answer.
    app.router.default = Page(settings.page_folder, app.router.default)
    problems.install(app)
    app.add_middleware(CsrfProtection, key=settings.fernet_keys()[0], secure=secure)
    app.add_middleware(problems.RequestIds)
    app.openapi = lambda: build_document(app)  # type: ignore[method-assign]
    return app
