"""What a results page is made from: models measured on videos, and all that explains the figures.

Whoever evaluates fills these records; `page`, `markdown`, `pictures` and `document` turn them into
HTML, Markdown, drawings, JSON and CSV. What is empty or None has no section. Figures of a page are
of videos unless they say otherwise; FAKE = 1 everywhere.
"""

import math
from dataclasses import dataclass, field

from deeptell.errors import DataError
from deeptell.evaluation.metrics import check
from deeptell.figures import Difference, FewFrames, Measurement
from deeptell.records import Calibration, OperatingPoint

Point = tuple[float, float]

UNCALIBRATED = Calibration()


@dataclass(frozen=True, slots=True)
class VideoScores:
    """One row for each scored video, from which the curves are drawn; all columns have N rows.

    Raises:
        DataError: the columns differ in length, are empty, or hold what `metrics.check` refuses.
    """

    keys: tuple[str, ...]
    labels: tuple[int, ...]  # 1 = FAKE
    groups: tuple[str, ...]
    fake_probability: tuple[float, ...]
    distance_rank: tuple[float, ...] = ()  # share of validation videos nearer to the training data

    def __post_init__(self) -> None:
        check(self.labels, self.fake_probability)
        lengths = {len(self.keys), len(self.labels), len(self.groups)}
        lengths |= {len(self.distance_rank)} if self.distance_rank else set()
        if len(lengths) > 1:
            raise DataError(
                f"The columns of a results page's videos must be equally long, got lengths "
                f"{sorted(lengths)}."
            )
        if not all(0 <= rank <= 1 for rank in self.distance_rank):
            raise DataError("A distance rank is a share of videos: it must lie in [0, 1].")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a model before it was measured, and on what: in words, a sentence each.

    An empty sentence means that nothing was chosen there.
    """

    threshold: float
    threshold_from: str  # "On 120 validation videos: 5 % of real ones reach it."
    calibration: Calibration = UNCALIBRATED
    calibration_from: str = ""
    epoch: int | None = None
    epoch_from: str = ""


@dataclass(frozen=True, slots=True)
class NotScored:
    """A video that got no score."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """What training reported after an epoch; NaN where there is none."""

    epoch: int
    train_loss: float
    val_loss: float


@dataclass(frozen=True, slots=True)
class Projection:
    """Embeddings laid out on a plane, before and after training; all columns have N rows."""

    method: str  # "t-SNE", "PCA"
    after: tuple[Point, ...]
    labels: tuple[int, ...]
    manipulations: tuple[str, ...]  # "" for real ones
    identities: tuple[str, ...]
    compressions: tuple[str, ...]
    before: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrupted:
    """A model's AUC of videos under one corruption; severity 0 is the videos as they are."""

    corruption: str  # "jpeg", "downscale"
    severity: int
    auc: Measurement
    coverage: float = math.nan  # share of the videos that still got a score


@dataclass(frozen=True, slots=True)
class Robustness:
    """How a model fares under corruptions, and the one number for it, with its interval."""

    points: tuple[Corrupted, ...]
    drop: Measurement  # mean of (AUC of clean videos - AUC) / (AUC of clean videos - 0.5)
    drops: tuple[tuple[str, Measurement], ...] = ()  # the same of each corruption


@dataclass(frozen=True, slots=True)
class Extracted:
    """A model's figures on faces that were extracted in another way."""

    setting: str  # "detector", "margin"
    value: str  # "yunet", "1.3 of the box"
    own: bool  # whether this is how the model was trained
    auc: Measurement
    accuracy: Measurement
    auc_difference: Difference | None = None  # to the model's own setting
    accuracy_difference: Difference | None = None
    coverage: float = math.nan


@dataclass(frozen=True, slots=True)
class HardFace:
    """The face of a video that the model got wrong."""

    jpeg: bytes = field(repr=False)
    video: str
    label: int
    fake_probability: float
    note: str = ""  # "NeuralTextures, c40"


@dataclass(frozen=True, slots=True)
class Measured:
    """One model measured on one data; the same model on other data is another record."""

    name: str
    note: str  # architecture, and what it stands on
    data: str  # "generated people, c23, test side"
    level: str  # what a row of its scores is: "frame" or "clip"
    measurements: tuple[Measurement, ...] = field(repr=False)
    scores: VideoScores = field(repr=False)
    chosen: Chosen
    videos: int  # asked for
    not_scored: tuple[NotScored, ...] = field(default=(), repr=False)
    operating_points: tuple[OperatingPoint, ...] = ()
    shifts: tuple[Measurement, ...] = ()  # AUC of the distance: others against videos like these
    few_frames: tuple[FewFrames, ...] = ()
    epochs: tuple[Epoch, ...] = field(default=(), repr=False)
    projections: tuple[Projection, ...] = field(default=(), repr=False)
    robustness: Robustness | None = field(default=None, repr=False)
    extractions: tuple[Extracted, ...] = field(default=(), repr=False)
    false_alarms: tuple[HardFace, ...] = field(default=(), repr=False)  # worst first
    misses: tuple[HardFace, ...] = field(default=(), repr=False)  # worst first

    def figure(
        self, metric: str, *, level: str = "video", by: str = "all", subset: str = "all"
    ) -> Measurement | None:
        """A figure; None where it was not measured, or is undefined."""
        wanted = (level, by, subset, metric)
        for row in self.measurements:
            if (row.level, row.by, row.subset, row.metric) == wanted:
                return None if math.isnan(row.value) else row
        return None


@dataclass(frozen=True, slots=True)
class CrossTable:
    """A protocol's table: every row trained on one thing, every column tested on another."""

    title: str  # "AUC by what a model was trained and tested on"
    row_name: str  # "Trained on"
    column_name: str  # "Tested on"
    cells: tuple[tuple[str, str, Measurement], ...]  # row, column, figure
    seen: tuple[tuple[str, str], ...] = ()  # row, column of what a model was trained on itself


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that one results page says."""

    title: str
    about: tuple[str, ...]  # sentences on what was run, and on what data
    statement: str  # that nothing was chosen on test data, as far as the code saw to it
    models: tuple[Measured, ...]
    differences: tuple[Difference, ...] = ()
    cross_tables: tuple[CrossTable, ...] = ()
    protocol: str = ""
    protocol_hash: str = ""
    # What else to be warned of, such as leaks; few groups and scores that seem to be turned round
    # are seen by the page itself.
    warnings: tuple[str, ...] = ()
