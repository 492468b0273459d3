"""The page on a scan: one HTML file that needs nothing else, and can be printed and signed.

It loads nothing and runs nothing: no script, pictures as data, and a content security policy that
allows only its own style sheet by hash. The same results give the same bytes.
"""

import base64
import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import groupby

from jinja2 import Environment

import deeptell
from deeptell.answers import FileResult, Origin, PersonResult, Trial, Verdict
from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.figures import Measurement
from deeptell.records import BundleCard
from deeptell.report import distance, lines, page, plots, words
from deeptell.report.page import write

__all__ = ["render", "write"]

MANY_FILES = 10  # beyond this many, people without a finding are shown without pictures

RATES = {
    "auc": "Ranking (AUC)",
    "balanced_accuracy": "Right answers",
    "recall_fake": "Manipulated found",
    "recall_real": "Genuine left alone",
}
STYLE = "report.css"
NO_EVIDENCE = (
    "Read without looking at the pictures. None of it is evidence of manipulation by itself, and "
    "no score rests on it."
)
ATTENTION = {Verdict.MANIPULATED: 0, Verdict.CANNOT_TELL: 1, Verdict.NOT_FOUND: 2}


def render(files: Sequence[FileResult], card: BundleCard, *, origin: Origin | None = None) -> str:
    """Return the page on these files, those that need attention first.

    Args:
        files: results in any order; pictures of evidence are shown where they are there.
        card: the model that gave them.
        origin: how to have the same again; not said where it is None.
    """
    points = lines.by_media(card)
    drawn = {media: plots.Lines.of(of) for media, of in points.items()}
    return (
        _environment()
        .get_template("scan.html.j2")
        .render(
            files=sorted(files, key=_attention),
            names=words.short_names(file.path for file in files),
            tally=_tally(files),
            card=card,
            origin=origin,
            points=points,
            points_of=lambda file: points[lines.media_of(file)],
            lines_of=lambda file: drawn[lines.media_of(file)],
            no_evidence=NO_EVIDENCE,
            meaning_of={fact.code: fact.means for file in files for fact in file.facts},
            tables=_tables(card.measurements),
            few_groups=any(row.groups < FEW_GROUPS for row in card.measurements),
            many=len(files) > MANY_FILES,
            style=page.style(STYLE),
            style_hash=page.style_hash(page.style(STYLE)),
            version=deeptell.__version__,
        )
    )


@cache
def _environment() -> Environment:
    return page.environment(
        filters={
            "percent": words.percent,
            "clock": words.clock,
            "stretch": lambda pair: words.stretch(*pair),
            "sentence": lambda text: text[:1].upper() + text[1:],
            "counted": words.counted,
            "listed": words.listed,
            "slug": lambda verdict: verdict.name.lower().replace("_", "-"),
            "data_uri": _data_uri,
            "examined": _examined,
            "rate": _rate,
            "interval": _interval,
            "alarms_expected": lines.alarms_expected,
            "by_corruption": _by_corruption,
        },
        names={
            "MEANING": words.MEANING,
            "Verdict": Verdict,
            "RATES": RATES,
            "FEW_GROUPS": FEW_GROUPS,
            "standing": words.standing,
            "distance": distance.standing,
            "furthest": distance.furthest,
            "timeline": _timeline,
            "suspicious": _suspicious,
            "who_and_when": _who_and_when,
        },
    )


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _attention(file: FileResult) -> tuple[int, bool, float, str]:
    """Findings first, the highest score first; files without a score after those that have one."""
    known = file.fake_probability is not None
    return ATTENTION[file.verdict], not known, -(file.fake_probability or 0.0), file.path


def _tally(files: Sequence[FileResult]) -> list[tuple[Verdict, int]]:
    counts = Counter(file.verdict for file in files)
    return [(verdict, counts[verdict]) for verdict in ATTENTION]


def _suspicious(person: PersonResult) -> tuple[tuple[float, float], ...]:
    """The stretches to mark: none for a person in whom nothing was found."""
    return () if person.verdict is Verdict.NOT_FOUND else person.suspicious_seconds


def _timeline(
    person: PersonResult, file: FileResult, drawn: plots.Lines | None
) -> plots.Timeline | None:
    """None where there is no course of time to show."""
    if (file.info and file.info.is_picture) or len(person.scores) < 2:
        return None
    seconds = file.info.duration_seconds if file.info else 0.0
    return plots.timeline(person.scores, worst=_suspicious(person), seconds=seconds, lines=drawn)


def _who_and_when(file: FileResult) -> str:
    """ "Person 2 of 2, most clearly at 3.0–4.0 s" for a finding; nothing where it says nothing."""
    picture = file.info is not None and file.info.is_picture
    parts = []
    for person in file.people:
        if person.verdict is Verdict.MANIPULATED:
            who = f"person {person.person} of {len(file.people)}" if len(file.people) > 1 else ""
            when = _suspicious(person)[:1] if not picture else ()
            most = f"most clearly at {words.stretch(*when[0])}" if when else ""
            parts.append(", ".join(part for part in (who, most) if part))
    text = words.listed([part for part in parts if part])
    return text[:1].upper() + text[1:]


def _examined(file: FileResult) -> list[tuple[str, str]]:
    """What was looked at, as pairs of a term and its value."""
    rows = [("File", file.path), ("SHA-256", file.sha256 or "not computed: the file was not read")]
    info = file.info
    if info is None:
        return rows
    rows.append(("Format", words.format_of(info)))
    rows.append(
        ("Picture size", f"{info.width} × {info.height} pixels{_turned(info.rotation_degrees)}")
    )
    if info.color_transfer != "sdr":
        rows.append(("Colour", f"high dynamic range ({info.color_transfer}), mapped to standard"))
    if not info.is_picture:
        rate = f"{info.frame_rate:.4g} frames per second"
        rows.append(("Length", f"{words.clock(info.duration_seconds)} at {rate}"))
        rows.append(("Frames", _frames(info.declared_frames, info.decoded_frames)))
        rows.append(("Damaged packets", str(info.bad_packets) if info.bad_packets else "none"))
    faces = sum(len(person.scores) for person in file.people)
    people = words.counted(len(file.people), "person", "people")
    rows.append(("Faces used", f"{faces:,}, of {people}" if faces else "none"))
    return rows


def _turned(degrees: int) -> str:
    return f" (turned upright by {degrees}°)" if degrees else ""


def _frames(declared: int, decoded: int) -> str:
    if declared == decoded:
        return f"{decoded:,}, all of them decoded"
    return f"{decoded:,} decoded, {f'{declared:,}' if declared else 'no number'} declared"


def _tables(
    measurements: Sequence[Measurement],
) -> list[tuple[str, dict[str, dict[str, Measurement]]]]:
    """For each data set its videos' figures: subset to name to measurement, in the given order."""
    videos = [row for row in measurements if row.level == "video" and row.metric in RATES]
    tables = []
    for data, rows in groupby(videos, key=lambda row: row.data):
        table: dict[str, dict[str, Measurement]] = {}
        for row in rows:
            table.setdefault(row.subset, {})[row.metric] = row
        tables.append((data, table))
    return tables


def _by_corruption(stress: Sequence[Trial]) -> list[list[Trial]]:
    """The trials of each corruption, in the order in which they were made."""
    return [list(trials) for _, trials in groupby(stress, key=lambda trial: trial.corruption)]


def _rate(row: Measurement) -> str:
    return _number(row.value, row.metric)


def _interval(row: Measurement) -> str:
    if math.isnan(row.low) or math.isnan(row.high):
        return "no interval"
    return f"{_number(row.low, row.metric)} to {_number(row.high, row.metric)}"


def _number(value: float, metric: str) -> str:
    if math.isnan(value):
        return words.DASH
    if metric in ("auc", "average_precision", "log_loss", "brier"):
        return f"{value:.3f}"
    return f"{100 * value:.0f}{words.SPACE}%"
