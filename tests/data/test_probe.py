"""Files of all kinds are looked at; copies look alike, however they are encoded."""

import hashlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from deeptell.data.looks import COPY, SCENE, look_of, packed
from deeptell.data.probe import PROBED, probe
from deeptell.errors import ConfigError
from deeptell.media.encode import write_video


def scene(seed: int, *, size: tuple[int, int] = (180, 240)) -> Iterator[np.ndarray]:
    """Twenty frames of a view over rectangles of all greys and sizes, drifting."""
    rng = np.random.default_rng(seed)
    ground = np.full((260, 320, 3), 90, np.uint8)
    for x, y, w, h, value in rng.integers(0, (320, 260, 90, 90, 256), (60, 5)).tolist():
        cv2.rectangle(ground, (x, y), (x + w, y + h), (value, value, 255 - value), -1)
    for step in range(20):
        part = np.ascontiguousarray(ground[step : step + 180, 2 * step : 2 * step + 240])
        yield cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("probe")
    for seed in (0, 1):
        write_video(root / f"{seed}_c23.mp4", scene(seed), crf=23)
        write_video(root / f"{seed}_c40.mp4", scene(seed), crf=40)
        write_video(root / f"{seed}_small.mp4", scene(seed, size=(90, 120)), crf=40)
        (root / f"{seed}_faces").mkdir()
        for place, image in enumerate(scene(seed)):
            cv2.imwrite(str(root / f"{seed}_faces" / f"{place}.png"), image[..., ::-1])
    (root / "again.mp4").write_bytes((root / "0_c23.mp4").read_bytes())
    write_video(root / "black.mp4", [np.zeros((32, 32, 3), np.uint8)] * 5, crf=23)
    (root / "empty.mp4").touch()
    (root / "text.mp4").write_text("no video")
    with av.open(str(root / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return root


def looked_at(root: Path, *names: str, jobs: int = 1) -> pd.DataFrame:
    manifest = pd.DataFrame({"video_key": names, "path": names})
    return probe(manifest, root=root, jobs=jobs).set_index("video_key")


def distances(looks: "pd.Series[str]") -> dict[tuple[str, str], float]:
    bits = np.unpackbits(packed(list(looks)), axis=1)
    return {
        (looks.index[i], looks.index[j]): float((bits[i] != bits[j]).mean())
        for i, j in combinations(range(len(looks)), 2)
    }


def test_copies_look_alike_and_others_do_not(root: Path) -> None:
    names = [f"{s}_{kind}" for s in (0, 1) for kind in ("c23.mp4", "c40.mp4", "small.mp4", "faces")]
    table = looked_at(root, *names, f"{0}_faces/8.png")
    assert (table["unreadable"] == "").all()
    for (one, other), distance in distances(table["phash"].loc[names]).items():
        assert distance <= COPY if one[0] == other[0] else distance > SCENE
    # A picture stands for all three frames.
    assert table["phash"].iloc[-1].count(",") == 0


def test_bytes_and_hashes(root: Path) -> None:
    names = ["0_c23.mp4", "again.mp4", "1_c23.mp4", "0_faces"]
    seen: list[tuple[int, int]] = []
    manifest = pd.DataFrame({"video_key": names, "path": names}, index=[5, 3, 9, 5])
    table = probe(manifest, root=root, jobs=1, progress=lambda *done: seen.append(done))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(table.columns) == [*manifest.columns, *PROBED]
    content = (root / "0_c23.mp4").read_bytes()
    # Only the two that are equally large need be read whole.
    digest = hashlib.sha256(content).hexdigest()
    assert table["sha256"].tolist() == [digest, digest, "", ""]
    pictures = sum(file.stat().st_size for file in (root / "0_faces").iterdir())
    assert table["bytes"].tolist()[0::3] == [len(content), pictures]


def test_what_cannot_be_read_is_said_in_words(root: Path) -> None:
    names = ["empty.mp4", "text.mp4", "none.mp4", "sound.mp4", "again.mp4", "black.mp4"]
    table = looked_at(root, *names)
    for name, words in zip(names, ["is empty", "cannot be read", "no file", "sound"], strict=False):
        assert words in table.loc[name, "unreadable"]
        assert table.loc[name, "phash"] == ""
    # Black is readable, but looks like nothing: two black films are not copies for that.
    assert table.loc["black.mp4", ["unreadable", "phash"]].tolist() == ["", ""]
    pd.testing.assert_frame_equal(looked_at(root, *names, jobs=2), table)
    with pytest.raises(ConfigError, match="jobs must be at least 1"):
        looked_at(root, *names, jobs=0)


def test_a_look_is_a_dct_hash() -> None:
    """Against the definition of the transform, written out."""
    image = next(scene(3, size=(64, 64)))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
    places, waves = np.arange(64), np.arange(16)
    basis = np.cos(np.pi / 64 * (places + 0.5) * waves[:, None])
    basis[0] /= np.sqrt(2)
    lowest = (basis @ grey @ basis.T).ravel()
    expected = np.packbits(lowest > np.median(lowest)).tobytes().hex()
    assert look_of([image]) == expected
    assert look_of([image, np.zeros_like(image)]) == f"{expected},"


def test_real_clips(shared_clips: Path) -> None:
    """Swapped faces look as their real clip does; other clips look otherwise."""
    names = sorted(path.name for path in (shared_clips / "pairs" / "real").glob("*.mp4"))[::3]
    paths = [f"pairs/{kind}/{name}" for name in names for kind in ("real", "fake")]
    table = looked_at(shared_clips, *paths)
    for (one, other), distance in distances(table["phash"]).items():
        same = Path(one).name == Path(other).name
        assert distance < 0.1 if same else distance > 2 * SCENE
