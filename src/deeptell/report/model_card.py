"""The model card of a bundle, as Markdown, from what was measured and what its makers say of it.

Everything with a figure in it comes from files that were written by whoever measured: results of
`deeptell evaluate --out`, of `deeptell audit --json` and of `deeptell robustness --json`. What no
measurement can know stands in the notes.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

import deeptell
from deeptell.config import Stage
from deeptell.errors import DataError
from deeptell.figures import Measurement, measurement
from deeptell.records import BundleCard, OperatingPoint
from deeptell.report.results.figures import interval, name_of, number
from deeptell.report.results.markdown import escaped
from deeptell.report.scan_page import RATES

_FIGURES = ("auc", "balanced_accuracy", "tpr_at_fpr_10", "eer")


class Source(Stage):
    """One set of pictures or videos, and what may be done with it."""

    name: str
    use: Literal["training", "validation", "measuring"]
    what: str
    terms: str = Field(description="licence, and where it is known from")


class CardNotes(Stage):
    """What the makers of a bundle say of it; a YAML file."""

    title: str
    intended_use: str
    sources: tuple[Source, ...]
    how: str = Field(description="how it was made, and the command that makes it again")
    choices: str = Field("", description="what was chosen by the validation set, and how often")
    known_failures: tuple[str, ...]
    in_reports: dict[str, str] = Field(
        default_factory=dict,
        description="sets whose figures the reports of scans repeat: the name that its evaluation "
        "gives each, and what stands there instead",
    )


MEASURED = {
    "evaluate": ("models", "statement"),
    "audit": ("alarms", "lines"),
    "robustness": ("models", "corruptions"),
}


def read_measured(path: Path, *, kind: str) -> dict[str, Any]:
    """Read a document of measurements.

    Args:
        kind: a name of `MEASURED`.

    Raises:
        DataError: it is no such document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from None
    lacking = [key for key in MEASURED[kind] if key not in document]
    if lacking:
        raise DataError(
            f"{path} has no '{lacking[0]}': it is not the JSON of 'deeptell {kind}'. Give that."
        )
    return dict(document)


def model_card(
    card: BundleCard,
    training: Mapping[str, Any],
    notes: CardNotes,
    *,
    evaluations: Sequence[Mapping[str, Any]] = (),
    ablations: Sequence[Mapping[str, Any]] = (),
    audits: Sequence[Mapping[str, Any]] = (),
    robustness: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The whole card.

    Args:
        training: provenance, as a bundle holds it.
        evaluations: documents of results pages, as `results.json` holds them.
        ablations: such documents, over models that were made without one thing each.
        audits: documents of audits.
        robustness: documents of robustness.
    """
    blocks = [
        f"# {_text(notes.title)}",
        _text(card.statement),
        f"`{card.architecture}`, weights SHA-256 `{card.sha256}`.",
        *_section("What it is for", [_text(notes.intended_use)]),
        *_section("What it was made from", [_table(_sources(notes.sources))]),
        *_section("How it was made", [*_how(notes, training)]),
        *_section("How well it does", [*_measured(evaluations)]),
        *_section("What it would be without", [*_without(ablations)]),
        *_section("Where its lines stand", [*_lines(card.operating_points)]),
        *_section("False alarms, by set", [*_alarms(audits)]),
        *_section("What wear leaves of it", [*_worn(robustness)]),
        *_section("Known failures", ["\n".join(f"- {_text(one)}" for one in notes.known_failures)]),
        f"Written by deeptell {deeptell.__version__} from the files of its measurements. In "
        "brackets behind a figure: its 95 % interval over source groups.",
    ]
    return "\n\n".join(blocks) + "\n"


def in_reports(
    notes: CardNotes, evaluations: Iterable[Mapping[str, Any]]
) -> tuple[Measurement, ...]:
    """What the reports of scans say of a model: rates of videos, of all and of each manipulation.

    A manipulation that is the only one of its set is all of it.

    Raises:
        DataError: no evaluation has a set that the notes name.
    """
    found: dict[str, list[Measurement]] = {}
    for document in evaluations:
        for model in document["models"]:
            found[_set_of(model)] = [measurement(one) for one in model["measurements"]]
    lacking = [name for name in notes.in_reports if name not in found]
    if lacking:
        raise DataError(
            f"in_reports names {lacking[0]!r}, but what was evaluated is {', '.join(found) or 'no'}"
            f"{'' if found else 'thing'}: correct the notes, or give its results.json, too."
        )
    return tuple(
        replace(one, data=words)
        for name, words in notes.in_reports.items()
        for one in _rates(found[name])
    )


def _rates(found: Sequence[Measurement]) -> Iterator[Measurement]:
    several = len({one.subset for one in found if one.by == "manipulation"}) > 1
    by = ("all", "manipulation") if several else ("all",)
    for one in found:
        if one.level == "video" and one.metric in RATES and one.by in by:
            yield one


def _set_of(model: Mapping[str, Any]) -> str:
    """What a model was measured on; a store without sides leaves a comma."""
    return str(model["data"]).rstrip(", ")


def _section(title: str, blocks: Sequence[str]) -> list[str]:
    return [f"## {title}", *blocks] if any(blocks) else []


def _sources(sources: Iterable[Source]) -> Iterator[Sequence[str]]:
    yield "Set", "Used for", "What", "Terms"
    for source in sources:
        yield source.name, source.use, source.what, source.terms


def _how(notes: CardNotes, training: Mapping[str, Any]) -> Iterator[str]:
    yield _text(notes.how)
    if notes.choices:
        yield _text(notes.choices)
    changed = training.get("config", {})
    if changed:
        settings = yaml.safe_dump(dict(changed), sort_keys=False, allow_unicode=True).rstrip()
        yield f"Trained with these settings:\n\n```yaml\n{settings}\n```"


def _measured(evaluations: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for document in evaluations:
        for model in document["models"]:
            found = [measurement(one) for one in model["measurements"]]
            of_videos = [one for one in found if one.level == "video"]
            if of_videos:
                yield f"**{_text(_set_of(model))}**"
                yield _table(_figures(of_videos))


def _figures(found: Sequence[Measurement]) -> Iterator[Sequence[str]]:
    """All videos, then each part that was measured for itself."""
    yield "Videos", *(name_of(metric) for metric in _FIGURES), "How many", "Groups"
    parts: dict[tuple[str, str], dict[str, Measurement]] = {}
    for one in found:
        parts.setdefault((one.by, one.subset), {})[one.metric] = one
    for (by, subset), of in parts.items():
        known = [of[metric] for metric in _FIGURES if metric in of]
        if known:
            figures = [_figure(of.get(metric)) for metric in _FIGURES]
            counts = str(known[0].videos), str(known[0].groups)
            yield "all" if by == "all" else f"{by}: {subset}", *figures, *counts


def _figure(one: Measurement | None) -> str:
    return "" if one is None else f"{number(one.value, one.metric)} [{interval(one)}]"


def _without(ablations: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One table per document: a row per model, and a column for each thing it was measured on."""
    for document in ablations:
        names = list(dict.fromkeys(model["name"] for model in document["models"]))
        sets = list(dict.fromkeys(map(_set_of, document["models"])))
        found = {
            (model["name"], _set_of(model)): one
            for model in document["models"]
            for one in map(measurement, model["measurements"])
            if (one.level, one.by, one.metric) == ("video", "all", "auc")
        }
        rows = [(name, *(_figure(found.get((name, data))) for data in sets)) for name in names]
        yield _table([("AUC of videos", *sets), *rows])


def _lines(points: Sequence[OperatingPoint]) -> Iterator[str]:
    if not points:
        return
    yield (
        "Chosen and measured on validation videos. A line by rate of false alarms is offered only "
        "where the upper bound of its rate, which holds with 95 %, was measured."
    )
    yield _table(_points(points))


def _points(points: Iterable[OperatingPoint]) -> Iterator[Sequence[str]]:
    yield "Line", "Of", "From", "Genuine above it", "Manipulated above it"
    for point in points:
        above = [
            f"{round(rate * count)} of {count}"
            for rate, count in (
                (point.false_positive_rate, point.real_videos),
                (point.true_positive_rate, point.fake_videos),
            )
        ]
        yield point.name, f"{point.media}s", f"{point.threshold:.3f}", *above


def _alarms(audits: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (
            one["folder"].rstrip("/").rpartition("/")[2],
            f"{one['alarms']['alarmed']} of {one['alarms']['sources']}",
            "{rate:.1%} [{low:.1%}, {high:.1%}]".format_map(one["alarms"]),
            f"{one['alarms']['cannot_tell']} of {one['alarms']['files']}",
        )
        for one in audits
    ]
    if rows:
        head = ("Set", "Genuine sources flagged", "Rate", "Files of which it cannot tell")
        yield _table([head, *rows])


def _worn(robustness: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for document in robustness:
        most = max(len(kind["strengths"]) for kind in document["corruptions"].values())
        for model in document["models"]:
            whole, *parts = (measurement(one) for one in model["drops"])
            severities = sorted({point["severity"] for point in model["points"]} - {0})
            yield (
                f"On {_text(document['data'])}: of what it tells better than chance "
                f"{_figure(whole)} is lost on average over all kinds of wear, at severities "
                f"{', '.join(map(str, severities))} of {most}."
            )
            yield _table([("Wear", "Lost"), *((one.subset, _figure(one)) for one in parts)])


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *rest = ([escaped(cell) for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(words: str) -> str:
    return escaped(" ".join(words.split()))
