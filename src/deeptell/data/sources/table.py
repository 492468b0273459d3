"""A table (CSV) of videos of your own, wherever they lie.

    path,label                  paths count from the table's folder; 0 or real, 1 or fake
    clips/a.mp4,0
    clips/b.mp4,fake

Further columns of a manifest (dataset, method, compression, split, target_id, source_id, group,
video_key) are taken as they are; others are kept. Without a group, files of one name are a group.
"""

from pathlib import Path

import pandas as pd

from deeptell.data.manifest import COLUMNS
from deeptell.data.sources.files import read_table
from deeptell.data.sources.listing import NATIVE, Listing
from deeptell.errors import DataError
from deeptell.media.archive import ARCHIVE

_LABELS = {"0": 0, "1": 1, "real": 0, "fake": 1}
_SPLITS = ("train", "val", "test", "")


def list_videos(root: Path) -> Listing:
    """List the videos that the table at `root`, a file, names and that are there."""
    table = read_table(root.parent, root.name, columns=("path", "label"))
    labels = table["label"].str.strip().str.lower()
    _check(root, table["label"], labels.isin(_LABELS), rule="0 or real, 1 or fake")
    manifest = _filled(table.assign(label=labels.map(_LABELS)), name=root.stem)
    _check(root, manifest["split"], manifest["split"].isin(_SPLITS), rule="train, val, test or ''")
    agrees = (manifest["method"] == "real") == (manifest["label"] == 0)
    _check(root, manifest["method"], agrees, rule="'real' where the label is, and only there")
    there = manifest["path"].map(lambda path: _exists(root.parent / path)).astype(bool)
    return Listing(
        manifest.loc[there].reset_index(drop=True), tuple(sorted(manifest.loc[~there, "path"])), ()
    )


def _filled(table: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """Add the columns of a manifest that the table lacks, in their order and before its own."""
    stems = [Path(path).stem for path in table["path"]]
    words = ["fake" if label else "real" for label in table["label"]]
    defaults = {"dataset": name, "method": words, "compression": NATIVE, "group": stems}
    for column, value in ({"split": "", "target_id": "", "source_id": ""} | defaults).items():
        if column not in table:
            table[column] = value
    if "video_key" not in table:
        parts = ("dataset", "method", "compression", "path")
        table["video_key"] = ["/".join(row) for row in zip(*(table[p] for p in parts), strict=True)]
    return table[[*COLUMNS, *(column for column in table if column not in COLUMNS)]]


def _check(path: Path, column: pd.Series, good: pd.Series, *, rule: str) -> None:
    if not good.all():
        row = int((~good).to_numpy().argmax())
        raise DataError(
            f"{path}, row {row + 1}: the {column.name} must be {rule}, got '{column.iloc[row]}'."
        )


def _exists(path: Path) -> bool:
    """Whether a file or a folder is there; of a folder inside an archive, the archive."""
    archive, inside, _ = str(path).partition(f"{ARCHIVE}#")
    return Path(archive + ARCHIVE).is_file() if inside else path.exists()
