"""Lines out of an audit: what was counted on the user's own footage decides from which score on."""

import json
from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.false_alarms import best_line
from deeptell.records import CLIP, OperatingPoint
from deeptell.scan.audit import SCHEMA_VERSION


class _Line(BaseModel):
    """The part of `audits.SuggestedLine` that a line is made of."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    media: str
    rate: float = Field(gt=0, lt=1)
    threshold: float | None = Field(ge=0, le=1)
    sources: int = Field(ge=1)
    alarmed: int = Field(ge=0)


class _Document(BaseModel):
    schema_version: int
    bundle_sha256: str
    folder: str
    lines: tuple[_Line, ...]


def read_lines(
    path: Path, rate: float, *, bundle_sha256: str, media: Collection[str]
) -> tuple[OperatingPoint, ...]:
    """The lines of an audit, each with the rate it was shown to keep.

    How many manipulated files stand above them nobody measured: they count none.

    Args:
        path: output of `deeptell audit --json`.
        rate: of false alarms, which is asked for.
        media: for which kinds of files a line of this rate must be there.

    Raises:
        DataError: it is no audit, or one of another model.
        ConfigError: too few sources were audited to show the rate.
    """
    try:
        found = _Document.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, ValidationError):
        raise DataError(
            f"{path} is no audit: give what 'deeptell audit FOLDER --json' printed."
        ) from None
    if found.schema_version != SCHEMA_VERSION:
        raise DataError(
            f"{path} has version {found.schema_version} of an audit's layout, and this deeptell "
            f"reads version {SCHEMA_VERSION}: run the audit again."
        )
    if found.bundle_sha256 != bundle_sha256:
        raise DataError(
            f"{path} is an audit of another model ({found.bundle_sha256[:12]}...), and scores of "
            "two models are not alike: run the audit with this one."
        )
    points = tuple(_point(line, found.folder) for line in found.lines if line.threshold is not None)
    for kind in sorted(media):
        if best_line(points, kind, rate) is None:
            raise _not_shown(found, rate, media=kind, path=path)
    return points


def _not_shown(found: _Document, rate: float, *, media: str, path: Path) -> ConfigError:
    of = [line for line in found.lines if line.media == media]
    sources = max((line.sources for line in of), default=0)
    offered = [f"{100 * line.rate:g} %" for line in of if line.threshold is not None]
    return ConfigError(
        f"False alarms of {100 * rate:g} % are not shown by {path}: it counts {sources or 'no'} "
        f"sources of {media}s. Offered: {', '.join(offered) or 'no rate'}; audit more footage, or "
        "ask for another rate."
    )


def _point(line: _Line, folder: str) -> OperatingPoint:
    assert line.threshold is not None
    return OperatingPoint(
        name=f"false alarms {100 * line.rate:g} %",
        threshold=line.threshold,
        false_positive_rate=line.alarmed / line.sources,
        true_positive_rate=0.0,
        real_videos=line.sources,
        fake_videos=0,
        media=line.media,
        real_groups=line.sources,
        alarmed_groups=line.alarmed,
        stretches=line.media == CLIP,
        false_alarms=line.rate,
        audited=folder,
    )
