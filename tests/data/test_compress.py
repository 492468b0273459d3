"""compress: a manifest becomes one of another compression, whatever happens on the way."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from deeptell.data.compress import MARKER, compress
from deeptell.data.manifest import COLUMNS, read_manifest
from deeptell.errors import ConfigError, DataError, OutputError
from deeptell.media.decode import open_video
from deeptell.media.encode import write_video

FOLDERS = {
    "real": "original_sequences/youtube/c0/videos",
    "Deepfakes": "manipulated_sequences/Deepfakes/c0/videos",
}


def film(path: Path, *, seed: int, count: int = 8) -> Path:
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    images = rng.integers(0, 255, (count, 48, 64, 3), np.uint8)
    write_video(path, images, crf=0, rgb=True)
    return path


def row(method: str, path: Path, *, compression: str = "raw", dataset: str = "FF") -> list[object]:
    fake = int(method != "real")
    key = f"{dataset}/{method}/{compression}/{path.stem}"
    return [key, str(path), dataset, method, compression, fake, "train", "0", "", path.stem]


@pytest.fixture
def manifest(tmp_path: Path) -> pd.DataFrame:
    """Two reals and two fakes in the tree of FaceForensics++, and a column of another tool."""
    rows = [
        row(method, film(tmp_path / "source" / folder / f"{name}.mp4", seed=10 * fake + number))
        for fake, (method, folder) in enumerate(FOLDERS.items())
        for number, name in enumerate(("000", "003"))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(note=["a", "b", "c", "d"])


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_tree_the_keys_and_all_other_columns_are_kept(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    calls: list[tuple[int, int]] = []
    summary = compress(
        manifest, tmp_path / "out", profile="c40", progress=lambda *now: calls.append(now)
    )
    assert (summary.videos, summary.written, summary.reasons) == (4, 4, ())
    assert calls == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    again = read_manifest(summary.manifest)
    assert again["video_key"].tolist() == [
        *("FF/real/c40/000", "FF/real/c40/003"),
        *("FF/Deepfakes/c40/000", "FF/Deepfakes/c40/003"),
    ]
    assert set(again["compression"]) == {"c40"}
    same = [name for name in manifest if name not in ("video_key", "compression", "path")]
    pd.testing.assert_frame_equal(again[same], manifest[same])
    for before, after in zip(manifest["path"], again["path"], strict=True):
        wanted = Path(before.replace("/c0/", "/c40/"))
        assert Path(after) == tmp_path / "out" / wanted.relative_to(tmp_path / "source")
        with open_video(Path(after)) as video:
            assert len(list(video.raw_frames())) == 8
    # Moved together, the two still find each other, and the run can go on.
    (tmp_path / "there").mkdir()
    for name in ("source", "out"):
        (tmp_path / name).rename(tmp_path / "there" / name)
    assert all(
        Path(p).is_file() for p in read_manifest(tmp_path / "there/out/manifest.parquet")["path"]
    )
    moved = manifest.assign(path=manifest["path"].str.replace("source", "there/source"))
    compress(moved, tmp_path / "there" / "out", profile="c40")


def test_what_cannot_be_encoded_is_named_and_left_out(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    source = tmp_path / "source"
    PIL.Image.new("RGB", (8, 8)).save(source / "still.png")
    (source / "faces").mkdir()
    (source / "broken.avi").write_bytes(b"RIFF and nothing more")
    film(source / "long.mp4", seed=1).rename(source / ("é" * 125 + ".mp4"))
    names = {"still.png": "holds pictures", "faces": "holds pictures", "broken.avi": "as a video"}
    names |= {"absent.mp4": "No such file", "o" * 300: "name too long", "a\0b": "null"}
    bad = pd.DataFrame([row("real", source / name) for name in names], columns=list(COLUMNS))
    good = pd.DataFrame([row("real", source / ("é" * 125 + ".mp4"))], columns=list(COLUMNS))
    everything = pd.concat([manifest, bad, good])
    summary = compress(everything, tmp_path / "out", profile="c40", jobs=2)
    reasons = dict(summary.reasons)
    assert (summary.videos, summary.written, len(reasons)) == (11, 5, 6)
    for name, reason in names.items():
        assert reason in reasons[f"FF/real/raw/{Path(name).stem}"]
    assert len(read_manifest(summary.manifest)) == 5
    with pytest.raises(DataError, match=r"Not one video could be encoded; 'FF/real/raw/still'"):
        compress(bad.iloc[:1], tmp_path / "other", profile="c40")


def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    tmp_path: Path, manifest: pd.DataFrame
) -> None:
    manifest.to_parquet(tmp_path / "manifest.parquet")
    compress(manifest, tmp_path / "undisturbed", profile="c23")
    wanted = tree(tmp_path / "undisturbed")
    code = (
        "import sys, time; import pandas as pd; from pathlib import Path\n"
        "import deeptell.data.compress as m\n"
        "plain = m.transcode\n"
        "def slow(*a, **k): print('now', flush=True); plain(*a, **k); time.sleep(0.02)\n"
        "m.transcode = slow\n"
        "m.compress(pd.read_parquet('manifest.parquet'), Path('out'), profile='c23')"
    )
    for number in range(4):  # in the middle of the first, second, ... video that is left
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole = [name for name in tree(tmp_path / "out") if not Path(name).name.startswith(".")]
        assert all(tree(tmp_path / "out")[name] == wanted[name] for name in whole)
    # What a worker leaves that is killed while it writes.
    half = next((tmp_path / "out").rglob("videos")) / ".000.mp4.7.tmp.mp4"
    half.write_bytes(b"half")
    compress(manifest, tmp_path / "out", profile="c23", jobs=2)
    assert tree(tmp_path / "out") == wanted


def test_only_what_is_missing_is_done(tmp_path: Path, manifest: pd.DataFrame) -> None:
    out = tmp_path / "out"
    compress(manifest, out, profile="c40")
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    next(iter(times)).unlink()
    more = row("real", film(tmp_path / "source" / "new" / "7.avi.mp4", seed=5))
    summary = compress(
        pd.concat([manifest, pd.DataFrame([more], columns=list(COLUMNS))]), out, profile="c40"
    )
    assert summary.written == 5
    kept = list(times)[1:]
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)
    # A smaller manifest has another common folder, and still means the same files.
    compress(manifest.iloc[:2], out, profile="c40")
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


def test_paths_of_strangers_stay_inside(tmp_path: Path, manifest: pd.DataFrame) -> None:
    outside = film(tmp_path / "elsewhere" / "x.mp4", seed=3)
    crooked = tmp_path / "source" / "videos" / ".." / ".." / "elsewhere" / "x.mp4"
    (tmp_path / "source" / "linked.mp4").symlink_to(outside)
    rows = [row("real", crooked), row("real", tmp_path / "source" / "linked.mp4")]
    strange = pd.concat([manifest, pd.DataFrame(rows, columns=list(COLUMNS))])
    before = set(tmp_path.rglob("*"))
    summary = compress(strange, tmp_path / "out", profile="c40")
    assert summary.written == 6
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "out") for path in new)
    assert (tmp_path / "out" / "elsewhere" / "x.mp4").is_file()
    assert (tmp_path / "out" / "source" / "linked.mp4").is_file()


def test_two_videos_never_become_one(tmp_path: Path, manifest: pd.DataFrame) -> None:
    twice = row("real", Path(manifest["path"][0]), compression="c23")
    two = pd.concat([manifest, pd.DataFrame([twice], columns=list(COLUMNS))])
    with pytest.raises(DataError, match="would both become 'FF/real/c40/000': keep one compress"):
        compress(two, tmp_path / "out", profile="c40")
    folder = tmp_path / "source" / FOLDERS["real"]
    names = ("000.avi", "000.avi.MP4")
    rows = [row("real", film(folder / "x.mp4", seed=1).rename(folder / name)) for name in names]
    with pytest.raises(DataError, match=r"would both become '.*000\.avi\.MP4'"):
        compress(pd.DataFrame(rows, columns=list(COLUMNS)), tmp_path / "out", profile="c40")
    assert not (tmp_path / "out").exists()


def test_folders_that_are_not_its_own(tmp_path: Path, manifest: pd.DataFrame) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=r"no profile named 'c24'\. Did you mean"):
        compress(manifest, out, profile="c24")
    with pytest.raises(OutputError, match=r"is not empty and has no compress\.json"):
        compress(manifest, tmp_path / "source", profile="c40")
    compress(manifest, out, profile="c40")
    with pytest.raises(OutputError, match=r"was begun with profile=c40 \(now c23\), crf=40"):
        compress(manifest, out, profile="c23")
    other = pd.DataFrame(
        [row("real", film(tmp_path / "b" / "1.mp4", seed=1))], columns=list(COLUMNS)
    )
    with pytest.raises(OutputError, match="lies elsewhere: choose another folder"):
        compress(other, out, profile="c40")
    (out / MARKER).write_text("{")
    with pytest.raises(OutputError, match="is damaged"):
        compress(manifest, out, profile="c40")
    with pytest.raises(OutputError, match="is a file: give a folder"):
        compress(manifest, Path(manifest["path"][0]), profile="c40")
    with pytest.raises(ConfigError, match="jobs must be at least 1, got 0"):
        compress(manifest, tmp_path / "new", profile="c40", jobs=0)
