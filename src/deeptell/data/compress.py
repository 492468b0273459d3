"""A manifest's videos become the same videos at another compression, with a manifest of their own.

compress.json      the profile, and the folder that the source's paths start from
manifest.parquet   the rows of the videos that are there, written last
.../*.mp4          the videos, in the tree that their sources lie in
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath

import pandas as pd

from deeptell.catalog import lookup
from deeptell.data.claim import begun, claim, sweep
from deeptell.data.manifest import check_manifest, write_manifest
from deeptell.data.tasks import do_each
from deeptell.errors import DataError, MediaError, OutputError
from deeptell.media.encode import PROFILES, Profile
from deeptell.media.picture import PICTURE_SUFFIXES
from deeptell.media.sequence import is_sequence
from deeptell.media.transcode import transcode
from deeptell.progress import Progress

MARKER = "compress.json"

_LONGEST = 200  # bytes of a name; file systems take 255, and a temporary name is longer


@dataclass(frozen=True, slots=True)
class CompressSummary:
    """What a run of `compress` gave."""

    videos: int  # asked for
    written: int  # that are there now
    manifest: Path
    reasons: tuple[tuple[str, str], ...] = field(repr=False)  # (video_key, reason) if left out


@dataclass(frozen=True, slots=True)
class _Task:
    video_key: str  # the source's
    source: Path
    target: Path
    profile: Profile


def compress(
    manifest: pd.DataFrame,
    out: Path,
    *,
    profile: str,
    jobs: int = 1,
    progress: Progress | None = None,
    engine: str = "local",
    seconds: float | None = None,
) -> CompressSummary:
    """Encode every video of a manifest again; see `transcode` for what is kept.

    Pictures, and videos that cannot be read or lose frames, are named and left out. Started again
    after it was killed, or with more videos, it does what is missing.

    Args:
        manifest: its paths are absolute, as `read_manifest` gives them.
        profile: a name of `media.encode.PROFILES`.
        jobs: worker processes; 1 works in this process.
        progress: called with (videos done, videos in all).
        engine: "local" or "ray".
        seconds: time limit for one video.

    Raises:
        ConfigError: there is no such profile.
        DataError: two videos would become one, or not one could be encoded.
        OutputError: `out` holds other things, was begun with other settings, or cannot be written.
    """
    settings = lookup(PROFILES, profile, kind="profile")
    check_manifest(manifest, what="The manifest")
    sources = [_absolute(Path(path)) for path in manifest["path"]]
    root = _root(sources, out)
    rows = _compressed(manifest, [source.relative_to(root) for source in sources], profile)
    targets = [out / path for path in rows["path"]]
    # A manifest's paths are relative for the same reason: a disk may be mounted elsewhere.
    about = {"profile": profile, **asdict(settings), "root": os.path.relpath(root, out)}
    claim(out, about, marker=MARKER)
    sweep(out, keep=set(targets))
    present = set(out.rglob("*"))  # a video gets its name when it is whole
    places = zip(manifest["video_key"].astype(str), sources, targets, strict=True)
    reasons = do_each(
        _encode,
        [_Task(*place, settings) for place in places if place[-1] not in present],
        jobs=jobs,
        total=len(manifest),
        progress=progress,
        engine=engine,
        seconds=seconds,
    )
    sweep(out, keep=set(targets))  # a worker that died may have left its file
    there = ~manifest["video_key"].astype(str).isin(reasons).to_numpy()
    if not there.any():
        key, reason = next(iter(reasons.items()))
        raise DataError(f"Not one video could be encoded; '{key}': {reason}")
    path = out / "manifest.parquet"
    write_manifest(rows.loc[there], path, root=out)
    return CompressSummary(len(rows), int(there.sum()), path, tuple(sorted(reasons.items())))


def _root(sources: Sequence[Path], out: Path) -> Path:
    """The folder that all sources lie in, or the one with which `out` was begun."""
    before = begun(out, marker=MARKER)
    if before is None:
        return Path(os.path.commonpath([source.parent for source in sources]))
    root = _absolute(out / str(before.get("root", ".")))
    stray = next((source for source in sources if not source.is_relative_to(root)), None)
    if stray is not None:
        raise OutputError(
            f"The folder {out} was begun with videos below {root}, and {stray} lies elsewhere: "
            "choose another folder."
        )
    return root


def _absolute(path: Path) -> Path:
    """The path without "..", its links kept: a data set may be a tree of links."""
    return Path(os.path.normpath(path.absolute()))


def _compressed(manifest: pd.DataFrame, places: Sequence[Path], profile: str) -> pd.DataFrame:
    """The manifest's rows as they will be, with paths relative to the new folder."""
    rows = manifest.reset_index(drop=True)
    described = rows[["dataset", "method", "compression", "video_key"]].astype(str)
    keys, paths = [], []
    for (dataset, method, before, key), place in zip(
        described.itertuples(index=False), places, strict=True
    ):
        keys.append(
            f"{dataset}/{method}/{profile}/{key.removeprefix(f'{dataset}/{method}/{before}/')}"
        )
        paths.append(_target(place, before, profile).as_posix())
    rows = rows.assign(video_key=keys, compression=profile, path=paths)
    # Some file systems take "A.mp4" and "a.mp4" for one file.
    for column, folded in (("video_key", rows["video_key"]), ("path", rows["path"].str.casefold())):
        doubled = rows.loc[folded.duplicated(), column]
        if len(doubled):
            raise DataError(
                f"Two videos of the manifest would both become '{doubled.iloc[0]}': keep one "
                "compression of each video in it."
            )
    return rows


def _target(place: PurePath, before: str, profile: str) -> PurePath:
    """The place of a video in the new tree: no folder there names the old compression."""
    names = {before, "c0"} if before == "raw" else {before}  # FaceForensics++ has both names
    folders = [profile if folder in names else folder for folder in place.parent.parts]
    # "a.avi" becomes "a.avi.mp4", since there may be an "a.mp4" as well.
    name = place.name if place.suffix.lower() == ".mp4" else f"{place.name}.mp4"
    if len(name.encode()) > _LONGEST:
        tail = name.encode()[-_LONGEST:].decode(errors="ignore")
        name = f"{hashlib.sha256(name.encode()).hexdigest()[:8]}-{tail}"
    return PurePath(*folders, name)


def _encode(task: _Task) -> None:
    if task.source.suffix.lower() in PICTURE_SUFFIXES or is_sequence(task.source):
        raise MediaError(f"{task.source} holds pictures: only videos are encoded again.")
    transcode(task.source, task.target, profile=task.profile)
