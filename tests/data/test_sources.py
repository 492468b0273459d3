"""Every data set's layout becomes the manifest that its papers and lists say, traps and all."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import CELEB_LIST, LAYOUTS, fill, pack, picture

from deeptell.data.manifest import COLUMNS, read_manifest, write_manifest
from deeptell.data.sources import SOURCES, counts, folder_of, index_dataset
from deeptell.data.splits import check_leaks
from deeptell.errors import ConfigError, DataError, LeakError
from deeptell.media.decode import open_media

# "[method, compression, folder]", then of each video in it: its name in the key, and in the
# folder; split, target, source, group. "-" is empty.
EXPECTED = {
    "faceforensics": """
        [real, raw, original_sequences/youtube/c0/videos/]
        000  000.mp4  test  000  -  000_003
        003  003.mp4  test  003  -  000_003
        [real, c23, original_sequences/youtube/c23/videos/]
        054  054.mp4  train  054  -  054_071
        071  071.mp4  train  071  -  054_071
        500  500.mp4  -  500  -  500
        [FaceShifter, c40, manipulated_sequences/FaceShifter/c40/videos/]
        000_003  000_003.mp4  test  000  003  000_003
        003_000  003_000.mp4  test  003  000  000_003
        054_071  054_071.mp4  train  054  071  054_071
        071_054  071_054.mp4  train  071  054  054_071
        071_087  071_087.mp4  -  071  087  054_071
        087_081  087_081.mp4  val  087  081  081_087
        """,
    "dfd": """
        [real, c23, original_sequences/actors/c23/videos/]
        01__exit_room  01__exit_room.mp4  -  01  -  01__exit_room
        02__kitchen_still  02__kitchen_still.mp4  -  02  -  02__kitchen_still
        [DeepFakeDetection, c23, manipulated_sequences/DeepFakeDetection/c23/videos/]
        01_02__exit_room__YVGY8LOK  01_02__exit_room__YVGY8LOK.mp4  -  01  02  01__exit_room
        """,
    "celebdf": """
        [real, native, Celeb-real/]
        Celeb-real/id0_0001  id0_0001.mp4  test  id0  -  id0_0001
        Celeb-real/id1_0007  id1_0007.mp4  train  id1  -  id1_0007
        [real, native, YouTube-real/]
        YouTube-real/00007  00007.mp4  train  -  -  YouTube_00007
        YouTube-real/00170  00170.mp4  test  -  -  YouTube_00170
        [Celeb-synthesis, native, Celeb-synthesis/]
        Celeb-synthesis/id0_id1_0001  id0_id1_0001.mp4  train  id0  id1  id0_0001
        Celeb-synthesis/id1_id0_0007  id1_id0_0007.mp4  test  id1  id0  id1_0007
        """,
    "dfdc": """
        [real, native, dfdc_train_part_0/]
        dfdc_train_part_0/aaaaaaaaaa  aaaaaaaaaa.mp4  train  -  -  aaaaaaaaaa
        [fake, native, dfdc_train_part_0/]
        dfdc_train_part_0/bbbbbbbbbb  bbbbbbbbbb.mp4  train  -  -  aaaaaaaaaa
        [real, native, dfdc_train_part_35/]
        dfdc_train_part_35/cccccccccc  cccccccccc.mp4  val  -  -  cccccccccc
        [fake, native, dfdc_train_part_49/]
        dfdc_train_part_49/dddddddddd  dddddddddd.mp4  test  -  -  eeeeeeeeee
        [real, native, test/]
        test/ffffffffff  ffffffffff.mp4  test  -  -  ffffffffff
        [fake, native, test/]
        test/gggggggggg  gggggggggg.mp4  test  -  -  gggggggggg
        [real, native, train_sample_videos/]
        train_sample_videos/aaaaaaaaaa  aaaaaaaaaa.mp4  -  -  -  aaaaaaaaaa
        """,
    "dfdc_preview": """
        [method_A, native, method_A/18/18_B/]
        18/18_B/20_18_B_001  20_18_B_001.mp4  train  18  20  18
        [real, native, original_videos/18/]
        18/18_B_001  18_B_001.mp4  train  18  -  18
        [real, native, original_videos/64/]
        64/64_A_001  64_A_001.mp4  test  64  -  64
        """,
    "deeperforensics": """
        [real, c23, ../FaceForensics++/original_sequences/youtube/c23/videos/]
        000  000.mp4  train  000  -  000
        071  071.mp4  val  071  -  071
        [end_to_end, native, manipulated_videos/end_to_end/]
        000_M101  000_M101.mp4  train  000  M101  000
        071_W004  071_W004.mp4  val  071  W004  071
        [reenact_postprocess, native, manipulated_videos/reenact_postprocess/]
        000_M101  000_M101.mp4  train  000  M101  000
        087_M012  087_M012.mp4  test  087  M012  087
        """,
    "wilddeepfake": """
        [fake, native, deepfake_in_the_wild/fake train/2/fake/]
        fake_train/2/fake/5  5  train  -  -  fake_train_2
        [fake, native, deepfake_in_the_wild/fake_test/3.tar.gz#3/fake/]
        fake_test/3/fake/0  0  test  -  -  fake_test_3
        [real, native, deepfake_in_the_wild/real train/1.tar.gz#1/real/]
        real_train/1/real/7  7  train  -  -  real_train_1
        real_train/1/real/12  12  train  -  -  real_train_1
        """,
    "folder": """
        [real, native, real/]
        007.png  007.png  -  -  -  007
        a/y.mp4  a/y.mp4  -  -  -  y
        b/y.mp4  b/y.mp4  -  -  -  y
        x.mp4  x.mp4  -  -  -  g05
        [fake, native, fake/]
        walk  walk  -  -  Bea  g06
        x.mp4  x.mp4  -  -  Ann  g05
        z.mov  z.mov  -  -  -  z
        """,
    "csv": """
        [real, native, clips/]
        clips/a.mp4  a.mp4  train  -  -  a
        [fake, native, clips/]
        clips/b.mp4  b.mp4  -  -  -  b
        [fake, native, other/]
        other/a.mp4  a.mp4  train  -  -  a
        """,
}
EXPECTED["celebdf_v1"] = EXPECTED["celebdf"]
DATASETS = {
    "faceforensics": "FaceForensics++",
    "dfd": "DeepFakeDetection",
    "celebdf": "Celeb-DF v2",
    "celebdf_v1": "Celeb-DF v1",
    "dfdc": "DFDC",
    "dfdc_preview": "DFDC-preview",
    "deeperforensics": "DeeperForensics-1.0",
    "wilddeepfake": "WildDeepfake",
    "folder": "root",
    "csv": "mine",
}
MISSING = {
    "faceforensics": "manipulated_sequences/FaceShifter/c40/videos/081_087.mp4",
    "celebdf": "Celeb-synthesis/id1_id2_0009.mp4",
    "dfdc": "dfdc_train_part_0/lostlostlo.mp4",
    "dfdc_preview": "method_B/64/64_C/12_64_C_001.mp4",
    "deeperforensics": "manipulated_videos/reenact_postprocess/071_W004.mp4",
    "folder": "gone.mp4",
    "csv": "clips/gone.mp4",
}


@pytest.fixture
def lay(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Write the layout of a data set and return its root."""
    return lambda name: LAYOUTS[name](tmp_path / "root")


def rows_of(name: str) -> list[dict[str, object]]:
    """The hand-written table as whole rows of a manifest."""
    rows = []
    for line in EXPECTED[name].split("\n"):
        if line.strip().startswith("["):
            method, compression, folder = line.strip(" []").split(", ")
        elif line.strip():
            parts = ["" if part == "-" else part for part in line.strip().split("  ")]
            file, path, split, target, source, group = parts
            values = (
                *(f"{DATASETS[name]}/{method}/{compression}/{file}", folder + path),
                *(DATASETS[name], method, compression, int(method != "real")),
                *(split, target, source, group),
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


@pytest.mark.parametrize("name", SOURCES)
def test_the_whole_manifest(lay, name: str) -> None:  # type: ignore[no-untyped-def]
    root = lay(name)
    found = index_dataset(name, root)
    expected = pd.DataFrame(rows_of(name))
    pd.testing.assert_frame_equal(found.manifest[list(expected)], expected, check_dtype=False)
    if name in MISSING:
        assert MISSING[name] in found.missing
    # What was listed can be read, from wherever the manifest is kept.
    target = root.parent / "elsewhere" / "manifest.parquet"
    write_manifest(found.manifest, target, root=folder_of(root))
    for path in read_manifest(target)["path"]:
        with open_media(Path(path)) as media:
            assert len(list(media)) == len(media.frame_times) > 0


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_root_of_another_data_set_is_named(tmp_path: Path, name: str, layout: str) -> None:
    if name.startswith("celebdf") and layout.startswith("celebdf"):
        return  # one layout
    if name == layout:
        return
    root = LAYOUTS[layout](tmp_path / "root")
    looks = "celebdf" if layout == "celebdf_v1" else layout
    words = f"it looks like {SOURCES[looks].title} ({looks})."
    with pytest.raises(DataError, match=re.escape(words)):
        index_dataset(name, root)


def test_a_root_of_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file or folder"):
        index_dataset("dfdc", tmp_path / "none")
    with pytest.raises(DataError, match="has none of Celeb-real/"):
        index_dataset("celebdf", tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "notes.txt").touch()
    with pytest.raises(DataError, match="holds no video"):
        index_dataset("folder", tmp_path)
    with pytest.raises(ConfigError, match="Did you mean 'celebdf'"):
        index_dataset("celeb_df", tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("faceforensics", "dataset/splits/val.json", "no dataset/splits/val.json"),
        ("celebdf", "List_of_testing_videos.txt", "no List_of_testing_videos.txt"),
        ("dfdc_preview", "dataset.json", "no dataset.json"),
        ("deeperforensics", "lists/splits/test.txt", "no lists/splits/test.txt"),
    ],
)
def test_lists_that_are_missing_or_something_else(lay, name: str, file: str, message: str) -> None:  # type: ignore[no-untyped-def]
    root = lay(name)
    (root / file).write_bytes(b'["\xff"]')
    with pytest.raises(DataError, match="cannot be read as text"):
        index_dataset(name, root)
    (root / file).write_text("[3]")
    with pytest.raises(DataError, match=re.escape(Path(file).name)):
        index_dataset(name, root)
    (root / file).unlink()
    with pytest.raises(DataError, match=re.escape(message)):
        index_dataset(name, root)


class TestCelebDF:
    def test_the_digit_must_agree_with_the_folder(self, lay) -> None:  # type: ignore[no-untyped-def]
        root = lay("celebdf")
        path = root / "List_of_testing_videos.txt"
        for line, message in (
            ("0 Celeb-real/id0_0001.mp4", "line 5 must begin with 1"),
            ("1 Celeb-synthesis/id0_id1_0001.mp4", "line 5 must begin with 0"),
            ("label path", "line 5 must be like '1 Celeb-real"),
        ):
            path.write_text(f"{CELEB_LIST}\n{line}")
            with pytest.raises(DataError, match=message):
                index_dataset("celebdf", root)

    def test_line_ends_of_another_system(self, lay) -> None:  # type: ignore[no-untyped-def]
        root = lay("celebdf")
        plain = index_dataset("celebdf", root).manifest
        listed = CELEB_LIST.replace("\n", "\r\n") + "\r\n"
        (root / "List_of_testing_videos.txt").write_bytes(listed.encode())
        pd.testing.assert_frame_equal(index_dataset("celebdf", root).manifest, plain)

    def test_the_other_version_is_told_by_its_list(self, lay) -> None:  # type: ignore[no-untyped-def]
        root = lay("celebdf")
        lines = [f"0 Celeb-synthesis/id1_id0_{number:04d}.mp4" for number in range(100)]
        (root / "List_of_testing_videos.txt").write_text("\n".join(lines))
        assert "as long as that of Celeb-DF v1" in index_dataset("celebdf", root).notes[0]
        assert not index_dataset("celebdf_v1", root).notes

    def test_the_official_split_leaks_as_published(self, lay) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(LeakError):
            check_leaks(index_dataset("celebdf", lay("celebdf")).manifest)


@pytest.mark.parametrize("name", ["faceforensics", "dfdc", "dfdc_preview", "deeperforensics"])
def test_other_official_splits_do_not(lay, name: str) -> None:  # type: ignore[no-untyped-def]
    check_leaks(index_dataset(name, lay(name)).manifest)


def test_what_the_user_is_told(lay, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def told(name: str) -> str:
        return " ".join(index_dataset(name, LAYOUTS[name](tmp_path / name / "root")).notes)

    assert "no official pair, which belong to no split: 2" in told("faceforensics")
    notes = told("dfd")
    assert "no official split" in notes
    assert "not named as published: 1, beginning with manipulated_sequences" in notes
    notes = told("dfdc")
    assert "sound alone" in notes
    assert "more than one folder of DFDC, kept apart by folder but in one group: 1" in notes
    assert "beginning with dfdc_train_part_7/metadata.json" in notes
    assert "no list of the data set names them: 1" in told("dfdc_preview")
    assert "more than one folder of real/" in told("folder")


def test_counts_stand_beside_the_published_ones(lay) -> None:  # type: ignore[no-untyped-def]
    table = counts(index_dataset("dfdc_preview", lay("dfdc_preview")), SOURCES["dfdc_preview"])
    # The owners gave no figure for each method, only for all fakes.
    assert table.astype(object).where(table.notna(), None).to_numpy().tolist() == [
        ["real", "native", "real", 2, 1131],
        ["method_A", "native", "fake", 1, None],
        ["fake", "", "fake", 1, 4119],
    ]


def test_methods_that_were_not_fetched_are_counted(lay) -> None:  # type: ignore[no-untyped-def]
    table = counts(index_dataset("faceforensics", lay("faceforensics")), SOURCES["faceforensics"])
    by_method = table.groupby("method")["found"].sum().to_dict()
    assert (by_method["real"], by_method["FaceShifter"], by_method["Deepfakes"]) == (5, 6, 0)
    assert set(table["published"]) == {1000}


def test_deeperforensics_without_its_reals(lay) -> None:  # type: ignore[no-untyped-def]
    root = lay("deeperforensics")
    (root.parent / "FaceForensics++").rename(root / "FaceForensics++")
    paths = index_dataset("deeperforensics", root).manifest["path"]
    assert paths[0] == "FaceForensics++/original_sequences/youtube/c23/videos/000.mp4"
    (root / "FaceForensics++" / "original_sequences").rename(root / "unknown")
    found = index_dataset("deeperforensics", root)
    assert set(found.manifest["label"]) == {1}
    assert "no real videos" in found.notes[0]


def test_an_archive_that_was_cut_short(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)  # bytes that gzip cannot shrink: 60 kB a sequence
    members = {f"1/real/{k}/{i}.png": rng.bytes(20_000) for k in range(4) for i in range(3)}
    path = pack(tmp_path / "real train" / "1.tar.gz", members)
    path.write_bytes(path.read_bytes()[:130_000])
    pack(tmp_path / "real_test" / "2.tar.gz", {"2/real/0/1.png": picture(1)})
    (tmp_path / "real_test" / "3.tar.gz").write_bytes(b"no archive")
    found = index_dataset("wilddeepfake", tmp_path)
    assert len(found.manifest) == 4
    assert "damaged, and were read up to there (fetch them again): 2" in found.notes[0]


class TestPlainFolder:
    def test_without_groups_a_fake_stays_with_its_real(self, lay) -> None:  # type: ignore[no-untyped-def]
        root = lay("folder")
        (root / "groups.csv").unlink()
        table = index_dataset("folder", root).manifest.set_index("path")
        assert table.loc["real/x.mp4", "group"] == table.loc["fake/x.mp4", "group"] == "x"
        assert table.loc["fake/walk", "group"] == "walk"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("file,group\nx.mp4,g1\n", "lacks the column 'source_group'; it has file, group"),
            ("file,source_group,swap_model\nx.mp4,a,b\nx.mp4,c,b\n", "gives 'x.mp4' two groups"),
        ],
    )
    def test_bad_groups(self, lay, text: str, message: str) -> None:  # type: ignore[no-untyped-def]
        root = lay("folder")
        (root / "groups.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            index_dataset("folder", root)

    def test_names_that_are_no_text_are_left_out(self, lay) -> None:  # type: ignore[no-untyped-def]
        root = lay("folder")
        before = len(index_dataset("folder", root).manifest)
        try:
            (root / "real" / os.fsdecode(b"caf\xe9.mp4")).touch()
        except OSError:
            pytest.skip("this file system takes text only")
        found = index_dataset("folder", root)
        assert len(found.manifest) == before
        assert "names are no text" in found.notes[-1]

    def test_real_pairs(self, shared_clips: Path) -> None:
        table = index_dataset("folder", shared_clips / "pairs").manifest
        groups = pd.read_csv(shared_clips / "pairs" / "groups.csv").set_index("file")
        assert len(table) == 24
        assert all(sorted(labels) == [0, 1] for _, labels in table.groupby("group")["label"])
        for entry in table.itertuples():
            known = groups.loc[Path(entry.path).name]
            assert entry.group == known["source_group"]
            assert entry.source_id == (known["swap_model"] if entry.label else "")
        check_leaks(table)


class TestTable:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("file,label\na.mp4,0\n", "lacks the column 'path'; it has file, label"),
            ("path;label\na.mp4;0\n", "lacks the column 'path'; it has path;label"),
            ("path,label\na.mp4,2\n", "row 1: the label must be 0 or real, 1 or fake, got '2'"),
            ("path,label\na.mp4,0\nb.mp4,\n", "row 2: the label must be"),
            ("path,label,split\na.mp4,0,dev\n", "row 1: the split must be train, val, test"),
            ("path,label,method\na.mp4,0,Deepfakes\n", "row 1: the method must be 'real' where"),
            ("path,label\na.mp4,0,x\nb.mp4,1,y\n", "rows that are longer than its header"),
            ("path,label\na.mp4,0\nb.mp4,1,y\n", "not a table with commas"),
            ("path,label\na.mp4,0\na.mp4,0\n", "lists the video 'table/real/native/a.mp4' twice"),
            ("", "not a table with commas"),
        ],
    )
    def test_tables_that_are_none(self, tmp_path: Path, text: str, message: str) -> None:
        fill(tmp_path, ("a.mp4", "b.mp4"))
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(DataError, match=re.escape(message)):
            index_dataset("csv", tmp_path / "table.csv")

    def test_columns_of_a_manifest_are_taken_and_others_kept(self, tmp_path: Path) -> None:
        fill(tmp_path, ("a.mp4",))
        columns = {"path": str(tmp_path / "a.mp4"), "label": "1", "video_key": "k", "method": "M"}
        columns |= {"dataset": "D", "group": "NA", "source_id": "007", "camera": "x"}
        lines = (",".join(columns), ",".join(columns.values()))
        (tmp_path / "t.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
        row = index_dataset("csv", tmp_path / "t.csv").manifest.iloc[0]
        assert row[list(columns)].astype(str).to_dict() == columns


def test_labels_that_contradict_the_folder(lay) -> None:  # type: ignore[no-untyped-def]
    root = lay("dfdc_preview")
    table = json.loads((root / "dataset.json").read_text())
    table["original_videos/64/64_A_001.mp4"]["label"] = "fake"
    (root / "dataset.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match="must have its folder's label 'real'"):
        index_dataset("dfdc_preview", root)


def test_every_source_names_its_paper() -> None:
    for name in set(SOURCES) - {"folder", "csv"}:
        assert re.search(r"\b20\d\d\b", SOURCES[name].about), name
