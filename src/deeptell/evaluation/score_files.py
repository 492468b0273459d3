"""Score files: what any tool says of videos, read and checked, and our own written.

A Parquet or CSV file with a row for each score:

video              which video; a name for one file only
label              0 or real, 1 or fake (in any case)
group              what shares a source, such as a fake and its real, shares a group
fake_probability   in [0, 1]; 1 means manipulated
track, frame       may be left out; rows of one video are told apart by them, and pooled
clip               in place of frame, where a score is of several frames at once
method             of a fake; may be left out, as may be all that follows
compression
split              "test" rows are measured, on "val" rows the threshold is chosen
face_px, quality   see `ScoreTable`
logit, calibration, threshold
                   what deeptell adds to its own, so that they read back to the last digit: the
                   logit that was pooled, how it became fake_probability, and the threshold
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.manifest import SIDES
from deeptell.errors import DataError, LeakError
from deeptell.evaluation.evaluate import Evaluation
from deeptell.evaluation.measurements import CLIP
from deeptell.evaluation.metrics import calibrated, logit
from deeptell.evaluation.scores import ScoreTable
from deeptell.files import replacing
from deeptell.records import FAKE, REAL, Calibration

NEEDED = ("video", "label", "group", "fake_probability")
SAMPLES = (CLIP, "frame")
KEYS = ("video", "track", *SAMPLES)  # what tells two rows apart
TEXTS = ("video", "group", "method", "compression", "split")
NUMBERS = ("fake_probability", "logit", "face_px", "quality", "threshold")
WORDS = {"real": REAL, "fake": FAKE}
AGREE = 1e-9  # how far a logit and its fake_probability may be apart


def read_scores(path: Path) -> pd.DataFrame:
    """Read a score file, check it, and give every column that it has its own type.

    Returns:
        The rows in their order; label is int64, what is in `TEXTS` str, in `NUMBERS` float64.

    Raises:
        DataError: the file cannot be read, lacks a column, names a video twice, contradicts
            itself, or holds a label or score that is none.
        LeakError: a group has rows of two splits.
    """
    table = _read(path)
    lost = [name for name in NEEDED if name not in table]
    if lost:
        raise DataError(
            f"{path} lacks the column '{lost[0]}': a score file has {', '.join(NEEDED)}, and may "
            "have track, frame, method, compression and split."
        )
    if table.empty:
        raise DataError(f"{path} holds no score.")
    typed = _typed(table, path)
    _check_scores(typed, path)
    _check_rows(typed, path)
    return typed


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix.lower() == ".csv":
            # As text: a video may be called 007, and a number is best read by Python itself.
            return pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise DataError(f"There is no score file {path}.") from None
    except (OSError, ValueError) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise DataError(f"{path} is no score file (Parquet or CSV): {error}.") from None


def _typed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    columns: dict[str, Any] = {"label": [_label(value) for value in table["label"]]}
    for name in table.columns.intersection(list(TEXTS)):
        known = table[name].astype(object)  # Parquet keeps categories, which take no other value
        columns[name] = known.where(known.notna(), "").astype(str)
    for name in table.columns.intersection(list(NUMBERS)):
        columns[name] = [_number(value) for value in table[name]]
    typed = table.assign(**columns)
    for name in ("video", "group"):
        if (typed[name] == "").any():
            row = int(np.argmax(typed[name] == ""))
            raise DataError(f"{path}: row {row + 1} names no {name}; every score needs one.")
    odd = np.flatnonzero(typed["label"] < 0)
    if len(odd):
        raise DataError(
            f"{path}: the label of '{typed['video'].iloc[odd[0]]}' must be 0 or real, 1 or fake, "
            f"got '{table['label'].iloc[odd[0]]}'."
        )
    return typed


def _label(value: object) -> int:
    """0 or 1; -1 for what is no label."""
    number = WORDS.get(str(value).strip().lower(), _number(value))
    return int(number) if number in (REAL, FAKE) else -1


def _number(value: Any) -> float:
    """NaN for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _check_scores(table: pd.DataFrame, path: Path) -> None:
    scores = table["fake_probability"]
    odd = np.flatnonzero(~scores.between(0, 1))
    if len(odd):
        raise DataError(
            f"{path}: the fake_probability of '{table['video'].iloc[odd[0]]}' must lie in [0, 1], "
            f"got {scores.iloc[odd[0]]} ({len(odd)} such rows); leave out what was not scored."
        )
    if "logit" in table:
        given = calibrated(table["logit"], _calibration(table, path))
        apart = np.flatnonzero(~(np.abs(given - scores) <= AGREE))
        if len(apart):
            raise DataError(
                f"{path}: the logit of '{table['video'].iloc[apart[0]]}' does not give its "
                "fake_probability; leave out the column 'logit'."
            )


def _check_rows(table: pd.DataFrame, path: Path) -> None:
    keys = [name for name in KEYS if name in table]
    doubled = table.loc[table.duplicated(keys)]
    if len(doubled):
        raise DataError(
            f"{path} has two rows of the same {', '.join(keys)}: '{doubled['video'].iloc[0]}'. A "
            "video has one score; or say in 'track' and 'frame' what each row is of."
        )
    for name in ("label", "group", "method", "compression", "split"):
        if name in table:
            values = table.groupby("video", sort=False)[name].nunique()
            torn = values.index[values > 1]
            if len(torn):
                raise DataError(
                    f"{path}: the rows of '{torn[0]}' disagree about its {name}: two videos share "
                    "one key. Put data set, manipulation and compression into it."
                )
    if "split" in table:
        _check_sides(table, path)


def _check_sides(table: pd.DataFrame, path: Path) -> None:
    odd = table.loc[~table["split"].isin(SIDES)]
    if len(odd):  # a test set under another name would be taken for no test set
        raise DataError(
            f"{path}: the split of '{odd['video'].iloc[0]}' must be one of {SIDES}, got "
            f"'{odd['split'].iloc[0]}'."
        )
    sides = table.loc[table["split"] != ""].groupby("group", sort=False)["split"].agg(set)
    torn = sides.index[sides.map(len) > 1]
    if len(torn):
        raise LeakError(
            f"{path}: the group '{torn[0]}' stands in {' and '.join(sorted(sides[torn[0]]))} "
            f"({len(torn)} such groups): what shares a source must stay on one side."
        )


def _calibration(table: pd.DataFrame, path: Path) -> Calibration:
    """How logits become `fake_probability`; a sigmoid where nothing is said."""
    if "calibration" not in table:
        return Calibration()
    texts = set(table["calibration"])
    try:
        (text,) = texts
        values = json.loads(text)
        knots = tuple((float(z), float(p)) for z, p in values["knots"])
        shape = float(values["scale"]), float(values["shift"])
        return Calibration(str(values["method"]), *shape, knots)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path}: 'calibration' must be what deeptell wrote, the same in every row ({error}); "
            "leave out the columns 'calibration' and 'logit'."
        ) from None


def table_of(scores: pd.DataFrame, path: Path) -> ScoreTable:
    """The rows of a file, as `read_scores` gives them, for measuring."""
    unknown = pd.Series("", scores.index)
    has_logit = "logit" in scores
    return ScoreTable(
        videos=scores["video"].to_numpy(str),
        tracks=_tracks(scores),
        groups=scores["group"].to_numpy(str),
        methods=scores.get("method", unknown).to_numpy(str),
        labels=scores["label"].to_numpy(np.int64),
        logits=scores["logit"].to_numpy() if has_logit else logit(scores["fake_probability"]),
        compressions=scores.get("compression", unknown).to_numpy(str),
        face_px=_floats(scores, "face_px"),
        quality=_floats(scores, "quality"),
        calibration=_calibration(scores, path) if has_logit else Calibration(),
    )


def _floats(scores: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """A column of numbers, NaN where the file has none."""
    return np.asarray(scores[name] if name in scores else np.full(len(scores), np.nan), np.float64)


def _tracks(scores: pd.DataFrame) -> NDArray[np.int64]:
    """Numbers for whatever a tool calls its tracks; 0 where it has none."""
    if "track" not in scores:
        return np.zeros(len(scores), np.int64)
    return pd.factorize(scores["track"], sort=True)[0].astype(np.int64)


def write_scores(evaluation: Evaluation, path: Path) -> None:
    """Write every score of an evaluation, as Parquet, or as CSV where the path ends in .csv.

    Read back, it gives the same figures. Within a track "frame" or "clip" counts its samples.
    """
    frames = evaluation.frames
    columns: dict[str, Any] = {
        "video": frames.videos,
        "label": frames.labels,
        "group": frames.groups,
        "fake_probability": frames.fake_probability,
        "track": frames.tracks,
        "method": frames.methods,
        "compression": frames.compressions,
        "face_px": frames.face_px,
        "quality": frames.quality,
        "logit": frames.logits,
        "calibration": json.dumps(asdict(frames.calibration)),
        "threshold": evaluation.threshold,
    }
    table = pd.DataFrame(columns)
    sample = CLIP if any(one.level == CLIP for one in evaluation.measurements) else "frame"
    table.insert(5, sample, table.groupby(["video", "track"]).cumcount())
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)
