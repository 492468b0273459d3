"""Tables of scores: of frames or clips, pooled to tracks, and to videos."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from deeptell.errors import DataError
from deeptell.evaluation.metrics import calibrated, pool
from deeptell.evaluation.tallies import Floats, Ints
from deeptell.records import Calibration


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of many videos: a row for each frame or clip that was scored, track or video.

    All columns have N rows; the last four may be one value, which holds for every row. `videos`
    are keys that name one file only (data set, manipulation, compression and file name together);
    `methods` names the manipulation, and is not read for real videos.
    """

    videos: NDArray[np.str_]
    tracks: NDArray[np.integer]
    groups: NDArray[np.str_]
    methods: NDArray[np.str_]
    labels: NDArray[np.integer]
    logits: Floats
    compressions: NDArray[np.str_] = field(default_factory=lambda: np.array(""))
    face_px: Floats = field(default_factory=lambda: np.array(np.nan))  # longer side of the box
    quality: Floats = field(default_factory=lambda: np.array(np.nan))  # see `faces.quality`
    distances: Floats = field(default_factory=lambda: np.array(np.nan))  # see `models.reference`
    calibration: Calibration = field(default_factory=Calibration)

    def __post_init__(self) -> None:
        for column in _OPTIONAL:
            if np.ndim(getattr(self, column)) == 0:
                whole = np.broadcast_to(getattr(self, column), np.shape(self.logits))
                object.__setattr__(self, column, whole)
        lengths = {column: len(getattr(self, column)) for column in COLUMNS}
        if len(set(lengths.values())) > 1:
            raise DataError(f"The columns of a score table must be equally long, got {lengths}.")

    @property
    def fake_probability(self) -> Floats:
        """`(N,)` of the rows, as the model was calibrated."""
        return calibrated(self.logits, self.calibration)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "ScoreTable":
        """The table of the chosen rows only."""
        return replace(self, **{column: getattr(self, column)[chosen] for column in COLUMNS})

    def runs(self) -> Iterator[Ints]:
        """The rows of each track of each video, by video and track; the order within is kept."""
        _, place = np.unique(self.videos, return_inverse=True)
        return _runs(place, self.tracks)

    def by_track(self) -> "ScoreTable":
        """One row per track of each video: its frames pooled, size and quality their median.

        The distance is their mean.

        Raises `DataError` where the rows of one video disagree about its label, group,
        manipulation or compression: two videos share a key.
        """
        _, first, place = np.unique(self.videos, return_index=True, return_inverse=True)
        for column in ("labels", "groups", "methods", "compressions"):
            values = getattr(self, column)
            odd = values != values[first][place]
            if odd.any():
                raise DataError(
                    f"The rows of video '{self.videos[np.argmax(odd)]}' disagree about its "
                    f"{column}: two videos share one key. Put data set, manipulation and "
                    "compression into it."
                )
        runs = list(self.runs())
        pooled = self.rows(np.array([rows[0] for rows in runs], np.intp))
        return replace(
            pooled,
            logits=np.array([pool(self.logits[rows]) for rows in runs]),
            face_px=np.array([_median(self.face_px[rows]) for rows in runs]),
            quality=np.array([_median(self.quality[rows]) for rows in runs]),
            distances=np.array([self.distances[rows].mean() for rows in runs]),
        )

    def pooled(self) -> "ScoreTable":
        """One row per video: the highest of its tracks, whose number the row keeps.

        Size and quality are medians over all rows of the video; the distance is that of its
        farthest track, as where a bundle's reference and a scan rank it. Raises as `by_track`.
        """
        tracks = self.by_track()
        _, place = np.unique(self.videos, return_inverse=True)
        runs = list(_runs(place, np.zeros_like(place)))
        _, of = np.unique(tracks.videos, return_inverse=True)
        farthest = [tracks.distances[rows].max() for rows in _runs(of, np.zeros_like(of))]
        # Among equal tracks the first decides.
        order = np.lexsort((np.arange(len(of)), -tracks.logits, of))
        highest = order[np.flatnonzero(np.diff(of[order], prepend=-1))]
        return replace(
            tracks.rows(highest),
            face_px=np.array([_median(self.face_px[rows]) for rows in runs]),
            quality=np.array([_median(self.quality[rows]) for rows in runs]),
            distances=np.array(farthest),
        )


COLUMNS = tuple(field.name for field in fields(ScoreTable) if field.name != "calibration")
_OPTIONAL = ("compressions", "face_px", "quality", "distances")


def _runs(place: Ints, tracks: NDArray[np.integer]) -> Iterator[Ints]:
    """The rows of each track of each video."""
    order = np.lexsort((tracks, place))
    changes = np.diff(place[order]).astype(bool) | np.diff(tracks[order]).astype(bool)
    if len(order):
        yield from np.split(order, np.flatnonzero(changes) + 1)


def _median(values: Floats) -> float:
    """Of the known ones; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


@dataclass(frozen=True, slots=True)
class Scored:
    """One row per video of one model, and the threshold that was chosen for it beforehand."""

    table: ScoreTable
    threshold: float
