"""DFDC, the Deepfake Detection Challenge (Dolhansky et al., 2020).

    root/
      dfdc_train_part_0/ ... dfdc_train_part_49/     (as many as were fetched)
        <ten letters>.mp4
        metadata.json      {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}, ...}
      train_sample_videos/   the same: 400 videos of the parts once more, of no split
      test/
        <ten letters>.mp4
        labels.csv         filename,label: 0 real, 1 fake

Only test/ is official. The parts are split as public practice does: 0-34 for training, 35-39 for
validation, 40-49 for testing. A fake and its original are a group.
"""

import re
from pathlib import Path

from deeptell.data.sources.files import read_records, read_table, videos_in
from deeptell.data.sources.listing import UNLISTED, Listing, Row, doubled, listing, noted, row
from deeptell.errors import DataError

_AUDIO = "Some fakes of DFDC are manipulated in their sound alone; its lists do not say which."


def list_videos(root: Path) -> Listing:
    """List the videos of every part that has its list."""
    rows: list[Row] = []
    missing, unlisted, without = list[str](), list[str](), list[str]()
    for part in sorted(folder for folder in root.iterdir() if folder.is_dir()):
        videos = {path.name: path for path in videos_in(part)}
        name = f"{part.name}/{'labels.csv' if part.name == 'test' else 'metadata.json'}"
        if not (root / name).is_file():
            without += [name] if videos else []
            continue
        known = _labels(root, name) if name.endswith(".csv") else _metadata(root, name)
        missing += [f"{part.name}/{file}" for file in set(known) - set(videos)]
        unlisted += [f"{part.name}/{file}" for file in set(videos) - set(known)]
        for file in sorted(set(videos) & set(known)):
            method, original = known[file]
            rows.append(
                row(
                    f"{part.name}/{file}",
                    dataset="DFDC",
                    method=method,
                    file=f"{part.name}/{Path(file).stem}",
                    group=Path(original or file).stem,
                    split=_split(part.name),
                )
            )
    lacking = noted(without, "Lists that are missing, so that their folders were left out")
    twice = doubled((Path(str(entry["path"])) for entry in rows), where="DFDC")
    return listing(rows, missing=missing, notes=[_AUDIO, twice, lacking, noted(unlisted, UNLISTED)])


def _split(part: str) -> str:
    found = re.fullmatch(r"dfdc_train_part_([0-9]+)", part)
    if found is None:
        return "test" if part == "test" else ""
    return "train" if int(found[1]) < 35 else "val" if int(found[1]) < 40 else "test"


def _metadata(root: Path, name: str) -> dict[str, tuple[str, str]]:
    """Method of each file, and what it was made from: "" for reals, which may say null."""
    return {
        file: (str(entry["label"]).lower(), str(entry.get("original") or ""))
        for file, entry in read_records(root, name).items()
    }


def _labels(root: Path, name: str) -> dict[str, tuple[str, str]]:
    """The same of the official test videos; what they were made from is not known."""
    table = read_table(root, name, columns=("filename", "label"))
    if not table["label"].isin(["0", "1"]).all():
        raise DataError(f"{root / name} must have the labels 0 (real) and 1 (fake) only.")
    pairs = zip(table["filename"], table["label"], strict=True)
    return {file: ("fake" if digit == "1" else "real", "") for file, digit in pairs}
