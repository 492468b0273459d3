"""The manifest: one row per video, readable by pandas, polars and DuckDB as it is."""

import os
from pathlib import Path

import pandas as pd

from deeptell.errors import DataError
from deeptell.files import replacing

COLUMNS = (
    "video_key",  # dataset/method/compression/file: four methods of one pair stay four videos
    "path",  # relative to the manifest's folder (in memory: absolute), with forward slashes
    "dataset",
    "method",  # "real", or the name of the manipulation
    "compression",
    "label",  # FAKE = 1, REAL = 0
    "split",  # "train", "val", "test", or "" where none is given
    "target_id",  # the person seen in the original video
    "source_id",  # the person put in; "" for reals
    "group",  # what must stay on one side of every split
)

SIDES = ("train", "val", "test", "")


def check_manifest(manifest: pd.DataFrame, *, what: str) -> pd.DataFrame:
    """Return the manifest, or raise a `DataError` that names the first rule it breaks."""
    missing = [column for column in COLUMNS if column not in manifest.columns]
    if missing:
        raise DataError(f"{what} lacks the column '{missing[0]}'; a manifest has {COLUMNS}.")
    if manifest.empty:
        raise DataError(f"{what} lists no video.")
    doubled = manifest.loc[manifest["video_key"].duplicated(), "video_key"]
    if len(doubled):
        raise DataError(f"{what} lists the video '{doubled.iloc[0]}' twice.")
    odd = manifest.loc[~manifest["label"].isin([0, 1])]
    if len(odd):
        row = odd.iloc[0]
        raise DataError(
            f"{what}: the label of '{row['video_key']}' must be 0 (real) or 1 (fake), "
            f"got {row['label']}."
        )
    strange = manifest.loc[~manifest["split"].isin(SIDES)]
    if len(strange):  # a test set under another name would be taken for no test set
        row = strange.iloc[0]
        raise DataError(
            f"{what}: the split of '{row['video_key']}' must be one of {SIDES}, "
            f"got '{row['split']}'."
        )
    return manifest


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest from Parquet or CSV; its paths come back absolute."""
    if path.is_dir():  # which pandas would read all of, and its paths count from elsewhere
        raise DataError(f"{path} is a folder, not a manifest: name the file in it.")
    try:
        if path.suffix == ".csv":
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            for column in {"label", "bytes"} & set(table):
                table[column] = pd.to_numeric(table[column])
        else:
            table = pd.read_parquet(path)
    except FileNotFoundError:
        raise DataError(f"There is no manifest {path}; 'deeptell index' makes one.") from None
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a manifest (Parquet or CSV): {error}.") from None
    table = check_manifest(table, what=f"The manifest {path}")
    # Joined to an absolute path, a relative one counts from the manifest's own folder.
    return table.assign(path=[str(path.parent.resolve() / name) for name in table["path"]])


def write_manifest(manifest: pd.DataFrame, path: Path, *, root: Path) -> None:
    """Write a manifest as Parquet, or as CSV where the path ends in .csv.

    Args:
        manifest: its paths are relative to `root`; in the file they are relative to the
            manifest's own folder, so that the two can be moved together.
    """
    check_manifest(manifest, what="The manifest")
    step = Path(os.path.relpath(root, path.parent))
    placed = manifest.assign(path=[(step / name).as_posix() for name in manifest["path"]])
    with replacing(path) as temporary:
        if path.suffix == ".csv":
            placed.to_csv(temporary, index=False)
        else:
            placed.to_parquet(temporary, index=False)


def summary(manifest: pd.DataFrame) -> pd.DataFrame:
    """Counts of videos: a row per method and compression, a column per split ("" as "none")."""
    named = manifest.assign(split=manifest["split"].replace("", "none"))
    counts = named.groupby(["method", "compression", "split"]).size().unstack(fill_value=0)
    order = [name for name in ("train", "val", "test", "none") if name in counts.columns]
    return counts[order].reset_index()
