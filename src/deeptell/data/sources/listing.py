"""What every source gives: a manifest, what its root lacks, and what the user should know."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from deeptell.data.manifest import COLUMNS

# The compression of a data set that ships one version only; "raw" would claim it lossless.
NATIVE = "native"

Row = dict[str, object]

# What notes say of videos.
ODD = "Videos left out because they are not named as published"
UNLISTED = "Videos left out because no list of the data set names them"


@dataclass(frozen=True, slots=True)
class Listing:
    """The videos of a data set as they lie on disk."""

    manifest: pd.DataFrame = field(repr=False)  # COLUMNS; paths relative to the root
    missing: tuple[str, ...]  # relative paths that the data set's own lists name
    notes: tuple[str, ...]  # whole sentences


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that deeptell can index."""

    title: str
    about: str  # one line: what it is, and its paper
    index: Callable[[Path], Listing]
    # Globs, any of which tells that a root looks like it: one with a slash is looked for below a
    # folder, one without is the name of a file given as root.
    markers: tuple[str, ...]
    # Videos by method as its owners count them, "real" among them; "fake" where only the total
    # of the fakes is known.
    published: Mapping[str, int]

    def matches(self, root: Path) -> bool:
        """Tell whether `root` looks like this data set."""
        if root.is_file():
            return any(root.match(marker) for marker in self.markers if "/" not in marker)
        below = [marker for marker in self.markers if "/" in marker]
        return any(next(root.glob(marker), None) for marker in below)


def listing(
    rows: Iterable[Row], *, missing: Iterable[str] = (), notes: Iterable[str] = ()
) -> Listing:
    """Put rows together; empty notes are left out, and videos whose names no table can hold."""
    kept, odd = list[Row](), list[str]()
    for entry in rows:
        path = str(entry["path"])
        if _as_text(path) == path:
            kept.append(entry)
        else:
            odd.append(path)
    unnamed = noted(odd, "Videos left out because their names are no text (rename them)")
    return Listing(
        manifest=pd.DataFrame(kept, columns=list(COLUMNS)),
        missing=tuple(sorted(map(_as_text, missing))),
        notes=tuple(note for note in (*notes, unnamed) if note),
    )


def row(
    path: str,
    *,
    dataset: str,
    method: str,
    file: str,
    group: str,
    compression: str = NATIVE,
    split: str = "",
    target: str = "",
    source: str = "",
) -> Row:
    """One video of a manifest.

    Args:
        path: relative to the root, with forward slashes.
        method: "real", or the name of the manipulation; it makes the label.
        file: what tells the video from the others of its method and compression.
    """
    values = (
        *(f"{dataset}/{method}/{compression}/{file}", path, dataset, method, compression),
        *(int(method != "real"), split, target, source, group),
    )
    return dict(zip(COLUMNS, values, strict=True))


def noted(names: Iterable[str], what: str) -> str:
    """Say of how many names something is true, and which is the first; "" of none."""
    kept = sorted(names)
    return f"{what}: {len(kept)}, beginning with {_as_text(kept[0])}." if kept else ""


def doubled(paths: Iterable[Path], *, where: str) -> str:
    """A note on file names that occur in more than one folder of a place."""
    counts = Counter(path.name for path in paths)
    return noted(
        (name for name, count in counts.items() if count > 1),
        f"Names in more than one folder of {where}, kept apart by folder but in one group",
    )


def _as_text(name: str) -> str:
    """A file's name with what is not Unicode in it spelt out."""
    return name.encode(errors="backslashreplace").decode()
