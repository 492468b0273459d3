"""Does a verdict hold when the file is a little worse? It is scanned again in several versions.

They are those of `media.corrupt`, by which the robustness of models is measured too, at the
severities that sharing leaves behind; faces are looked for anew in each.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

from deeptell.answers import FileResult, Trial
from deeptell.media.corrupt import corruption
from deeptell.scan.score import Scanner

VARIANTS = tuple(product(("h264", "downscale", "blur", "crop_jitter"), (1, 2, 3)))


def stressed(scanner: Scanner, result: FileResult) -> FileResult:
    """The result, with what the scanner says of each variant of its file.

    Where the file itself gave no score there is nothing that could hold, and nothing is tried.
    """
    if result.fake_probability is None:
        return result
    trials = tuple(_trial(scanner, Path(result.path), *variant) for variant in VARIANTS)
    return replace(result, stress=trials)


def _trial(scanner: Scanner, path: Path, name: str, severity: int) -> Trial:
    config = scanner.config.model_copy(update={"corruption": name, "severity": severity})
    found = replace(scanner, config=config).scan(path)
    entry = corruption(name)
    return Trial(
        corruption=name,
        severity=severity,
        what=entry.what,
        unit=entry.unit,
        strength=entry.strengths[severity - 1],
        verdict=found.verdict,
        fake_probability=found.fake_probability,
    )
