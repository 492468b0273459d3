"""Manifest, and the FaceForensics++ source, on a hand-made tree of empty files."""

import json
from pathlib import Path

import pandas as pd
import pytest

from deeptell.data.leaks import check_leaks
from deeptell.data.manifest import check_manifest, read_manifest, summary, write_manifest
from deeptell.data.sources import faceforensics
from deeptell.data.splits import side
from deeptell.errors import DataError

PAIRS = {"train": [["071", "054"]], "val": [["087", "081"]], "test": [["000", "003"]]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pairs, two methods, c23 and raw under its other name c0, and things to be ignored."""
    (tmp_path / "splits").mkdir()
    for split, pairs in PAIRS.items():
        (tmp_path / "splits" / f"{split}.json").write_text(json.dumps(pairs))
    names = [name for pairs in PAIRS.values() for name in pairs[0]]
    fakes = [f"{a}_{b}" for pairs in PAIRS.values() for a, b in (pairs[0], pairs[0][::-1])]
    folders = {
        "original_sequences/youtube/c23/videos": [*names, "500"],
        "original_sequences/youtube/c0/videos": names,
        "manipulated_sequences/Deepfakes/c23/videos": [*fakes, "071_087"],
        "manipulated_sequences/NeuralTextures/c23/videos": fakes,
        "manipulated_sequences/Deepfakes/masks/videos": fakes,
    }
    for folder, stems in folders.items():
        (tmp_path / folder).mkdir(parents=True)
        for stem in stems:
            (tmp_path / folder / f"{stem}.mp4").touch()
    return tmp_path


def test_labels_splits_and_groups_follow_the_official_pairs(root: Path) -> None:
    table = faceforensics.index(root).set_index("video_key")
    assert len(table) == 7 + 6 + 7 + 6
    fake = table.loc["FaceForensics++/Deepfakes/c23/054_071"]
    assert (fake.label, fake.split, fake.group) == (1, "train", "054_071")
    assert (fake.target_id, fake.source_id) == ("054", "071")
    real = table.loc["FaceForensics++/real/raw/054"]
    assert (real.label, real.split, real.group) == (0, "train", "054_071")
    assert table.loc["FaceForensics++/real/c23/500"].split == ""
    # A fake across two pairs would carry a validation face into training.
    assert table.loc["FaceForensics++/Deepfakes/c23/071_087"].split == ""
    counts = table.reset_index().groupby(["split", "label"]).size()
    assert counts["test"].to_dict() == {0: 4, 1: 4}
    check_leaks(table.reset_index())


def test_a_manifest_survives_a_move_with_its_folder(root: Path) -> None:
    table = faceforensics.index(root).assign(bytes=7, phash="", split_by="group")  # kept as well
    for name in ("manifest.parquet", "manifest.csv"):
        write_manifest(table, root / name, root=root)
    moved = root.rename(root.with_name("moved"))
    for name in ("manifest.parquet", "manifest.csv"):
        again = read_manifest(moved / name)
        assert all(Path(path).is_file() for path in again["path"])
        columns = [column for column in table.columns if column != "path"]
        pd.testing.assert_frame_equal(again[columns], table[columns], check_dtype=False)


def test_summary_counts(root: Path) -> None:
    counts = summary(faceforensics.index(root)).set_index(["method", "compression"])
    assert counts.loc[("Deepfakes", "c23")].to_dict() == {
        "train": 2,
        "val": 2,
        "test": 2,
        "none": 1,
    }


def test_trees_that_are_none(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (root / "splits" / "val.json").write_text('[["087"]]')
    with pytest.raises(DataError, match=r"val\.json is not a list of pairs"):
        faceforensics.index(root)
    (root / "splits" / "val.json").unlink()
    with pytest.raises(DataError, match=r"no splits/val\.json"):
        faceforensics.index(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="group"), "lacks the column 'group'"),
        (lambda t: t.iloc[:0], "lists no video"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "twice"),
        (lambda t: t.assign(split="Test"), "must be one of .*, got 'Test'"),
        (lambda t: t.assign(split=None), "must be one of .*, got 'None'"),
        (lambda t: t.assign(label=2), "must be 0 .real. or 1 .fake., got 2"),
    ],
)
def test_bad_manifests(root: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        check_manifest(change(faceforensics.index(root)), what="It")


def test_files_that_are_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no manifest"):
        read_manifest(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="is a folder, not a manifest"):
        read_manifest(tmp_path)
    for name in ("text.parquet", "text.csv"):
        (tmp_path / name).write_text("hello")
        with pytest.raises(DataError):
            read_manifest(tmp_path / name)


def test_a_side_needs_both_classes(root: Path) -> None:
    table = faceforensics.index(root)
    assert set(side(table, "val")["split"]) == {"val"}
    with pytest.raises(DataError, match="'val' holds no fake"):
        side(table.loc[table["label"] == 0], "val")
