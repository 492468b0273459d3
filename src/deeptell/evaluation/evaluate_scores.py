"""A score file measured as a bundle is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deeptell.data.splits import CHOOSING, CLASSES
from deeptell.errors import DataError
from deeptell.evaluation.evaluate import RATES, Evaluation
from deeptell.evaluation.measurements import measurements
from deeptell.evaluation.metrics import operating_points
from deeptell.evaluation.score_files import SAMPLES, read_scores, table_of
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.unseen import TEST, Chosen
from deeptell.figures import Measurement

VALIDATION = CHOOSING[1]
NOT_SAID = "not said by the score file"
FEWEST_GROUPS = 10  # with fewer, an interval below one half may well be chance


def evaluate_scores(path: Path, *, data: str) -> Evaluation:
    """Measure a score file, level by level, as `evaluate` measures a bundle.

    The threshold is the file's own where it names one, else the "flag" point of its rows of split
    "val", else one half; never one that suits the rows which are measured.

    Args:
        data: what the videos are, in words.

    Raises:
        DataError: as `read_scores`, or a class is missing.
        LeakError: as `read_scores`.
    """
    scores = read_scores(path)
    measured = scores
    if "split" in scores:
        measured = scores.loc[scores["split"] == TEST]
    frames = table_of(measured, path)
    _check_classes(frames, path, what="test rows" if "split" in scores else "rows")
    threshold, source = _threshold(scores, path)
    levels = [name for name in (*SAMPLES, "track") if name in scores]
    levels.append("video")
    figures = tuple(
        measurements(frames, data=data, figures=RATES, threshold=threshold, levels=levels)
    )
    return Evaluation(
        measurements=figures,
        frames=frames,
        threshold=threshold,
        videos=len(np.unique(frames.videos)),
        not_scored=pd.DataFrame({"video_key": [], "reason": []}, dtype=object),
        leaks={},
        chosen=Chosen(source, calibration=NOT_SAID, epoch=NOT_SAID),
        warnings=_warnings(figures, path),
    )


def _check_classes(table: ScoreTable, path: Path, *, what: str) -> None:
    for label, name in CLASSES:
        if not (table.labels == label).any():
            raise DataError(
                f"{path}: its {what} hold no {name} video, and a detector is measured on both: "
                "add some."
            )


def _threshold(scores: pd.DataFrame, path: Path) -> tuple[float, str]:
    """The threshold, and where it comes from."""
    if "threshold" in scores:
        values = scores["threshold"].unique()
        # One a little above 1, as `operating_points` may choose, calls nothing fake.
        if len(values) != 1 or not 0 <= values[0] <= np.nextafter(1, 2):
            raise DataError(
                f"{path}: 'threshold' must be one number in [0, 1], the same in every row, got "
                f"{', '.join(map(str, values[:3]))}."
            )
        return float(values[0]), "named in the score file by whoever wrote it"
    validated = scores.loc[scores["split"] == VALIDATION] if "split" in scores else scores[:0]
    if not len(validated):
        return 0.5, "one half: the score file has no validation rows to choose it on"
    table = table_of(validated, path)
    _check_classes(table, path, what="validation rows")
    videos = table.pooled()
    points = operating_points(videos.labels, videos.fake_probability)
    flag = next(point for point in points if point.name == "flag")
    return flag.threshold, (
        f"chosen as the 'flag' point on {flag.real_videos} real and {flag.fake_videos} "
        "manipulated validation videos of the score file"
    )


def _warnings(figures: Sequence[Measurement], path: Path) -> tuple[str, ...]:
    """Scores that mean the opposite are told of, and never turned round in silence."""
    return tuple(
        f"{path}: the AUC of videos is {one.value:.3f}, and its whole interval lies below one half "
        f"({one.low:.3f} to {one.high:.3f}): these look like probabilities of being real. Nothing "
        "was turned round; if they are, write 1 minus each as fake_probability."
        for one in figures
        if (one.by, one.level, one.metric) == ("all", "video", "auc")
        and one.high < 0.5
        and one.groups >= FEWEST_GROUPS
    )
