"""unpack: the faces of a store and the frames of a manifest, as other tools read them."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from deeptell.config import ExtractConfig
from deeptell.data.manifest import COLUMNS
from deeptell.data.places import places
from deeptell.data.unpack import unpack, unpack_frames
from deeptell.errors import ConfigError, DataError, OutputError, StoreError
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.shard import NO_FACE, OK, Outcome, part_path, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import compact
from deeptell.inputs import InputSpec, cut
from deeptell.media.encode import write_video
from deeptell.records import Face, Frame

# Frames in which each track of a video was cut.
TRACKS = {
    "FF/real/c23/000": [[0, 2, 4, 6, 8, 10, 12]],
    "FF/Deepfakes/c23/000_003": [[0, 2, 4, 6, 8, 10, 12], [4, 6, 8]],
    "DFDC/dfdc/c23/x.mp4": [[5]],
    "DFDC/real/c23/empty.mp4": [],
}
TENTH = {"real": "train/real/real_c23_000", "fake": "train/fake/Deepfakes_c23_000_003"}


def listed(keys: list[str]) -> pd.DataFrame:
    """Rows of a manifest."""
    rows = []
    for key in keys:
        dataset, method, compression, name = key.split("/", 3)
        split = "train" if dataset == "FF" else ""
        label = int(method != "real")
        rows.append((key, name, dataset, method, compression, label, split, "0", "", name))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def store(tmp_path: Path) -> FaceStore:
    """Faces of two people in a fake, one in a real, one of no split, and a video without a face."""
    path = tmp_path / "store"
    claim(path, ExtractConfig(frames=7))
    rng = np.random.default_rng(0)
    for key, tracks in TRACKS.items():
        crops = []
        for number, frames in enumerate(tracks):
            for index in frames:
                coarse = rng.integers(0, 255, (12, 16, 3), np.uint8)
                image = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)
                x, y = rng.uniform(20, 60, 2)
                face = Face((x, y, x + 40, y + 36), tuple((x + i, y) for i in range(5)), 0.99)
                crops.append(store_crop(cut_crop(Frame(image, index, index / 25), face, number)))
        status = Outcome(OK if crops else NO_FACE, "", tracks=len(tracks), crops=len(crops))
        write_shard(path, key, status, crops)
    compact(path, listed(list(TRACKS)))
    return FaceStore(path)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def faces(store: FaceStore, key: str, frames: list[int], size: int) -> np.ndarray:
    """What `prepare` would see, by a plain loop over the whole store."""
    index = store.index
    rows = [
        row
        for row in range(len(index))
        if index["video_key"][row] == key and index["frame_index"][row] in frames
    ]
    return np.stack([cut(store.read([row])[0], InputSpec(size=size, margin=1.3)) for row in rows])


@pytest.mark.parametrize(("first", "frames"), [(True, [0, 2, 4]), (False, [0, 6, 12])])
def test_pictures_are_the_squares_that_a_model_is_given(
    tmp_path: Path, store: FaceStore, first: bool, frames: list[int]
) -> None:
    out = tmp_path / "out"
    calls: list[tuple[int, int]] = []
    summary = unpack(
        store, out, frames=3, size=32, first=first, progress=lambda *now: calls.append(now)
    )
    assert (summary.videos, summary.written, summary.reasons) == (4, 3, ())
    assert calls[-1] == (3, 3)
    real = [f"{TENTH['real']}/0000_{frame:08d}.jpg" for frame in frames]
    fake = [f"{TENTH['fake']}/0000_{frame:08d}.jpg" for frame in frames]
    fake += [f"{TENTH['fake']}/0001_{frame:08d}.jpg" for frame in frames if 4 <= frame <= 8]
    other = ["all/fake/dfdc_c23_x.mp4/0000_00000005.jpg"]
    assert set(files(out)) == {*real, *fake, *other, "pictures.csv", "unpack.json"}
    for names, key in ((real, "FF/real/c23/000"), (fake, "FF/Deepfakes/c23/000_003")):
        for name, wanted in zip(names, faces(store, key, frames, 32), strict=True):
            got = np.asarray(PIL.Image.open(out / name)).astype(int)
            assert got.shape == (32, 32, 3)
            assert np.abs(got - wanted).mean() < 2
    with summary.path.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == summary.pictures == len(real + fake + other)
    assert {row["path"]: row["label"] for row in table} == {
        **dict.fromkeys(real, "0"),
        **dict.fromkeys(fake + other, "1"),
    }


def test_the_array_is_read_without_pickle_and_holds_the_same_faces(
    tmp_path: Path, store: FaceStore
) -> None:
    summary = unpack(store, tmp_path / "a.npz", frames=3, size=24, npz=True)
    assert (summary.videos, summary.written, summary.pictures) == (4, 3, 8)
    chosen = {
        "DFDC/dfdc/c23/x.mp4": [5],
        "FF/Deepfakes/c23/000_003": [0, 6, 12],
        "FF/real/c23/000": [0, 6, 12],
    }
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        wanted = np.concatenate([faces(store, key, at, 24) for key, at in chosen.items()])
        np.testing.assert_array_equal(arrays["images"], wanted)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]
        assert arrays["keys"].tolist() == [
            key for key, n in zip(chosen, (1, 4, 3), strict=True) for _ in range(n)
        ]
        assert arrays["splits"].tolist() == ["all", *["train"] * 7]
        assert arrays["tracks"].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
        assert arrays["frames"].tolist() == [5, 0, 6, 12, 6, 0, 6, 12]
    again = unpack(store, tmp_path / "folder", frames=3, size=24, npz=True)
    assert again.path == tmp_path / "folder" / "faces.npz"
    assert again.path.read_bytes() == summary.path.read_bytes()


def test_killed_at_any_moment_it_ends_with_the_same_files(tmp_path: Path, store: FaceStore) -> None:
    unpack(store, tmp_path / "undisturbed", frames=7, size=32)
    wanted = files(tmp_path / "undisturbed")
    code = (
        "import time; from pathlib import Path\n"
        "import deeptell.data.unpack as m; from deeptell.faces.store import FaceStore\n"
        "plain = m.encode_crop\n"
        "def slow(image): print('now', flush=True); time.sleep(0.005); return plain(image)\n"
        "m.encode_crop = slow\n"
        "m.unpack(FaceStore(Path('store')), Path('out'), frames=7, size=32)"
    )
    for pictures in (1, 8, 5):
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(pictures):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "out" / "pictures.csv").exists()
        for name, data in files(tmp_path / "out").items():
            assert ".tmp/" in name or wanted[name] == data
    unpack(store, tmp_path / "out", frames=7, size=32)
    assert files(tmp_path / "out") == wanted


def test_damaged_crops_are_named(tmp_path: Path, store: FaceStore) -> None:
    tar = (store.path / part_path("FF/real/c23/000")).with_suffix(".tar")
    tar.write_bytes(tar.read_bytes()[:2000])
    summary = unpack(store, tmp_path / "out", frames=7, size=32)
    assert [key for key, _ in summary.reasons] == ["FF/real/c23/000"]
    assert "cut short or damaged" in summary.reasons[0][1]
    assert summary.written == 2
    assert not (tmp_path / "out" / "train" / "real" / "real_c23_000").exists()
    with pytest.raises(StoreError, match="cut short or damaged"):
        unpack(store, tmp_path / "a.npz", frames=7, size=32, npz=True)
    assert not list(tmp_path.glob("*a.npz*"))


def test_bad_requests(tmp_path: Path, store: FaceStore) -> None:
    for change, message in (({"frames": 0}, "at least 1"), ({"size": 4}, "between 8 and 4096")):
        with pytest.raises(ConfigError, match=message):
            unpack(store, tmp_path / "out", **({"frames": 3, "size": 32} | change))
    unpack(store, tmp_path / "out", frames=3, size=32)
    with pytest.raises(OutputError, match=r"begun with size=32 \(now 48\): use the same"):
        unpack(store, tmp_path / "out", frames=3, size=48)
    with pytest.raises(OutputError, match=r"begun with frames_per_second=None \(now 5\)"):
        unpack_frames(listed(list(TRACKS)), tmp_path / "out", rate=5)
    with pytest.raises(OutputError, match=r"is not empty and has no unpack\.json"):
        unpack(store, store.path, frames=3, size=32)
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="rate must be above 0"):
            unpack_frames(listed(list(TRACKS)), tmp_path / "frames", rate=rate)


def test_stores_that_hold_nothing_to_unpack(tmp_path: Path) -> None:
    claim(tmp_path / "store", ExtractConfig())
    write_shard(tmp_path / "store", "a.mp4", Outcome(NO_FACE, "no face was found"))
    compact(tmp_path / "store", pd.DataFrame({"video_key": ["a.mp4"], "path": ["a.mp4"]}))
    with pytest.raises(DataError, match=r"lacks the column 'dataset' .*: extract from a manifest"):
        unpack(FaceStore(tmp_path / "store"), tmp_path / "out", frames=3, size=32)
    rows = listed(["FF/real/c23/000"]).assign(video_key="a.mp4")
    compact(tmp_path / "store", rows)
    with pytest.raises(DataError, match="holds no face"):
        unpack(FaceStore(tmp_path / "store"), tmp_path / "out", frames=3, size=32)


@pytest.mark.parametrize(("rate", "step"), [(5, 5), (1, 25), (10, 2.5), (100, 1)])
def test_whole_frames_at_a_rate(tmp_path: Path, rate: float, step: float) -> None:
    images = [np.full((40, 56, 3), 3 * number, np.uint8) for number in range(60)]
    write_video(tmp_path / "000.mp4", images, crf=0, rgb=True)
    PIL.Image.fromarray(images[40]).save(tmp_path / "still.png")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    manifest = listed(["FF/real/c23/000", "FF/real/c23/still", "FF/real/c23/broken"])
    manifest["path"] = [str(tmp_path / n) for n in ("000.mp4", "still.png", "broken.mp4")]
    summary = unpack_frames(manifest, tmp_path / "out", rate=rate)
    wanted = [int(np.ceil(number * step)) for number in range(100) if number * step <= 59]
    names = [f"{TENTH['real']}/{number:08d}.jpg" for number in wanted]
    still = "train/real/real_c23_still/00000000.jpg"
    assert [name for name in files(tmp_path / "out") if name.endswith("jpg")] == [*names, still]
    for name, number in zip([*names, still], [*wanted, 40], strict=True):
        picture = np.asarray(PIL.Image.open(tmp_path / "out" / name))
        assert np.abs(picture.astype(int) - images[number]).max() <= 1
    assert (summary.videos, summary.written, summary.pictures) == (3, 2, len(names) + 1)
    assert [key for key, _ in summary.reasons] == ["FF/real/c23/broken"]


def test_whole_frames_resume_and_are_the_same_from_any_number_of_workers(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    keys = [f"FF/real/c23/{number:03d}" for number in range(4)]
    for number in range(4):
        images = rng.integers(0, 255, (20, 40, 56, 3), np.uint8)
        write_video(tmp_path / f"{number:03d}.mp4", images, crf=23)
    manifest = listed(keys)
    manifest["path"] = [str(tmp_path / f"{name}.mp4") for name in manifest["path"]]
    one = unpack_frames(manifest.iloc[:2], tmp_path / "one", rate=5)
    half = tmp_path / "one" / "train" / "real" / ".real_c23_002.99.tmp"
    half.mkdir()
    (half / "00000000.jpg").write_bytes(b"half")
    kept = one.path.parent / "train" / "real" / "real_c23_000" / "00000000.jpg"
    before = kept.stat().st_mtime_ns
    assert unpack_frames(manifest, tmp_path / "one", rate=5).pictures == 16
    assert kept.stat().st_mtime_ns == before
    unpack_frames(manifest, tmp_path / "two", rate=5, jobs=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_names_are_distinct_and_stay_inside() -> None:
    keys = [
        "A/real/c23/000",
        "B/real/c23/000",
        "B/real/c23/001",
        "A/Fake/c23/../../x",
        "A/a b/c23/7",
    ]
    videos = listed(keys).assign(split=["train", "train", "../..", "..", ""])
    found = {key: place.as_posix() for key, place in places(videos, what="It").items()}
    assert found["B/real/c23/001"] == "_/real/real_c23_001"
    assert found["A/Fake/c23/../../x"] == "all/fake/Fake_c23_.._.._x"
    assert found["A/a b/c23/7"] == "all/fake/a_b_c23_7"
    twins = [found[key] for key in keys[:2]]
    assert len(set(twins)) == 2
    assert all(twin.startswith("train/real/real_c23_000-") for twin in twins)
    for key, message in (("label", "no label for 'A/real/c23/000'"), ("split", "lacks the column")):
        with pytest.raises(DataError, match=message):
            places(
                videos.assign(label=np.nan) if key == "label" else videos.drop(columns=key),
                what="It",
            )
