"""The page on a comparison of models: the published one re-implemented, beside its own figures.

Like the page on a scan it loads nothing and runs nothing, and the same records give the same
bytes. Figures are of videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from jinja2 import Environment

import deeptell
from deeptell.catalog import lookup
from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.figures import Compared, Difference, FewFrames, Measurement, Published
from deeptell.report import comparison_figures as figures
from deeptell.report import comparison_plots as plots
from deeptell.report import page, words
from deeptell.report.comparison_figures import in_order
from deeptell.report.comparison_summary import summary

SECTIONS = ("families", "metric", "imbalance", "defects")
TITLES = {
    "families": "Families of models",
    "manipulations": "By manipulation",
    "few-frames": "With few frames",
    "metric": "Metric learning",
    "imbalance": "Imbalance",
    "defects": "Defects, as it was and done right",
    "published": "Published figures beside ours",
    "reading": "How to read the figures",
}
SHEETS = ("report.css", "comparison.css")
HEAT = (0.6, 0.7, 0.8, 0.9, 0.95)  # from each on, a cell of the table is shaded one step more
FEW = ("auc", "accuracy")
OURS = ("all", "NeuralTextures")  # what there are published figures of


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one model on several data: neighbouring rows of a table."""

    name: str
    family: str
    note: str
    runs: tuple[Compared, ...]


def render(
    models: Sequence[Compared],
    differences: Sequence[Difference],
    published: Sequence[Published],
    *,
    title: str,
    about: Sequence[str],
) -> str:
    """Return the page; what has no rows has no section.

    Args:
        models: in the order of the tables; of "families", manipulations and few frames are shown.
        differences: those that matter most first: of each section the summary says the first
            pair. One that names a model that was not trained enough is left out.
        published: figures from the literature.
        about: sentences on what was run, and on what data.

    Raises:
        ConfigError: for a section that is not one of `SECTIONS`.
    """
    for section in [m.section for m in models] + [d.section for d in differences]:
        lookup(dict.fromkeys(SECTIONS), section, kind="section")
    parts = {slug: [m for m in models if m.section == slug] for slug in SECTIONS}
    few = [model for model in parts["families"] if model.few_frames]
    rows_of = {"manipulations": _subsets(parts["families"]), "few-frames": few} | parts
    rows_of |= {"published": published, "reading": SECTIONS}
    compared = _by_section(differences, models)
    measured = [row for model in models for row in model.measurements]
    short = figures.short_data([m.data for m in models] + [row.data for row in differences])
    sheet = page.style(*SHEETS)
    return (
        _environment()
        .get_template("comparison.html.j2")
        .render(
            title=title,
            about=about,
            said=summary(models, compared, short=short),
            parts=parts,
            groups={slug: _groups(part) for slug, part in parts.items()},
            few=few,
            contents=[slug for slug in TITLES if rows_of[slug]],
            differences=compared,
            left_out=len(differences) - sum(map(len, compared.values())),
            published=published,
            ours=_ours(parts) if published else [],
            short=short,
            fewest=min((row.groups for row in measured), default=0),
            generated=any("generated" in model.data for model in models),
            style=sheet,
            style_hash=page.style_hash(sheet),
            version=deeptell.__version__,
        )
    )


@cache
def _environment() -> Environment:
    return page.environment(
        filters={
            "sentence": lambda text: text[:1].upper() + text[1:],
            "counted": words.counted,
            "listed": words.listed,
            "in_order": in_order,
            "interval": figures.interval,
            "named": figures.name_of,
            "millions": _millions,
            "heat": lambda row: sum(row.value >= step for step in HEAT),
        },
        names={
            "TITLES": TITLES,
            "FIGURES": figures.NAMES,
            "FEW": FEW,
            "FEW_GROUPS": FEW_GROUPS,
            "HEIGHT": plots.HEIGHT,
            "figure": figures.figure,
            "number": figures.number,
            "measured": _measured,
            "subsets": _subsets,
            "few_counts": _few_counts,
            "few_point": _few_point,
            "few_figure": plots.few_figure,
            "frames_percent": plots.frames_percent,
            "auc_scale": _auc_scale,
            "few_scale": _few_scale,
            "auc_bars": plots.auc_bars,
            "difference_scale": plots.difference_scale,
            "difference_bars": plots.difference_bars,
            "panels": plots.panels,
        },
    )


def _millions(parameters: int) -> str:
    """ "21.9 M", "238 k" or "0"."""
    if parameters >= 999_500:
        return f"{parameters / 1e6:,.1f}{words.SPACE}M"
    return f"{parameters / 1e3:,.0f}{words.SPACE}k" if parameters >= 1000 else str(parameters)


def _groups(models: Sequence[Compared]) -> list[Group]:
    keys = dict.fromkeys((m.name, m.family, m.note) for m in models)
    return [
        Group(*key, tuple(m for m in models if (m.name, m.family, m.note) == key)) for key in keys
    ]


def _by_section(
    differences: Sequence[Difference], models: Sequence[Compared]
) -> dict[str, list[Difference]]:
    """The differences of each section, without those of models that were not trained enough."""
    untrained = {(m.name, m.data) for m in models if not m.trained_enough}
    kept = [
        row
        for row in differences
        if not {(row.better, row.data), (row.worse, row.data)} & untrained
    ]
    return {slug: [row for row in kept if row.section == slug] for slug in SECTIONS}


def _measured(models: Sequence[Compared]) -> list[str]:
    """The figures that any of the models has, in the order of the columns."""
    return [metric for metric in figures.NAMES if any(figures.figure(m, metric) for m in models)]


def _subsets(models: Sequence[Compared]) -> list[str]:
    """The manipulations of which an AUC was measured, in the order given."""
    rows = [row for model in models for row in model.measurements]
    return in_order(r.subset for r in rows if r.metric == "auc" and r.by == "manipulation")


def _few_counts(models: Sequence[Compared]) -> list[int]:
    """All numbers of frames that any of the models was measured with."""
    return sorted({point.frames for model in models for point in model.few_frames})


def _few_point(model: Compared, frames: int) -> FewFrames | None:
    return next((point for point in model.few_frames if point.frames == frames), None)


def _auc_scale(models: Sequence[Compared]) -> plots.Scale:
    rows = [figures.figure(model, "auc") for model in models]
    return plots.share_scale(row for row in rows if row)


def _few_scale(models: Sequence[Compared]) -> plots.Scale:
    points = [point for model in models if model.trained_enough for point in model.few_frames]
    return plots.share_scale(row for point in points for row in (point.auc, point.accuracy))


def _ours(parts: dict[str, list[Compared]]) -> list[tuple[Published, str]]:
    """From the lowest to the highest of all models, so that none is picked by its result."""
    sets = {"models, all families": parts["families"]}
    sets |= {"runs of metric learning": parts["metric"]}
    rows = []
    for who, models in sets.items():
        for data in in_order(model.data for model in models):
            here = [m for m in models if m.data == data and m.trained_enough]
            for subset, metric in product(OURS, FEW):
                found = [row for m in here if (row := figures.figure(m, metric, subset=subset))]
                if found:
                    rows.append((_range(found, who), data))
    return rows


def _range(rows: Sequence[Measurement], who: str) -> Published:
    metric, subset = rows[0].metric, rows[0].subset
    low, high = (pick(row.value for row in rows) for pick in (min, max))
    value = " to ".join(in_order(figures.number(end, metric) for end in (low, high)))
    kinds = "all manipulations" if subset == "all" else subset
    what = f"{figures.name_of(metric)}, {kinds}"
    return Published(what, value, f"deeptell, {len(rows)} {who}", "of videos; lowest to highest")
