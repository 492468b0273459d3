"""The results page as Markdown: the same sections and tables, and links to its drawings."""

from collections.abc import Iterator

import deeptell
from deeptell.report.results.bars import Bars
from deeptell.report.results.figure_tables import headline
from deeptell.report.results.pictures import pictures_of
from deeptell.report.results.records import Results
from deeptell.report.results.sections import Faces, Part, Section, sections
from deeptell.report.results.tables import Cell, Table
from deeptell.report.results.warnings import warnings
from deeptell.report.words import percent, printable

# What would be read as markup where plain text is meant.
SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|#&~$"})


def markdown(results: Results, *, pictures: str = "") -> str:
    """Return the results as Markdown with pipe tables, which GitHub and pandoc read.

    Args:
        pictures: the folder, as seen from the file, in which `pictures.pictures` lie by
            name, such as "drawings"; by default there are no drawings.
    """
    blocks = [f"# {escaped(results.title)}", *map(escaped, results.about)]
    blocks += [
        f"> **Warning.** {escaped(text)}" for text in (*results.warnings, *warnings(results.models))
    ]
    if results.models:
        blocks.append(_table(headline(results.models)))
    blocks.append(escaped(results.statement))
    if results.protocol_hash:
        blocks.append(f"Protocol {escaped(results.protocol)}, hash `{results.protocol_hash}`.")
    for section in sections(results):
        parts = [*_tables(section), *(_drawings(section, pictures) if pictures else ())]
        if parts:
            blocks += [f"## {section.title}", *map(escaped, section.lead), *parts]
    blocks.append(
        f"Written by deeptell {deeptell.__version__}. In brackets behind a figure: its 95 % "
        "interval over source groups."
    )
    return "\n\n".join(blocks) + "\n"


def _drawings(section: Section, folder: str) -> Iterator[str]:
    for picture in pictures_of(section):
        yield f"![{escaped(picture.describe)}]({folder}/{picture.name})"


def _tables(section: Section) -> Iterator[str]:
    for part in section.parts:
        if table := _as_table(part):
            yield _table(table)


def _as_table(part: Part) -> Table | None:
    """The numbers of a part; None for a drawing, whose numbers stand elsewhere."""
    if isinstance(part, Table):
        return part
    if isinstance(part, Bars):
        return _bars(part)
    return _faces(part) if isinstance(part, Faces) else None


def _bars(part: Bars) -> Table:
    rows = (
        (
            Cell(" ".join(filter(None, (bar.label, bar.below)))),
            Cell(bar.value, bar.interval),
            Cell(bar.remark),
        )
        for bar in part.bars
    )
    return Table(part.name, ("What", "Value", "Finding"), tuple(rows), wide=False)


def _faces(part: Faces) -> Table:
    rows = (
        (Cell(face.video), Cell(percent(face.fake_probability)), Cell(face.note))
        for face in part.faces
    )
    return Table(part.name, ("Video", "Score", "Note"), tuple(rows), wide=False)


def _table(table: Table) -> str:
    ruler = ["---", *("---:" if table.wide else "---" for _ in table.head[1:])]
    lines = [[escaped(name) for name in table.head], ruler]
    lines += [[_cell(cell) for cell in row] for row in table.rows]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{escaped(table.caption)}**\n\n{rows}"


def _cell(cell: Cell) -> str:
    """ "0.943 (0.901–0.972)"."""
    beside = ", ".join(filter(None, (cell.small, cell.more)))
    return escaped(f"{cell.text} ({beside})" if beside else cell.text)


def escaped(text: str) -> str:
    """Text on one line that Markdown reads as it is."""
    return printable(" ".join(text.split())).translate(SPECIAL)
