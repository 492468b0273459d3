"""What people see in the terminal: progress on standard error, tables on standard output."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deeptell.answers import FalseAlarms, FileResult, Verdict
from deeptell.audits import Alarms, Audit, SuggestedLine

if TYPE_CHECKING:
    import pandas as pd

    from deeptell.data.sources import Listing
    from deeptell.faces.extract import ExtractSummary
    from deeptell.faces.verify import Damage

STYLE = {Verdict.MANIPULATED: "bold red", Verdict.NOT_FOUND: "green", Verdict.CANNOT_TELL: "yellow"}

MOST_NAMED = 20  # lines about single videos, before the rest is only counted
WIDTH_OF_FILES = 120  # where the output is not a terminal, whose width would be known

out = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
err = Console(stderr=True)


@contextmanager
def step(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show one step of long work: a bar once progress is reported, then the time it took."""
    began = time.perf_counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
    err.print(f"{title} [dim]({time.perf_counter() - began:.0f} s)[/dim]", highlight=False)


def print_scan(files: Sequence[FileResult]) -> None:
    """A table of files, and the people of each where there are several."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("file", overflow="fold", ratio=2)
    table.add_column("verdict", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("suspicious seconds", justify="right", overflow="fold", ratio=1)
    table.add_column("why", overflow="fold", ratio=3)
    for file in files:
        several = len(file.people) > 1
        alone = file.people[0] if len(file.people) == 1 else None
        table.add_row(
            plain_text(file.path),
            f"[{STYLE[file.verdict]}]{file.verdict}[/]",
            _score(file.fake_probability),
            _seconds(alone.suspicious_seconds) if alone else "",
            plain_text(" ".join(map(str, file.reasons))),
        )
        for person in file.people if several else ():
            table.add_row(
                f"  person {person.person}",
                f"[{STYLE[person.verdict]}]{person.verdict}[/]",
                _score(person.fake_probability),
                _seconds(person.suspicious_seconds),
                plain_text(
                    " ".join(map(str, person.reasons))
                    if person.verdict is Verdict.CANNOT_TELL
                    else ""
                ),
            )
    out.print(table)
    lines = {file.false_alarms.media: file.false_alarms for file in files if file.false_alarms}
    for line in lines.values():
        out.print(false_alarms_in_words(line), style="dim", highlight=False)


def false_alarms_in_words(line: FalseAlarms) -> str:
    """What the line for manipulation may do to genuine files."""
    where = f"of the audit of {line.audited}" if line.audited else "of validation"
    return (
        f"Of 1,000 genuine {line.media}s expect {line.expected:.0f} to be called likely "
        f"manipulated ({line.low:.0f} to {line.high:.0f}, each bound with 95 %; measured on "
        f"{line.measured_on} genuine {line.unit} {where})."
    )


def print_stress(files: Sequence[FileResult]) -> None:
    """How far each verdict holds in worse versions of its file; of a single file, every one."""
    tried = [file for file in files if file.stress]
    for file in tried:
        out.print(
            f"\n{plain_text(file.path)}: the verdict holds in {file.held} of {len(file.stress)} "
            "variants.",
            highlight=False,
        )
    for file in tried if len(files) == 1 else ():
        print_table(
            [
                {
                    "variant": f"{trial.what} ({trial.unit}: {trial.strength:g})",
                    "score": _score(trial.fake_probability),
                    "verdict": f"[{STYLE[trial.verdict]}]{trial.verdict}[/]",
                }
                for trial in file.stress
            ]
        )


def print_audit(found: Audit) -> None:
    """How many false alarms, where, on what, and from which score on there are fewer."""
    whole = found.alarms
    out.print(
        f"Likely manipulated: {_share(whole)}; cannot tell: {whole.cannot_tell} of {whole.files} "
        f"files; {len(found.unreadable)} could not be read.\n",
        highlight=False,
    )
    rows = [{"": f"{part.by}: {part.subset}", **_part(part)} for part in found.parts]
    print_table([{"": "all", **_part(whole)}, *rows])
    out.print("\nHighest scores:", highlight=False)
    print_table(
        [
            {
                "file": plain_text(one.path),
                "score": _score(one.fake_probability),
                "with stretches": _score(one.standing),
                "verdict": f"[{STYLE[one.verdict]}]{one.verdict}[/]",
            }
            for one in found.worst
        ]
    )
    if found.undecided:
        out.print("\nWhy it could not tell:", highlight=False)
        print_table([{"files": str(one.files), "why": one.means} for one in found.undecided])
    out.print(
        "\nFlagging from which score on, of the whole or of a stretch, keeps false alarms below a "
        "rate:",
        highlight=False,
    )
    print_table([_line(line) for line in found.lines])
    print_reasons(found.unreadable)


def _share(part: Alarms) -> str:
    unit = "file" if part.sources == part.files else "source"
    return (
        f"{part.alarmed} of {part.sources} {unit}s, {100 * part.rate:.1f} % "
        f"({100 * part.low:.1f} to {100 * part.high:.1f} %)"
    )


def _part(part: Alarms) -> dict[str, str]:
    return {
        "likely manipulated": _share(part),
        "cannot tell": f"{part.cannot_tell} of {part.files}",
    }


def _line(line: SuggestedLine) -> dict[str, str]:
    score = f"not measurable with {line.sources}: at least {line.needed} are needed"
    if line.threshold is not None:
        score = f"{line.threshold:.4f} ({line.alarmed} of {line.sources} sources stand there)"
    elif line.needed <= line.sources:
        score = "none: genuine scores reach the end of the scale"
    return {"": f"{line.media}s", "false alarms": f"{100 * line.rate:g} %", "from": score}


def print_counts(counts: "pd.DataFrame") -> None:
    """A table of numbers of videos."""
    print_table(
        [
            {str(k): "" if v is None else plain_text(str(v)) for k, v in row.items()}
            for row in counts.astype(object).where(counts.notna(), None).to_dict("records")
        ]
    )


def print_table(rows: Sequence[Mapping[str, str]]) -> None:
    """Rows of text (rich markup) under the names of their columns."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    out.print(table)


def print_extraction(summary: "ExtractSummary") -> None:
    """How many videos gave faces, and why the others did not."""
    out.print(
        f"{summary.with_faces} of {summary.videos} videos with faces, {summary.crops} faces stored;"
        f" {summary.without_face} without a face, {summary.failed} that could not be read.",
        highlight=False,
    )
    for damage in summary.repaired:
        out.print(f"repaired: {plain_text(str(damage))}", highlight=False)
    print_reasons(summary.reasons)


def print_reasons(reasons: Sequence[tuple[str, str]]) -> None:
    """A line for each video that could not be worked on."""
    for key, reason in reasons:
        out.print(f"{plain_text(key)}: {plain_text(reason)}", style="yellow", highlight=False)


def print_listing(listing: "Listing", probed: "pd.DataFrame") -> None:
    """What a data set's own lists name in vain, what cannot be read, and what is odd."""
    bad = probed.loc[probed["unreadable"] != ""]
    out.print(
        f"{len(probed) - len(bad)} videos in the manifest; {len(listing.missing)} listed but "
        f"absent, {len(bad)} unreadable and left out.",
        highlight=False,
    )
    named = [f"absent: {path}" for path in listing.missing]
    named += [f"{key}: {why}" for key, why in zip(bad["path"], bad["unreadable"], strict=True)]
    for line in named[:MOST_NAMED]:
        out.print(plain_text(line), style="yellow", highlight=False)
    if len(named) > MOST_NAMED:
        out.print(f"... and {len(named) - MOST_NAMED} more", style="yellow", highlight=False)
    for note in listing.notes:
        out.print(f"note: {plain_text(note)}", highlight=False)


def print_leaks(leaks: "pd.DataFrame") -> None:
    """What stands on two sides of a split, or the good news."""
    if not len(leaks):
        out.print("Nothing leaks between the sides of the split.", style="green")
        return
    for (kind, is_leak), rows in leaks.groupby(["kind", "leak"]):
        word, style = ("LEAK", "bold red") if is_leak else ("warning", "yellow")
        first = rows.iloc[0]
        out.print(
            f"[{style}]{word}[/] {kind}: {len(rows)} on two sides, such as "
            f"{plain_text(first['what'])} ({', '.join(first['sides'])}).",
            highlight=False,
        )
    if leaks["leak"].any():
        out.print("'deeptell split' makes a split without leaks.", highlight=False)


def print_damages(damages: Sequence["Damage"]) -> None:
    """Each damaged piece, or the good news."""
    for damage in damages:
        out.print(plain_text(str(damage)), style="yellow", highlight=False)
    if damages:
        out.print(
            f"{len(damages)} damaged; 'deeptell extract' with --repair redoes just those.",
            highlight=False,
        )
    else:
        out.print("The store is whole.", style="green")


def shown(path: Path) -> str:
    """A path as the user would type it from where she is."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _seconds(stretches: tuple[tuple[float, float], ...]) -> str:
    return ", ".join(f"{start:.1f}-{end:.1f}" for start, end in stretches)


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def plain_text(text: str) -> str:
    """Names of files are not markup."""
    return text.replace("[", r"\[")
