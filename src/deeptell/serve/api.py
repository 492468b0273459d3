"""The API of version 1; every path begins with /api/v1."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

import deeptell
from deeptell.serve.answer import PREVIEW, REPORT, RESULT
from deeptell.serve.desk import Desk
from deeptell.serve.feed import Feed
from deeptell.serve.guard import COOKIE, is_token
from deeptell.serve.intake import Refused, Taken, named, receive, shown_name
from deeptell.serve.jobs import Jobs
from deeptell.serve.records import DONE, Job
from deeptell.serve.settings import ServeSettings
from deeptell.serve.views import Health, JobList, JobView, LogEntry, NamedFile, Refusal, Token

API = "/api/v1"
_EVIDENCE = re.compile(r"(faces|heat)/\d{1,6}-\d{1,6}\.jpg")

_statuses = (400, 401, 403, 404, 409, 413, 415, 421, 503, 507)
router = APIRouter(prefix=API, responses={status: {"model": Refusal} for status in _statuses})

Rate = Annotated[
    float | None, Query(ge=1e-6, lt=1, description="flag at most this share of genuine files")
]
Stress = Annotated[bool, Query(description="examine 12 worse versions too")]


_FILE = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}


@router.post("/jobs", status_code=202, openapi_extra={"requestBody": _FILE})
async def send(
    request: Request,
    name: Annotated[str, Query(max_length=20_000, description="what the file is called")] = "",
    false_alarms: Rate = None,
    stress: Stress = False,
) -> JobView:
    """Send a file: the body of the request is the file itself."""
    options = {"false_alarms": false_alarms, "stress": stress}
    _desk(request).check(options)
    file = await receive(request.stream(), _settings(request))
    return await _taken(request, file, shown_name(name), options, owned=True)


@router.post("/jobs/named", status_code=202)
async def name_file(request: Request, file: NamedFile) -> JobView:
    """Name a file below a folder that the operator allowed; it stays where it is."""
    options = {"false_alarms": file.false_alarms, "stress": file.stress}
    _desk(request).check(options)
    found = await named(file.path, _settings(request))
    return await _taken(request, found, shown_name(file.path), options, owned=False)


async def _taken(
    request: Request, file: Taken, name: str, options: dict[str, Any], *, owned: bool
) -> JobView:
    def take() -> Job:
        try:
            job = _desk(request).take(file, name=name, owned=owned, options=options)
        except BaseException:
            if owned:
                file.path.unlink(missing_ok=True)
            raise
        _jobs(request).note(_who(request), "send" if owned else "name", job.id)
        return job

    return JobView.of(await to_thread.run_sync(take))


@router.get("/jobs")
def jobs(
    request: Request,
    before: Annotated[
        int | None, Query(ge=0, lt=2**63, description="the number of the last job seen")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JobList:
    """The latest jobs first."""
    last = _jobs(request).last_event()  # before the list, so that nothing falls between the two
    listed = _jobs(request).listed(before=before, limit=limit)
    return JobList(jobs=[JobView.of(job) for job in listed], last_event=last)


@router.get("/jobs/{id}")
def job(request: Request, id: str) -> JobView:
    """One job."""
    return JobView.of(_job(request, id))


@router.delete("/jobs/{id}", status_code=204)
def delete(request: Request, id: str) -> Response:
    """Erase a job, its file if that was sent, and its answer."""
    if not _desk(request).erase(id):
        raise _no_job()
    _jobs(request).note(_who(request), "delete", id)
    return Response(status_code=204)


@router.post("/jobs/{id}/cancel")
def cancel(request: Request, id: str) -> JobView:
    """Stop a job that has not ended."""
    _job(request, id)
    if not _jobs(request).cancel(id):
        raise Refused(409, "The job has ended: there is nothing to cancel.")
    _jobs(request).note(_who(request), "cancel", id)
    return JobView.of(_job(request, id))


@router.get("/events", response_class=StreamingResponse)
async def events(
    request: Request,
    last_event_id: Annotated[str, Header()] = "",
    after: Annotated[int | None, Query(ge=0, lt=2**63, description="as Last-Event-ID")] = None,
) -> StreamingResponse:
    """What happens to all jobs, as server-sent events; resumes after `Last-Event-ID`."""
    return _stream(_feed(request), last_event_id, after, None)


@router.get("/jobs/{id}/events", response_class=StreamingResponse)
async def events_of(
    request: Request,
    id: str,
    last_event_id: Annotated[str, Header()] = "",
    after: Annotated[int | None, Query(ge=0, lt=2**63, description="as Last-Event-ID")] = None,
) -> StreamingResponse:
    """What happens to one job, from its beginning unless told otherwise."""
    await to_thread.run_sync(_job, request, id)
    return _stream(_feed(request), last_event_id, after or 0, id)


def _stream(feed: Feed, last: str, after: int | None, job: str | None) -> StreamingResponse:
    start = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else after
    lines: AsyncIterator[bytes] = feed.watch(after=feed.last if start is None else start, job=job)
    return StreamingResponse(lines, media_type="text/event-stream")


@router.get("/jobs/{id}/result")
def result(request: Request, id: str) -> Response:
    """The answer: the document of `deeptell scan --json`, and where its pictures are (`page`)."""
    return Response(_read(_answer(request, id) / RESULT), media_type="application/json")


@router.get("/jobs/{id}/report")
def report(request: Request, id: str) -> Response:
    """The report, as a file to keep."""
    name = quote(f"{Path(_job(request, id).name).stem}-report.html")
    headers = {
        "content-security-policy": "sandbox; default-src 'none'",
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
    }
    return Response(_read(_answer(request, id) / REPORT), media_type="text/html", headers=headers)


@router.get("/jobs/{id}/evidence/{path:path}")
def evidence(request: Request, id: str, path: str) -> Response:
    """A face or its heat map, as the result names it."""
    if not _EVIDENCE.fullmatch(path):
        raise _nothing()
    return Response(_read(_answer(request, id) / path), media_type="image/jpeg")


@router.get("/jobs/{id}/media")
def media(request: Request, id: str) -> FileResponse:
    """The file itself, or its preview where browsers do not play it."""
    job = _job(request, id)
    preview = _settings(request).results / (job.result or "") / PREVIEW
    path = preview if job.result and preview.is_file() else Path(job.path)
    if not path.is_file():
        raise Refused(404, "The file is not there any more.")
    return FileResponse(path)


@router.get("/health")
def health() -> Health:
    """Whether the server answers."""
    return Health(status="ok", version=deeptell.__version__)


@router.get("/ready")
def ready(request: Request) -> Health:
    """Whether it can work: the database answers and there are workers."""
    _jobs(request).last_event()
    if not request.app.state.crew.alive:
        raise Refused(503, "No worker is there at the moment; they are started again.")
    return Health(status="ok", version=deeptell.__version__)


@router.get("/log")
def log(request: Request, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000) -> list[LogEntry]:
    """Who asked for what, the latest first."""
    return [
        LogEntry(**{k: v for k, v in row.items() if k != "number"}) for row in _log(request, limit)
    ]


@router.post("/session", status_code=204)
def session(request: Request, given: Token) -> Response:
    """Exchange the token for a cookie, as the page does."""
    token = request.app.state.token
    if token is not None and not is_token(given.token, token):
        raise Refused(401, "That is not the token: it was printed when the server was started.")
    response = Response(status_code=204)
    if token is not None:
        response.set_cookie(COOKIE, given.token, httponly=True, samesite="strict")
    return response


def _log(request: Request, limit: int) -> list[dict[str, Any]]:
    return _jobs(request).noted(limit=limit)


def _settings(request: Request) -> ServeSettings:
    settings: ServeSettings = request.app.state.settings
    return settings


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _feed(request: Request) -> Feed:
    feed: Feed = request.app.state.feed
    return feed


def _who(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _job(request: Request, id: str) -> Job:
    found = _jobs(request).get(id)
    if found is None:
        raise _no_job()
    return found


def _no_job() -> Refused:
    return Refused(404, "There is no such job: it was erased, or never was.")


def _nothing() -> Refused:
    return Refused(404, "There is nothing of that name.")


def _read(path: Path) -> bytes:
    """A small file of an answer, which may be erased at any moment."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _nothing() from None


def _answer(request: Request, id: str) -> Path:
    job = _job(request, id)
    if job.state != DONE or job.result is None:
        raise Refused(409, f"There is no answer: the job is {job.state}.")
    return _settings(request).results / job.result
