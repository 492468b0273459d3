"""From files to stored faces: whom, when, how often, and what happens when it goes wrong."""

import math
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from deeptell.config import ExtractConfig
from deeptell.errors import ConfigError, DataError, OutputError, StoreError
from deeptell.faces import extract as extract_module
from deeptell.faces.crop import cut_crop, encode_crop
from deeptell.faces.detect import Detector, create_detector, nearest
from deeptell.faces.extract import extract, read_faces
from deeptell.faces.read import spread
from deeptell.faces.shard import part_path
from deeptell.faces.store import FaceStore
from deeptell.faces.track import face_at
from deeptell.forge.clip import draw_frame, film, make_clip
from deeptell.forge.motion import move
from deeptell.media.decode import open_video
from deeptell.media.encode import write_video
from deeptell.records import Face, Image

CONFIG = ExtractConfig(frames=8)


class Discs:
    """Finds coloured discs, so that tests know where the "faces" are; counts what it is shown.

    Red tells the score, in hundredths; the box is the disc's.
    """

    def __init__(self) -> None:
        self.searched = self.followed = 0

    def detect(self, images: Sequence[Image], *, min_face: float) -> list[list[Face]]:
        self.searched += len(images)
        return [self._detect(image) for image in images]

    def follow(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        self.followed += 1
        found = self._detect(image)
        near = [nearest(found, face) for face in faces]
        reach = [
            one is not None and math.dist(centre(one), centre(face)) < face.size / 3
            for one, face in zip(near, faces, strict=True)
        ]
        return [one if near_enough else None for one, near_enough in zip(near, reach, strict=True)]

    def _detect(self, image: Image) -> list[Face]:
        bright = (image[..., 1] > 128).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
        faces = []
        for number in range(1, count):
            x, y, width, height = (float(v) for v in stats[number, :4])
            marks = tuple(
                (x + dx * width, y + dy * height)
                for dx, dy in [(0.3, 0.4), (0.7, 0.4), (0.5, 0.55), (0.35, 0.8), (0.65, 0.8)]
            )
            score = float(np.median(image[labels == number][:, 0])) / 100
            faces.append(Face((x, y, x + width, y + height), marks, min(score, 1.0)))
        return faces


def draw(*discs: tuple[float, float, float], score: float = 1.0, ground: int = 30) -> Image:
    """Discs (x, y, diameter) on a plain ground."""
    image = np.full((180, 320, 3), (ground, 20, ground), np.uint8)
    for x, y, diameter in discs:
        cv2.circle(
            image, (round(x), round(y)), round(diameter / 2), (round(100 * score), 220, 0), -1
        )
    return image


def film_discs(path: Path, images: list[Image]) -> Path:
    write_video(path, images, frame_rate=25, crf=8)
    return path


def read(path: Path, config: ExtractConfig = CONFIG) -> tuple[extract_module.VideoFaces, Discs]:
    detector = Discs()
    return read_faces(path, detector=detector, config=config), detector


def centre(face: Face) -> tuple[float, float]:
    x1, y1, x2, y2 = face.box_xyxy
    return (x1 + x2) / 2, (y1 + y2) / 2


def test_two_moving_people_give_two_tracks_with_crops_where_they_are(tmp_path: Path) -> None:
    def places(i: int) -> list[tuple[float, float]]:
        return [(60 + 1.5 * i, 90), (240 - 1.5 * i, 100)]

    images = [draw(*((x, y, 40) for x, y in places(i))) for i in range(40)]
    faces, detector = read(film_discs(tmp_path / "two.mp4", images))
    assert len(faces.tracks) == 2
    assert faces.reason == ""
    assert faces.info.decoded_frames == 40
    assert detector.searched == 3  # the first, after a second, and the last frame
    assert detector.followed == 21  # every 0.08 s
    assert [crop.track for crop in faces.crops] == [0] * 8 + [1] * 8
    for crop in faces.crops:
        wanted = places(crop.frame_index)[crop.track]
        assert math.dist(centre(crop.face), wanted) < 2.5
        assert crop.image[tuple(int(v) for v in centre(crop.face_in_crop)[::-1])][1] > 128
    assert {crop.frame_index for crop in faces.crops} == {2, 7, 12, 17, 22, 27, 32, 37}


def test_returned_crops_have_been_through_the_stores_encoding(tmp_path: Path) -> None:
    path = film_discs(tmp_path / "one.mp4", [draw((100 + i, 90, 50)) for i in range(20)])
    faces, _ = read(path)
    with open_video(path) as video:
        frames = list(video)
    for crop in faces.crops:
        fresh = cut_crop(frames[crop.frame_index], crop.face, crop.track)
        assert encode_crop(fresh.image) == crop.jpeg
        assert crop.origin_xy == fresh.origin_xy


def test_a_cut_splits_the_track_and_both_its_sides_are_searched(tmp_path: Path) -> None:
    images = [draw((100, 90, 40), ground=30 if i < 13 else 90) for i in range(30)]
    faces, _ = read(film_discs(tmp_path / "cut.mp4", images))
    spans = [(t.faces[0].frame_index, t.faces[-1].frame_index) for t in faces.tracks]
    assert spans == [(0, 12), (13, 29)]
    assert [track.shot for track in faces.tracks] == [0, 1]


def test_a_face_missed_for_a_moment_is_interpolated(tmp_path: Path) -> None:
    images = [draw(*([] if 9 <= i <= 11 else [(60 + 2 * i, 90, 40)])) for i in range(30)]
    faces, _ = read(film_discs(tmp_path / "gap.mp4", images), ExtractConfig(frames=30))
    (track,) = faces.tracks
    assert [tracked.frame_index for tracked in track.faces] == list(range(30))
    assert not track.faces[10].detected
    assert abs(centre(track.faces[10].face)[0] - 80) < 2
    assert len(faces.crops) == 30
    assert face_at(track.faces, 10, 0.4) is track.faces[10]


def test_a_face_that_comes_between_two_searches_is_followed_back(tmp_path: Path) -> None:
    images = [draw(*([(100, 90, 40)] if i >= 13 else [])) for i in range(50)]
    faces, detector = read(film_discs(tmp_path / "late.mp4", images))
    (track,) = faces.tracks
    assert track.faces[0].frame_index in (13, 14), "the look before saw nothing"
    assert detector.searched == 3


def test_a_fast_face_is_searched_for_where_it_was_lost(tmp_path: Path) -> None:
    images = [draw((20 + 10 * i, 90, 40)) for i in range(28)]  # half its size between two looks
    faces, detector = read(film_discs(tmp_path / "fast.mp4", images))
    (track,) = faces.tracks
    assert (track.faces[0].frame_index, track.faces[-1].frame_index) == (0, 27)
    assert detector.searched > 3, "the follower alone loses it"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (draw((100, 90, 18)), "smaller than 24 px (the largest 19 px)"),
        (draw((100, 90, 40), score=0.8), "too uncertain (score 0.80"),
        (draw(), "no face was found"),
    ],
)
def test_why_there_is_no_face(tmp_path: Path, image: Image, words: str) -> None:
    path = tmp_path / "still.png"
    PIL.Image.fromarray(image).save(path)
    faces, _ = read(path)
    assert faces.tracks == faces.crops == ()
    assert words in faces.reason


def test_a_ghost_is_dropped_and_said(tmp_path: Path) -> None:
    images = [draw(*([(100, 90, 40)] if i == 25 else [])) for i in range(50)]
    faces, _ = read(film_discs(tmp_path / "ghost.mp4", images))
    assert faces.tracks == ()
    assert faces.dropped.in_passing == 1
    assert "only in passing" in faces.reason


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_videos_and_pictures(tmp_path: Path, frames: int) -> None:
    path = film_discs(tmp_path / "short.mp4", [draw((100, 90, 40))] * frames)
    PIL.Image.fromarray(draw((100, 90, 40))).save(tmp_path / "still.png")
    assert len(read(path)[0].crops) == frames
    assert len(read(tmp_path / "still.png")[0].crops) == 1


def test_frames_are_spread_over_time() -> None:
    even = np.arange(100) / 25
    np.testing.assert_allclose(spread(even, 4) * 25, [12, 37, 62, 87])
    np.testing.assert_array_equal(spread(even, 200), even)
    # Variable rate: a burst of frames does not draw more than its share of time.
    burst = np.concatenate([np.linspace(0, 1, 100, endpoint=False), np.linspace(1, 9, 17)])
    chosen = spread(burst, 8)
    assert ((chosen < 1).sum(), len(chosen)) == (1, 8)
    assert set(chosen) <= set(burst)


def test_memory_does_not_grow_with_the_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film_discs(tmp_path / "long.mp4", [draw((100, 90, 40))] * 200)
    alive, most = 0, 0

    class Counted:
        def __init__(self) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    from deeptell.media import video

    real = video._VideoFrame

    class Watched(real):  # type: ignore[misc,valid-type]
        __slots__ = ("token",)

        def __init__(self, *values: object) -> None:
            super().__init__(*values)
            object.__setattr__(self, "token", Counted())

    monkeypatch.setattr(video, "_VideoFrame", Watched)
    read(path, ExtractConfig(frames=200))
    assert 0 < most < 40  # a second and some


# Generated people, the real detector, many videos.


@pytest.fixture(scope="module")
def mtcnn() -> Detector:
    return create_detector("mtcnn")


def people(seeds: Sequence[int], frames: int = 12) -> list[Image]:
    if len(seeds) == 1:
        clip = make_clip(seeds[0], frames)
    else:
        rng = np.random.default_rng(0)
        cast = [
            (seed, move(rng, frames, centre=(85 + 150 * i, 120), scale=45.0))
            for i, seed in enumerate(seeds)
        ]
        clip = film(cast, rng, frames=frames)
    return [draw_frame(clip, i) for i in range(frames)]


def test_generated_people_are_found_in_nearly_every_frame(tmp_path: Path, mtcnn: Detector) -> None:
    write_video(tmp_path / "p.mp4", people([11]), crf=23)
    write_video(tmp_path / "q.mp4", people([12, 13]), crf=23)
    one = read_faces(tmp_path / "p.mp4", detector=mtcnn, config=CONFIG)
    two = read_faces(tmp_path / "q.mp4", detector=mtcnn, config=CONFIG)
    assert [len(one.tracks), len(two.tracks)] == [1, 2]
    assert [len(one.crops), len(two.crops)] == [8, 16]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Three people, a video of nobody, a broken one, and one that is missing."""
    folder = tmp_path_factory.mktemp("videos")
    for seed in (1, 2, 3):
        write_video(folder / f"{seed}.mp4", people([seed], 6), crf=23)
    write_video(folder / "nobody.mp4", [draw()] * 6, crf=23)
    (folder / "broken.mp4").write_text("no video")
    names = ["3.mp4", "1.mp4", "nobody.mp4", "broken.mp4", "2.mp4", "gone.mp4"]
    return pd.DataFrame(
        {
            "video_key": [f"set/c23/{name}" for name in names],
            "path": [str(folder / names[0]), *names[1:]],
            "label": [0, 1, 0, 1, 0, 1],
            "split": "test",
        }
    ).assign(root=str(folder))


def tree(store: Path) -> dict[str, bytes]:
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


def run(videos: pd.DataFrame, store: Path, **options: object) -> extract_module.ExtractSummary:
    root = Path(videos["root"].iloc[0])
    return extract(videos, store, config=CONFIG, root=root, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stored(videos: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("stores") / "store"
    run(videos, store)
    return store


def test_many_videos_become_a_store(videos: pd.DataFrame, stored: Path, mtcnn: Detector) -> None:
    store = FaceStore(stored)
    rows = store.videos.set_index("video_key")
    assert rows.index.tolist() == sorted(videos["video_key"])
    status = {key.split("/")[-1]: value for key, value in rows["status"].items()}
    assert status == {
        "1.mp4": "ok",
        "2.mp4": "ok",
        "3.mp4": "ok",
        "nobody.mp4": "no face",
        "broken.mp4": "failed",
        "gone.mp4": "failed",
    }
    assert rows.loc["set/c23/nobody.mp4", "reason"] == "no face was found"
    assert "cannot be read as a video" in rows.loc["set/c23/broken.mp4", "reason"]
    assert "There is no file" in rows.loc["set/c23/gone.mp4", "reason"]
    assert rows.loc["set/c23/1.mp4", ["label", "split", "codec", "decoded_frames"]].tolist() == [
        1,
        "test",
        "h264",
        6,
    ]
    # What the store holds is what a scan of the same file sees, to the last bit.
    scanned = read_faces(Path(videos["path"].iloc[0]), detector=mtcnn, config=CONFIG).crops
    mine = np.flatnonzero(store.index["video_key"] == "set/c23/3.mp4")
    for ours, theirs in zip(store.read(mine.tolist()), scanned, strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        assert ours.face == theirs.face
        assert (ours.origin_xy, ours.scale) == (theirs.origin_xy, theirs.scale)
        assert (ours.track, ours.frame_index) == (theirs.track, theirs.frame_index)
        assert ours.pts_seconds == theirs.pts_seconds


def test_the_summary_and_the_progress(videos: pd.DataFrame, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = run(videos, tmp_path / "s", progress=lambda *step: seen.append(step))
    assert (summary.videos, summary.with_faces, summary.without_face, summary.failed) == (
        6,
        3,
        1,
        2,
    )
    assert summary.crops == 18
    assert [key for key, _ in summary.reasons] == [
        "set/c23/broken.mp4",
        "set/c23/gone.mp4",
        "set/c23/nobody.mp4",
    ]
    assert seen == [(i, 6) for i in range(7)]


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_two_workers_write_the_same_bytes(
    videos: pd.DataFrame, stored: Path, tmp_path: Path, engine: str
) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    run(videos, tmp_path / "s", jobs=2, engine=engine)
    assert tree(tmp_path / "s") == tree(stored)


def test_a_video_that_takes_too_long_is_set_aside(
    videos: pd.DataFrame, stored: Path, tmp_path: Path
) -> None:
    few = videos.iloc[[0]]
    run(few, tmp_path / "whole")
    hurried = run(few, tmp_path / "s", seconds=0.001)
    assert dict(hurried.reasons) == {"set/c23/3.mp4": "it took longer than the limit of 0.001 s"}
    assert run(few, tmp_path / "s").failed == 0, "what failed is tried again"
    assert tree(tmp_path / "s") == tree(tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of its own, whose size can be changed."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def resize(size: str, *, how: str = "remount") -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"{how},size={size}", "tmpfs", str(disk)]
        subprocess.run(command, check=True, capture_output=True)
        return disk

    try:
        resize("200k", how="rw")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes root on Linux")
    yield resize
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up(
    videos: pd.DataFrame, stored: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("200k")
    with pytest.raises(OutputError, match=r"\.tar cannot be written: No space left on device"):
        run(videos, disk / "s")
    written = tree(disk / "s")
    assert written.items() <= tree(stored).items(), "nothing half-written"
    assert any(name.endswith(".tar") for name in written)
    small_disk("20m")
    run(videos, disk / "s")
    assert tree(disk / "s") == tree(stored)


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [Path.unlink, halve, flip])
def test_repair_makes_just_the_damaged_videos_again(
    videos: pd.DataFrame,
    stored: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path], None],
) -> None:
    shutil.copytree(stored, tmp_path / "s")
    one, other = (part_path(f"set/c23/{name}.mp4") for name in (1, 2))
    for damaged in (one.with_suffix(".tar"), other, Path("index.parquet"), Path("index.rows")):
        harm(tmp_path / "s" / damaged)
    (tmp_path / "s" / ".store.json.1.tmp.json").touch()
    opened: list[str] = []
    real = extract_module.read_faces
    monkeypatch.setattr(
        extract_module,
        "read_faces",
        lambda path, **rest: opened.append(path.name) or real(path, **rest),
    )
    summary = run(videos, tmp_path / "s", repair=True)
    assert sorted(opened) == ["1.mp4", "2.mp4", "broken.mp4", "gone.mp4"]
    mended = {damage.path for damage in summary.repaired}
    assert mended >= {one.with_suffix(".tar"), other}
    assert tree(tmp_path / "s") == tree(stored)
    assert run(videos, tmp_path / "s", repair=True).repaired == ()


@pytest.mark.parametrize("killed_after_writing", [False, True])
def test_interrupted_anywhere_it_ends_the_same(
    videos: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_after_writing: bool,
) -> None:
    few = videos.iloc[[0, 3]]
    run(few, tmp_path / "whole")
    real = Path.replace
    left = 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0 and not killed_after_writing:
            # As a killed process leaves it: the temporary file stays.
            self.with_name(f".{target.name}.1.tmp").write_bytes(b"half")
            raise KeyboardInterrupt
        done = real(self, target)
        if left < 0:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "replace", replace)
    for stop in range(20):
        store = tmp_path / f"killed{stop}"
        left = stop
        try:
            run(few, store)
        except KeyboardInterrupt:
            left = 1000
            run(few, store)
            assert tree(store) == tree(tmp_path / "whole")
        else:
            break
    assert stop == 7  # store.json, a tar and two parts, three tables


def test_finished_videos_are_not_read_again_and_failed_ones_are(
    videos: pd.DataFrame, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = extract_module.read_faces

    def spy(path: Path, *, detector: Detector, config: ExtractConfig) -> extract_module.VideoFaces:
        opened.append(path.name)
        return real(path, detector=detector, config=config)

    monkeypatch.setattr(extract_module, "read_faces", spy)
    before = tree(stored)
    run(videos, stored)
    assert sorted(opened) == ["broken.mp4", "gone.mp4"]
    assert tree(stored) == before


def test_a_store_grows_by_further_videos(
    videos: pd.DataFrame, stored: Path, tmp_path: Path
) -> None:
    run(videos.iloc[:2], tmp_path / "s")
    assert run(videos.iloc[2:], tmp_path / "s").videos == 4
    grown, whole = FaceStore(tmp_path / "s"), FaceStore(stored)
    pd.testing.assert_frame_equal(grown.index, whole.index)
    pd.testing.assert_frame_equal(grown.videos, whole.videos)
    assert grown.fingerprint != ""


def test_a_defect_of_ours_is_one_row_and_stops_nothing(
    videos: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, **_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(extract_module, "read_faces", fail)
    summary = run(videos, tmp_path / "s")
    assert summary.failed == 6
    assert "ZeroDivisionError: oh" in dict(summary.reasons)["set/c23/1.mp4"]


def test_another_configuration_is_refused(videos: pd.DataFrame, stored: Path) -> None:
    with pytest.raises(StoreError, match=r"frames=8 \(now 9\)"):
        extract(videos, stored, config=ExtractConfig(frames=9))


def test_a_folder_with_other_things_is_refused(videos: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(StoreError, match="is not a FaceStore"):
        run(videos, tmp_path)
    with pytest.raises(StoreError, match="is a file"):
        run(videos, tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_table_that_cannot_be_used_is_refused(videos: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks the column 'path'"):
        run(videos.drop(columns="path"), tmp_path / "s")
    with pytest.raises(DataError, match="stands twice"):
        run(pd.concat([videos, videos]), tmp_path / "s")
    with pytest.raises(ConfigError, match="jobs must be at least 1"):
        run(videos, tmp_path / "s", jobs=0)
    with pytest.raises(ConfigError, match="more than 0 seconds, got 0"):
        run(videos, tmp_path / "s", seconds=0)
    with pytest.raises(ConfigError, match="no engine named 'spark'"):
        run(videos, tmp_path / "s", engine="spark")
    assert not (tmp_path / "s").exists()


def test_names_of_parts_are_safe_and_unique() -> None:
    keys = ["a/b:c?.mp4", "a/b c .mp4", "A/B:C?.mp4", "..\\..\\x", "x" * 500, "日本", "con"]
    parts = [part_path(key) for key in keys]
    assert len({str(part).lower() for part in parts}) == len(keys)
    for part in parts:
        assert part.parts[0] == "crops"
        assert len(part.parts) == 3
        assert part.name.isascii()
        assert len(part.name) < 80
