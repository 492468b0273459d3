"""The application: the API of version 1, its interactive documentation, and the page."""

import multiprocessing
import sqlite3
from collections.abc import AsyncIterator, Collection
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path

from anyio import create_task_group, sleep, to_thread
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

import deeptell
from deeptell.records import BundleCard
from deeptell.serve.api import API, router
from deeptell.serve.crew import Crew
from deeptell.serve.database import WITHOUT_DATABASE
from deeptell.serve.desk import Desk
from deeptell.serve.feed import Feed
from deeptell.serve.guard import Guard
from deeptell.serve.intake import DISK_FULL, Refused, make_folders, sweep
from deeptell.serve.jobs import Jobs
from deeptell.serve.settings import ServeSettings

PAGE = Path(str(files("deeptell") / "serve" / "page"))
_SWEEP_SECONDS = 60.0


def create_app(
    settings: ServeSettings, *, hosts: Collection[str], token: str | None = None
) -> FastAPI:
    """The application, whose workers live as long as it is entered.

    Args:
        hosts: names under which it is asked.
        token: what everybody must send; None: nobody is asked for one.

    Raises:
        BundleError: the bundle cannot be read.
        OutputError: the database cannot be opened.
    """
    card = _card(settings.bundle)
    make_folders(settings)
    jobs = Jobs(settings.database)

    @asynccontextmanager
    async def entered(app: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(lambda: sweep(settings, *jobs.kept()))
        crew = Crew(jobs, settings)
        await to_thread.run_sync(crew.start)
        async with Feed(jobs) as feed, create_task_group() as tasks:
            app.state.feed, app.state.crew = feed, crew
            tasks.start_soon(_expire, app.state.desk)
            yield
            tasks.cancel_scope.cancel()
        await to_thread.run_sync(crew.stop)
        jobs.close()

    app = FastAPI(
        title="deeptell",
        version=deeptell.__version__,
        description="Was a person in a video manipulated, who, when, how sure, and why.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=entered,
    )
    app.state.settings, app.state.jobs, app.state.token = settings, jobs, token
    app.state.desk = Desk(jobs, settings, card)
    app.include_router(router)
    _add_pages(app)
    app.add_exception_handler(Refused, _refused)
    for kind in WITHOUT_DATABASE:
        app.add_exception_handler(kind, _without_database)
    app.add_middleware(Guard, hosts=hosts, token=token)
    return app


def _card(bundle: Path) -> BundleCard:
    """The card of a bundle, which another process checks and loads: the server stays small."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_load_card, bundle).result()


def _load_card(bundle: Path) -> BundleCard:
    from deeptell.models.bundle import load_bundle

    return load_bundle(bundle).card


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html", media_type="text/html")

    app.mount("/page", StaticFiles(directory=PAGE))

    @app.get(f"{API}/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_DOCS)

    app.mount(f"{API}/docs-files", StaticFiles(packages=[("swagger_ui_bundle", _swagger())]))


def _swagger() -> str:
    """Where the package keeps the files, whose folder carries its version."""
    vendor = Path(str(files("swagger_ui_bundle") / "vendor"))
    return f"vendor/{min(path.name for path in vendor.iterdir())}"


_DOCS = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>deeptell API</title>
<link rel="stylesheet" href="{API}/docs-files/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="{API}/docs-files/swagger-ui-bundle.js"></script>
<script type="module" src="/page/docs.js"></script></body></html>
"""


async def _expire(desk: Desk) -> None:
    while True:
        with suppress(*WITHOUT_DATABASE):  # the next time, then
            await to_thread.run_sync(desk.expire)
        await sleep(_SWEEP_SECONDS)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.reason}, error.status)


async def _without_database(_: Request, error: Exception) -> JSONResponse:
    if getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL:
        return JSONResponse({"detail": DISK_FULL}, 507)
    return JSONResponse(
        {"detail": "The database does not answer: try again in a moment. Nothing was lost."},
        503,
        headers={"retry-after": "2"},
    )
