"""How each data set's own layout becomes a manifest; one file per data set."""

from pathlib import Path

import pandas as pd

from deeptell.catalog import lookup
from deeptell.data.manifest import check_manifest
from deeptell.data.sources.listing import Listing, Source
from deeptell.data.sources.registry import SOURCES
from deeptell.errors import DataError

__all__ = ["SOURCES", "Listing", "Source", "counts", "folder_of", "index_dataset"]


def index_dataset(name: str, root: Path) -> Listing:
    """List the videos of the data set `name` as it lies at `root`, a folder (a file for "csv").

    Raises:
        ConfigError: no such data set is known.
        DataError: `root` is missing, is another data set, or lacks or contradicts its own lists.
    """
    source = lookup(SOURCES, name, kind="data set")
    if not root.exists():
        raise DataError(f"There is no file or folder {root}: check the path.")
    if not source.matches(root):
        hint = _looks_like(root) or f"it has none of {', '.join(source.markers)}"
        raise DataError(f"{root} is not {source.title} ({name}): {hint}.")
    try:
        found = source.index(root)
    except OSError as error:
        raise DataError(f"{root} cannot be read: {error}.") from None
    if found.manifest.empty:
        lost = f"; its lists name {len(found.missing)}" if found.missing else ""
        raise DataError(f"{root} holds no video of {source.title} ({name}){lost}.")
    check_manifest(found.manifest, what=f"{source.title} at {root}")
    return found


def folder_of(root: Path) -> Path:
    """The folder that the paths of a listing start from; a table stands for its own folder."""
    return root.parent if root.is_file() else root


def counts(listing: Listing, source: Source) -> pd.DataFrame:
    """Videos found beside those published: a row per method and compression.

    Returns:
        The columns method, compression, label ("real" or "fake"), found and published, which is
        missing (NA) where the owners gave no figure. A method that is not there at all has one
        row without a compression; so has the total of the fakes where only that was published.
    """
    keys = ["method", "compression", "label"]
    real_first = listing.manifest.sort_values("label", kind="stable")
    there = real_first.groupby(keys, sort=False).size().rename("found").reset_index()
    published = dict(source.published)
    absent = [method for method in published if method not in set(there["method"])]
    fakes = int((listing.manifest["label"] == 1).sum())
    rows = [(m, "", int(m != "real"), fakes if m == "fake" else 0) for m in absent]
    table = pd.concat([there, pd.DataFrame(rows, columns=[*keys, "found"])], ignore_index=True)
    return table.assign(
        label=table["label"].map({0: "real", 1: "fake"}),
        published=pd.array([published.get(m) for m in table["method"]], dtype="Int64"),
    )


def _looks_like(root: Path) -> str:
    names = (name for name, source in SOURCES.items() if source.matches(root))
    return next((f"it looks like {SOURCES[name].title} ({name})" for name in names), "")
