"""The results page: one evaluation or comparison as one HTML file that needs nothing else.

Like the other pages it loads nothing and runs nothing: pictures are data, and a content security
policy allows only its own style sheet by hash. The same records give the same bytes.
"""

import base64
from functools import cache

from jinja2 import Environment

import deeptell
from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.report import page, words
from deeptell.report.results.figure_tables import headline
from deeptell.report.results.records import Results
from deeptell.report.results.sections import sections
from deeptell.report.results.warnings import warnings

SHEETS = ("report.css", "comparison.css", "results.css")


def render(results: Results) -> str:
    """Return the page; what the results do not hold has no section."""
    sheet = page.style(*SHEETS)
    text = (
        _environment()
        .get_template("results.html.j2")
        .render(
            results=results,
            headline=headline(results.models) if results.models else None,
            warnings=[*results.warnings, *warnings(results.models)],
            sections=sections(results),
            style=sheet,
            style_hash=page.style_hash(sheet),
            version=deeptell.__version__,
        )
    )
    return text.lstrip()


@cache
def _environment() -> Environment:
    return page.environment(
        filters={
            "data_uri": lambda jpeg: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}",
            "percent": words.percent,
            "counted": words.counted,
            "listed": words.listed,
        },
        names={"FEW_GROUPS": FEW_GROUPS},
    )
