"""Many files: shared among processes, one bad file never stopping the rest."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import torch

from deeptell.answers import FileResult, Verdict
from deeptell.config import ExtractConfig
from deeptell.errors import MediaError
from deeptell.evaluation.false_alarms import at_rate, with_lines
from deeptell.files import sha256_of
from deeptell.media.decode import find_media
from deeptell.media.picture import PICTURE_SUFFIXES
from deeptell.models.bundle import load_bundle
from deeptell.records import CLIP, PICTURE, BundleCard, OperatingPoint
from deeptell.scan.identity import Identity
from deeptell.scan.journal import Journal
from deeptell.scan.reasons import because
from deeptell.scan.score import Scanner
from deeptell.scan.stress import stressed
from deeptell.workers import Died, each


@dataclass(frozen=True)
class ScanJob:
    """What every worker of one scan has in common."""

    bundle: Path
    config: ExtractConfig
    false_alarms: float | None = None  # the rate that moves the line; None: the bundle's "flag"
    audited: tuple[OperatingPoint, ...] = ()  # lines out of an audit, in place of the bundle's
    stress: bool = False  # whether each file is scanned in worse versions too
    identity: Path | None = None  # an ONNX file that joins tracks across cuts
    dense: bool = False  # see `Scanner`

    def scanner(self) -> Scanner:
        """A scanner for this job, with everything loaded."""
        bundle = load_bundle(self.bundle)
        bundle = replace(bundle, card=self.card_of(bundle.card))
        identity = Identity.of(self.identity) if self.identity else None
        return Scanner.of(bundle, self.config, identity=identity, dense=self.dense)

    def card_of(self, card: BundleCard) -> BundleCard:
        """The bundle's card with the lines that this job judges by."""
        card = with_lines(card, self.audited) if self.audited else card
        return card if self.false_alarms is None else at_rate(card, self.false_alarms)

    def options(self) -> dict[str, Any]:
        """Everything but the bundle that results depend on, as plain values."""
        return {
            **self.config.model_dump(),
            "dense": self.dense,
            "false_alarms": self.false_alarms,
            "audited": [[one.media, one.false_alarms, one.threshold] for one in self.audited],
            "identity": sha256_of(self.identity) if self.identity else None,
        }


def expand(paths: Sequence[Path]) -> list[Path]:
    """The files that the paths name: a folder gives the media in it, each file comes once."""
    files = [file for path in paths for file in (find_media(path) if path.is_dir() else [path])]
    return list(dict.fromkeys(files))


def kind_of(path: Path) -> str:
    """What a file is by its name, CLIP or PICTURE."""
    return PICTURE if path.suffix.lower() in PICTURE_SUFFIXES else CLIP


def scan_files(
    paths: Sequence[Path], job: ScanJob, *, jobs: int, journal: Journal | None = None
) -> Iterator[FileResult]:
    """Yield a result for every path, as they are done; a file that cannot be read has its reason.

    With `jobs` above 1 each worker computes with one thread, and a file that kills the decoder
    takes only its own worker along.

    Args:
        journal: results it knows are not worked out again, new ones are added to it.
    """
    done = journal.done(paths) if journal else {}
    yield from done.values()
    arguments = (job, 1 if jobs > 1 else os.cpu_count() or 1)
    tasks = [(path, job) for path in paths if path not in done]
    for task, result in each(_scan_one, tasks, jobs=jobs, setup=_set_up, arguments=arguments):
        if isinstance(result, Died):
            result = not_examined(task[0], f"Decoding {task[0]} ended its process: damaged?")
        if journal:
            journal.add(result)
        yield result


def not_examined(path: Path, reason: str) -> FileResult:
    """The result for a file that gave nothing to judge."""
    return FileResult(str(path), Verdict.CANNOT_TELL, (because("unreadable", reason),), None)


_scanners: dict[ScanJob, Scanner] = {}  # loaded once per process


def _set_up(job: ScanJob, threads: int) -> None:
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    if job not in _scanners:
        _scanners[job] = job.scanner()


def _scan_one(task: tuple[Path, ScanJob]) -> FileResult:
    path, job = task
    scanner = _scanners[job]
    try:
        result = scanner.scan(path)
        return stressed(scanner, result) if job.stress else result
    except MediaError as error:
        return not_examined(path, str(error))
