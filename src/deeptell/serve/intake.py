"""How files come in: streamed to the disk under random names, or named below an allowed folder."""

import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from anyio import open_file, to_thread
from starlette.requests import ClientDisconnect

from deeptell.serve.jobs import new_id
from deeptell.serve.settings import ServeSettings
from deeptell.serve.sniff import HEAD, suffix_of

DISK_FULL = "The disk is full: erase old jobs, or have the operator make room."
MOST_NAME = 200  # characters of a name that are kept
_CHECK_EVERY = 64 * 2**20  # bytes between two looks at the disk


class Refused(Exception):
    """Something that is not done for whoever asked: the status of HTTP, and why, for people."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Taken:
    """A file that lies on the disk whole."""

    path: Path
    size: int
    sha256: str


async def receive(chunks: AsyncIterator[bytes], settings: ServeSettings) -> Taken:
    """Write what is sent to the uploads; where that fails, nothing stays.

    Raises:
        Refused: it is empty, too large, no video or picture, or the disk is full.
    """
    part = settings.uploads / f"{new_id()}.part"
    digest, size, head, looked = hashlib.sha256(), 0, b"", 0
    try:
        _check_room(settings)
        async with await open_file(part, "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > settings.upload_bytes:
                    raise too_large(settings)
                if len(head) < HEAD:
                    head += chunk[: HEAD - len(head)]
                    if len(head) == HEAD:
                        _check_kind(head)
                if size - looked > _CHECK_EVERY:
                    _check_room(settings)
                    looked = size
                digest.update(chunk)
                await file.write(chunk)
        if not size:
            raise Refused(400, "Nothing was sent: the body of the request is the file.")
        path = part.with_suffix(_check_kind(head))
        part.rename(path)
    except ClientDisconnect:
        raise Refused(400, "The connection was cut off before the whole file was there.") from None
    except OSError as error:
        raise Refused(507, f"The file cannot be kept: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return Taken(path, size, digest.hexdigest())


async def named(path: str, settings: ServeSettings) -> Taken:
    """A file below one of the allowed folders, where it stays.

    Raises:
        Refused: there is none, or it lies elsewhere (the two are not told apart), or it is too
            large, or no video or picture.
    """
    return await to_thread.run_sync(_named, path, settings)


def _named(path: str, settings: ServeSettings) -> Taken:
    for root in settings.roots:
        try:
            found = (root / path).resolve(strict=True)
        except (OSError, ValueError):
            continue
        if found.is_file() and found.is_relative_to(root.resolve()):
            if found.stat().st_size > settings.upload_bytes:
                raise too_large(settings)
            with found.open("rb") as file:
                _check_kind(file.read(HEAD))
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                return Taken(found, file.tell(), digest)
    raise Refused(404, "There is no such file below a folder that this server may read.")


def shown_name(name: str) -> str:
    """A name as it may be shown: no path, no control characters, of limited length."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(sign if sign.isprintable() else "�" for sign in last).strip()
    return clean[:MOST_NAME] or "unnamed"


def too_large(settings: ServeSettings) -> Refused:
    """What is said of a file above the limit."""
    limit = settings.upload_bytes / 2**20
    return Refused(413, f"The file is larger than the {limit:,.0f} MiB that this server takes.")


def _check_kind(head: bytes) -> str:
    suffix = suffix_of(head)
    if suffix is None:
        raise Refused(
            415, "This is no video or picture that deeptell reads, by what it holds: see the docs."
        )
    return suffix


def _check_room(settings: ServeSettings) -> None:
    if shutil.disk_usage(settings.uploads).free < settings.spare_bytes:
        raise Refused(507, DISK_FULL)


def sweep(settings: ServeSettings, files: set[str], results: set[str]) -> None:
    """Erase what no job knows: uploads that were cut off, answers that came too late."""
    for path in settings.uploads.iterdir():
        if str(path) not in files:
            path.unlink(missing_ok=True)
    for path in settings.results.iterdir():
        if path.name not in results:
            shutil.rmtree(path, ignore_errors=True)


def make_folders(settings: ServeSettings) -> None:
    """Make what the server writes to, for the eyes of its user alone."""
    for folder in (settings.folder, settings.uploads, settings.results):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
