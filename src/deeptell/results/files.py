"""A results page and everything beside it, as files of one folder."""

import json
from pathlib import Path

from deeptell.evaluation.score_files import write_scores
from deeptell.report.page import write
from deeptell.report.results.document import document, measurements_csv
from deeptell.report.results.markdown import markdown
from deeptell.report.results.page import render
from deeptell.report.results.pictures import pictures
from deeptell.report.results.records import Results
from deeptell.results.sources import Judged

PAGE, DRAWINGS, SCORES = "results.html", "drawings", "scores"


def write_results(results: Results, folder: Path) -> Path:
    """Write `results.html`, `.md`, `.json`, `measurements.csv` and `drawings/*.svg`; the page."""
    write(folder / PAGE, render(results))
    write(folder / "results.md", markdown(results, pictures=DRAWINGS))
    text = json.dumps(document(results), indent=2, allow_nan=False)
    write(folder / "results.json", text + "\n")
    write(folder / "measurements.csv", measurements_csv(results))
    for picture in pictures(results):
        write(folder / DRAWINGS / picture.name, picture.svg)
    return folder / PAGE


def write_judged(judged: list[Judged], folder: Path) -> None:
    """Write the scores of every bundle as a score file, which `deeptell evaluate` reads."""
    for one in judged:
        if one.source is not None:
            name = "".join(c if c.isalnum() else "-" for c in f"{one.name} on {one.data}")
            write_scores(one.evaluation, folder / SCORES / f"{name}.parquet")
