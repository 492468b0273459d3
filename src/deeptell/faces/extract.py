"""A video becomes face tracks and stored crops; many videos become a FaceStore."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import pandas as pd

from deeptell.config import ExtractConfig
from deeptell.errors import ConfigError, DataError, DeeptellError, OutputError
from deeptell.faces.detect import Detector, create_detector
from deeptell.faces.read import VideoFaces, read_faces
from deeptell.faces.shard import FAILED, NO_FACE, OK, Outcome, read_part, write_shard
from deeptell.faces.store import claim, sweep
from deeptell.faces.tables import compact
from deeptell.faces.verify import Damage, forget, verify
from deeptell.media.corrupt import NONE, corruption
from deeptell.progress import Progress
from deeptell.workers import Died, check_engine, each

__all__ = ["ExtractSummary", "VideoFaces", "extract", "read_faces"]


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What a run of `extract` gave."""

    videos: int
    with_faces: int
    without_face: int
    failed: int
    crops: int
    reasons: tuple[tuple[str, str], ...] = field(repr=False)  # (video_key, reason) if not ok
    repaired: tuple[Damage, ...] = field(default=(), repr=False)  # what was found and mended


@dataclass(frozen=True, slots=True)
class _Task:
    video_key: str
    path: Path
    store: Path
    config: ExtractConfig


def extract(
    videos: pd.DataFrame,
    store: Path,
    *,
    config: ExtractConfig,
    jobs: int = 1,
    root: Path = Path(),
    engine: str = "local",
    seconds: float | None = None,
    repair: bool = False,
    progress: Progress | None = None,
) -> ExtractSummary:
    """Find and store the faces of many videos.

    A video that cannot be read, twice took longer than it may or twice killed its process gets a
    row that says why. Started again after it was killed, or with more videos, it goes on where it
    was; videos that failed are tried again. The store is the same, to the last byte, whatever the
    engine, the jobs and the interruptions.

    Args:
        videos: a row per video with the columns video_key (unique) and path; all others are kept.
        jobs: worker processes; 1 works in this process, unless there is a time limit.
        root: folder that relative paths start from.
        engine: "local" or "ray"; see `workers.each`.
        seconds: time limit for one video.
        repair: examine the store to the last byte first, and make damaged pieces of `videos` again.
        progress: called with (videos done, videos in all).

    Raises:
        DataError: `videos` lacks a column, or a video_key occurs twice.
        StoreError: `store` is something else, was made with another configuration, or is damaged.
        OutputError: `store` cannot be written to; what is finished is kept.
        ConfigError: jobs or seconds are too small, or there is no such engine, detector or
            corruption.
        MissingExtraError: the engine's package is not installed.
    """
    _check(videos, jobs, seconds)
    check_engine(engine)
    if config.corruption != NONE:
        corruption(config.corruption)
    claim(store, config)
    sweep(store)
    keys = [str(key) for key in videos["video_key"]]
    mended = forget(store, keys, verify(store, deep=True)) if repair else []
    todo = [
        _Task(key, root / path, store, config)
        for key, path in zip(keys, videos["path"], strict=True)
        if not _is_done(store, key)
    ]
    work = each(
        _extract_one,
        todo,
        jobs=min(jobs, max(1, len(todo))),
        setup=_set_up,
        arguments=(config,),
        engine=engine,
        seconds=seconds,
    )
    threads = cv2.getNumThreads()
    try:
        _follow(work, done=len(videos) - len(todo), total=len(videos), report=progress or _silent)
    finally:
        cv2.setNumThreads(threads)
        sweep(store)  # what workers that were killed had begun
    return _summary(compact(store, videos), mended)


def _follow(
    work: Generator[tuple[_Task, Died | None], None, None],
    *,
    done: int,
    total: int,
    report: Progress,
) -> None:
    """Report every video that is done, and write down why one was given up."""
    report(done, total)
    with closing(work):  # an interruption leaves no worker behind
        for task, result in work:
            if isinstance(result, Died):
                write_shard(task.store, task.video_key, Outcome(FAILED, result.reason))
            done += 1
            report(done, total)


def _check(videos: pd.DataFrame, jobs: int, seconds: float | None) -> None:
    for column in ("video_key", "path"):
        if column not in videos:
            raise DataError(f"The table of videos lacks the column '{column}'.")
    doubled = videos.loc[videos["video_key"].duplicated(), "video_key"]
    if len(doubled):
        raise DataError(f"The video_key '{doubled.iloc[0]}' stands twice in the table of videos.")
    if jobs < 1:
        raise ConfigError(f"jobs must be at least 1, got {jobs}.")
    if seconds is not None and seconds <= 0:
        raise ConfigError(f"The time limit must be more than 0 seconds, got {seconds:g}.")


def _is_done(store: Path, video_key: str) -> bool:
    part = read_part(store, video_key)
    return part is not None and part[1].status != FAILED


def _silent(done: int, total: int) -> None:
    pass


_detectors: dict[str, Detector] = {}  # loaded once per process


def _set_up(config: ExtractConfig) -> None:
    """Prepare a worker: one thread each, since there is a worker per core, and its detector."""
    cv2.setNumThreads(1)
    weights = Path(config.weights) if config.weights else None
    _detectors[config.detector] = create_detector(config.detector, weights=weights)


def _extract_one(task: _Task) -> None:
    try:
        faces = read_faces(task.path, detector=_detectors[task.config.detector], config=task.config)
    except OutputError:
        raise
    except DeeptellError as error:
        write_shard(task.store, task.video_key, Outcome(FAILED, str(error)))
    except Exception as error:  # one file must not stop ten thousand; the row says what happened
        reason = f"deeptell failed on it: {type(error).__name__}: {error}"
        write_shard(task.store, task.video_key, Outcome(FAILED, reason))
    else:
        outcome = Outcome(
            status=OK if faces.crops else NO_FACE,
            reason=faces.reason,
            tracks=len(faces.tracks),
            crops=len(faces.crops),
            info=faces.info,
        )
        write_shard(task.store, task.video_key, outcome, faces.crops)


def _summary(rows: pd.DataFrame, mended: Sequence[Damage]) -> ExtractSummary:
    counts = Counter(rows["status"])
    troubled = rows.loc[rows["status"] != OK]
    return ExtractSummary(
        videos=len(rows),
        with_faces=counts[OK],
        without_face=counts[NO_FACE],
        failed=counts[FAILED],
        crops=int(rows["crops"].sum()),
        reasons=tuple(zip(troubled["video_key"], troubled["reason"], strict=True)),
        repaired=tuple(mended),
    )
