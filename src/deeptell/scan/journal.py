"""Results on disk as they come: a line of JSON per file, and what was done before is known."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deeptell.answers import FileResult
from deeptell.errors import OutputError
from deeptell.files import replacing, sha256_of
from deeptell.scan.document import SCHEMA_VERSION, file_entry, from_entry

SUMMARY = ("path", "verdict", "fake_probability", "people", "reason")


class Journal:
    """A JSON Lines file of results that a later scan takes up.

    A file counts as done when its contents, the bundle, the options and the version of the lines
    are the same as then, and it was scanned in worse versions too where that is asked for; lines
    of another version stay and are passed over. A last line cut short by a kill is taken off and
    its file scanned again.
    """

    def __init__(
        self, path: Path, *, bundle_sha256: str, options: dict[str, Any], stress: bool = False
    ) -> None:
        self.path = path
        self._stamp = {
            "schema_version": SCHEMA_VERSION,
            "bundle": bundle_sha256,
            "options": options,
        }
        if stress:
            self._stamp["stressed"] = True
        self._lines = self._read()

    def done(self, paths: Sequence[Path]) -> dict[Path, FileResult]:
        """The results, without pictures, of those paths that need not be scanned again."""
        known = {
            (line["path"], line["sha256"]): line
            for line in self._lines
            if all(line.get(key) == value for key, value in self._stamp.items())
        }
        keys = {path: (str(path), _contents(path)) for path in paths}
        return {path: from_entry(known[key]) for path, key in keys.items() if key in known}

    def add(self, result: FileResult) -> None:
        """Append one result; it is on disk when this returns."""
        line = {**self._stamp, **file_entry(result)}
        line["sha256"] = line["sha256"] or _contents(Path(result.path))
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from None
        self._lines.append(line)

    def write_summary(self) -> Path:
        """Write the newest line of every path as CSV beside the journal; return its path."""
        newest = {
            line["path"]: line for line in self._lines if line["schema_version"] == SCHEMA_VERSION
        }
        target = self.path.with_suffix(".csv")
        with replacing(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow(SUMMARY)
            for path, line in sorted(newest.items()):
                reason = " ".join(reason["text"] for reason in line["reasons"])
                score = line["fake_probability"]
                writer.writerow([path, line["verdict"], score, len(line["people"]), reason])
        return target

    def _read(self) -> list[dict[str, Any]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            data = self.path.read_bytes()
            if data and not data.startswith(b'{"schema_version"'):
                raise ValueError("it does not start like one")
            whole = data[: data.rfind(b"\n") + 1]
            lines = [json.loads(line) for line in whole.splitlines()]
            if not all(
                {"schema_version", "path", "sha256", "verdict"} <= line.keys() for line in lines
            ):
                raise ValueError("a line lacks schema_version, path, sha256 or verdict")
            if len(whole) < len(data):
                with self.path.open("r+b") as file:
                    file.truncate(len(whole))
        except (ValueError, AttributeError) as error:
            raise OutputError(
                f"{self.path} holds something else than scan results ({error}); "
                "give --out another name."
            ) from None
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from None
        return lines


def _contents(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None
