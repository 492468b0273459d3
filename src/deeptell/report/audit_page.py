"""The page on an audit: what a bundle says of footage that is known to be genuine.

Like the other pages it loads nothing and runs nothing, and the same records give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np
from jinja2 import Environment

import deeptell
from deeptell.answers import Origin, Verdict
from deeptell.audits import Alarms, Audit
from deeptell.records import CLIP, PICTURE, BundleCard
from deeptell.report import lines, page, plots, words

BINS = 50  # of the scale from 0 to 1
HEIGHT = 120  # pixels of the highest bar

BY = {"media": "Kind", "resolution": "Shorter side", "codec": "Codec", "face size": "Face"}


@dataclass(frozen=True, slots=True)
class Bar:
    """How many files have about one score; x and width in percent of the page, the rest in px."""

    x: float
    width: float
    height: float
    count: int
    flagged: bool


def render(found: Audit, card: BundleCard, *, origin: Origin | None = None) -> str:
    """Return the page on an audit of the bundle that this card is of.

    Args:
        found: what was counted.
        card: the model that was asked.
        origin: how to have the same again; not said where it is None.
    """
    sheet = page.style("report.css", "audit.css")
    media = CLIP if any(line.media == CLIP for line in found.lines) else PICTURE
    points = lines.by_media(card)
    drawn = plots.Lines.of(points[media])
    return (
        _environment()
        .get_template("audit.html.j2")
        .render(
            found=found,
            card=card,
            origin=origin,
            points=points,
            lines=drawn,
            bars=bars(found.standings, flag=drawn.flag if drawn else None),
            height=HEIGHT,
            suggested=[(of, list(rows)) for of, rows in groupby(found.lines, lambda p: p.media)],
            parts=[(BY[by], list(rows)) for by, rows in groupby(found.parts, lambda p: p.by)],
            names=words.short_names([one.path for one in found.worst]),
            one_each=found.alarms.sources == found.alarms.files,
            style=sheet,
            style_hash=page.style_hash(sheet),
            version=deeptell.__version__,
        )
    )


def bars(scores: Sequence[float], *, flag: float | None) -> list[Bar]:
    """A histogram of scores; a bar that the flag line crosses is cut in two there."""
    edges = np.linspace(0, 1, BINS + 1)
    if flag is not None:
        edges = np.unique(np.append(edges, flag))
    counts, _ = np.histogram(scores, np.append(edges[:-1], max(1.0, edges[-1])))
    highest = max(1, int(counts.max()))
    return [
        Bar(
            x=round(100 * float(low), 3),
            width=round(100 * float(high - low), 3),
            height=round(HEIGHT * int(count) / highest, 1),
            count=int(count),
            flagged=flag is not None and bool(low >= flag),
        )
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
        if count
    ]


@cache
def _environment() -> Environment:
    return page.environment(
        filters={
            "percent": words.percent,
            "counted": words.counted,
            "slug": lambda verdict: verdict.name.lower().replace("_", "-"),
            "sentence": lambda text: text[:1].upper() + text[1:],
            "share": _share,
            "alarms_expected": lines.alarms_expected,
            "interval": _interval,
            "expected": _expected,
            "codec": lambda name: words.CODECS.get(name, name),
        },
        names={"Verdict": Verdict},
    )


def _share(rate: float) -> str:
    """A measured rate; unlike a model's probability it may be 0."""
    return f"{100 * rate:.3g}{words.SPACE}%"


def _interval(part: Alarms) -> str:
    return f"{100 * part.low:.3g} to {100 * part.high:.3g}{words.SPACE}%"


def _expected(part: Alarms) -> str:
    """ "33 (2 to 149)": of 1,000 sources of the same kind."""
    low, middle, high = (f"{1000 * value:,.0f}" for value in (part.low, part.rate, part.high))
    return f"{middle} ({low} to {high})"
