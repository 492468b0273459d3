"""A FaceStore is read by position, says what is wrong with it, and is open to other tools."""

import json
import pickle
import subprocess
import sys
import tarfile
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from deeptell.config import ExtractConfig
from deeptell.errors import StoreError
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.rows import ROW
from deeptell.faces.shard import INDEX_SCHEMA, OK, Outcome, part_path, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import compact
from deeptell.records import Face, Frame, StoredCrop

CONFIG = ExtractConfig(frames=4)
KEYS = ["b/2.mp4", "a/1.mp4", "c/3.mp4"]
VIDEOS = pd.DataFrame({"video_key": KEYS, "path": KEYS, "label": [0, 1, 0]})


def made_up(seed: int) -> list[StoredCrop]:
    """Crops of two tracks, of different sizes, each of a picture of its own."""
    rng = np.random.default_rng(seed)
    crops = []
    for number in range(6):
        image = rng.integers(0, 255, (120, 160, 3), np.uint8)
        x, y, side = rng.uniform(20, 60), rng.uniform(20, 40), rng.uniform(25, 70)
        marks = tuple((x + i, y + 2 * i) for i in range(5))
        face = Face((x, y, x + side, y + 0.9 * side), marks, float(rng.uniform(0.9, 1)))
        frame = Frame(image, 5 * (number % 3), 0.2 * (number % 3))
        crops.append(store_crop(cut_crop(frame, face, track=number // 3)))
    return crops


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    claim(store, CONFIG)
    for seed, key in enumerate(KEYS):
        crops = made_up(seed)
        write_shard(store, key, Outcome(OK, "", tracks=2, crops=len(crops)), crops)
    compact(store, VIDEOS)
    return store


def index_of(path: Path) -> pd.DataFrame:
    """The whole index, as any tool reads it."""
    return pd.read_parquet(path / "index.parquet")


def test_the_index_is_sorted_and_complete(path: Path) -> None:
    store = FaceStore(path)
    whole = index_of(path)
    assert whole.columns.tolist() == INDEX_SCHEMA.names
    order = whole[["video_key", "track", "frame_index"]].apply(tuple, axis=1).tolist()
    assert order == sorted(order)
    assert len(order) == 18
    columns = ["video_key", "track", "frame_index"]
    pd.testing.assert_frame_equal(
        store.index.astype({"video_key": whole["video_key"].dtype}), whole[columns]
    )
    keys = store.videos["video_key"]
    assert keys.tolist() == sorted(KEYS)
    assert keys.to_numpy()[store.index["video_key"].cat.codes].tolist() == [row[0] for row in order]
    assert store.config == CONFIG


def test_any_rows_can_be_read_in_any_order(path: Path) -> None:
    store = FaceStore(path)
    by_key = {key: made_up(seed) for seed, key in enumerate(KEYS)}
    wanted = [crop for key in sorted(KEYS) for crop in by_key[key]]
    for rows in ([17, 0, 5, 6, 6, 11], list(range(18)), [3], []):
        assert store.read(rows) == [wanted[row] for row in rows]
    assert store.read(np.array([4])) == [wanted[4]]
    for beyond in (18, -1):
        with pytest.raises(IndexError, match=f"has 18 rows, and row {beyond}"):
            store.read([beyond])


def test_rows_are_those_of_the_index(path: Path) -> None:
    rows, whole = np.fromfile(path / "index.rows", ROW), index_of(path)
    assert len(rows) == 18
    for name in set(ROW.names or ()) - {"video"}:
        np.testing.assert_array_equal(rows[name], whole[name])
    assert np.array(sorted(KEYS))[rows["video"]].tolist() == whole["video_key"].tolist()


def test_a_store_of_version_1_is_upgraded_by_extracting_again(path: Path) -> None:
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    head = path / "store.json"
    head.write_text(head.read_text().replace('"version": 2', '"version": 1'))
    (path / "index.rows").unlink()
    with pytest.raises(StoreError, match=r"lacks index\.rows: run 'deeptell extract' again"):
        FaceStore(path)
    claim(path, CONFIG)
    with pytest.raises(StoreError, match="unfinished"):
        FaceStore(path)
    compact(path, VIDEOS)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_tables_that_do_not_belong_together_are_refused(path: Path) -> None:
    rows = path / "index.rows"
    rows.write_bytes(rows.read_bytes()[: -ROW.itemsize])
    with pytest.raises(StoreError, match="does not belong to"):
        _ = FaceStore(path).index


def test_compacting_does_not_depend_on_how_the_videos_came(path: Path, tmp_path: Path) -> None:
    """One by one, out of order, in parts of any size: the same bytes."""
    names = ("index.parquet", "index.rows")
    before = {name: (path / name).read_bytes() for name in names}
    for name in (*names, "videos.parquet"):
        (path / name).unlink()
    for video in (2, 0, 1):
        compact(path, VIDEOS.iloc[[video]])
    assert {name: (path / name).read_bytes() for name in names} == before
    assert FaceStore(path).videos["label"].tolist() == [1, 0, 0]


def test_opening_and_sampling_import_no_torch(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from deeptell.faces.store import FaceStore;"
        "from deeptell.inputs import InputSpec; from deeptell.data.samples import samples_of;"
        "from deeptell.data.samplers import ShuffledSampler as S;"
        f"store = FaceStore(Path({str(path)!r})); samples = samples_of(store.index, InputSpec(64));"
        "print(len(list(S(samples, store.index, store.videos, per_video=2, seed=0))));"
        "assert not {'torch', 'lightning', 'av'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("6", "")


def _read_in_worker(store: FaceStore, rows: list[int]) -> list[StoredCrop]:
    return store.read(rows)


def test_a_store_travels_to_other_processes(path: Path) -> None:
    store = FaceStore(path)
    wanted = store.read([1, 9])
    assert len(pickle.dumps(store)) < 1000, "tables must not be copied"
    with get_context("spawn").Pool(2) as pool:
        for read in pool.starmap(_read_in_worker, [(store, [1, 9])] * 3):
            assert read == wanted


def test_offsets_agree_with_a_plain_tar_reader(path: Path) -> None:
    for name, rows in index_of(path).groupby("tar"):
        with tarfile.open(path / str(name)) as tar:
            members = tar.getmembers()
            assert [m.offset_data for m in members] == rows["offset"].tolist()
            assert [m.size for m in members] == rows["length"].tolist()
            assert all((m.mtime, m.uid, m.gid) == (0, 0, 0) for m in members)
            # WebDataset: what stands before the first dot of the base name is the sample's key.
            keys = [Path(m.name).name.split(".")[0] for m in members]
            assert len(set(keys)) == len(keys)
            assert all(m.name.endswith(".jpg") for m in members)


def test_tables_are_plain_parquet(path: Path) -> None:
    assert pd.read_parquet(path / "videos.parquet")["label"].tolist() == [1, 0, 0]
    table = pq.read_table(
        path / "index.parquet", columns=["video_key"], filters=[("track", "=", 1)]
    )
    assert table.num_rows == 9


def test_the_fingerprint_follows_the_content(path: Path) -> None:
    before = FaceStore(path).fingerprint
    assert before == FaceStore(path).fingerprint
    assert len(before) == 64
    compact(path, pd.DataFrame({"video_key": KEYS, "path": KEYS, "label": [1, 1, 0]}))
    assert FaceStore(path).fingerprint != before


def test_damaged_tars_are_named(path: Path) -> None:
    store = FaceStore(path)
    tar = path / index_of(path)["tar"].iloc[0]
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    assert len(store.read([0])) == 1
    with pytest.raises(StoreError, match=rf"{tar.name} is cut short or damaged"):
        store.read([5])
    tar.write_bytes(bytes(len(whole)))
    with pytest.raises(StoreError, match="not a JPEG"):
        store.read([0])
    tar.unlink()
    with pytest.raises(StoreError, match=rf"{tar.name} is missing"):
        store.read([0])
    assert len(store.read([6])) == 1, "the rest goes on"


def test_what_is_no_store_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a FaceStore"):
        FaceStore(tmp_path / "nowhere")
    head = json.loads((path / "store.json").read_text())
    for changed, words in [
        ({**head, "version": 99}, "install a newer deeptell"),
        ({**head, "format": "other"}, "its format is 'other'"),
        ({**head, "config": {"colour": "red"}}, "settings that are not known"),
        ({"format": head["format"]}, "is damaged"),
    ]:
        (path / "store.json").write_text(json.dumps(changed))
        with pytest.raises(StoreError, match=words):
            FaceStore(path)
    (path / "store.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        FaceStore(path)


def test_an_unfinished_store_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "store", CONFIG)
    with pytest.raises(StoreError, match="unfinished"):
        FaceStore(tmp_path / "store")


def test_damaged_tables_are_named(path: Path) -> None:
    (path / "index.parquet").write_bytes(b"junk")
    with pytest.raises(StoreError, match=r"index\.parquet is damaged"):
        _ = FaceStore(path).index
    (path / part_path(KEYS[0])).write_bytes(b"junk")
    with pytest.raises(StoreError, match="delete it and extract again"):
        compact(path, pd.DataFrame({"video_key": KEYS, "path": KEYS}))
