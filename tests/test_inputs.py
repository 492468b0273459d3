"""cut() is geometrically right, normalise() is the plain formula, prepare() keeps its promise."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from deeptell.errors import StoreError
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.inputs import InputSpec, cut, normalise, prepare, windows
from deeptell.records import Face, Frame, StoredCrop

Points = NDArray[np.float64]


def face_at(centre: tuple[float, float], *, size: float, roll: float = 0.0) -> Face:
    """A face with a box of `size` by 0.8 `size`, whose eyes are turned by `roll` degrees."""
    x, y = centre
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    places = np.array([(-0.2, -0.15), (0.2, -0.15), (0, 0.05), (-0.15, 0.25), (0.15, 0.25)]) * size
    turned = places @ np.array([[c, s], [-s, c]]) + centre
    box = (x - 0.4 * size, y - 0.5 * size, x + 0.4 * size, y + 0.5 * size)
    return Face(box, tuple(map(tuple, turned.tolist())), 0.99)


def dotted(points: Points, *, height: int = 600, width: int = 800, radius: float) -> Frame:
    """White discs on black, drawn with 8 x 8 samples per pixel: exact to a small part of one."""
    image = np.zeros((height, width), np.float32)
    fine = (np.arange(8) + 0.5) / 8
    for x, y in points:
        left, top = int(x - radius) - 1, int(y - radius) - 1
        side = int(2 * radius) + 4
        xs = left + (np.arange(side)[:, None] + fine).ravel()
        ys = top + (np.arange(side)[:, None] + fine).ravel()
        disc = ((xs - x) ** 2 + ((ys - y) ** 2)[:, None] <= radius**2).astype(np.float32)
        shares = disc.reshape(side, 8, side, 8).mean(axis=(1, 3))
        rows, columns = np.arange(top, top + side), np.arange(left, left + side)
        inside_y, inside_x = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
        image[np.ix_(rows[inside_y], columns[inside_x])] += shares[np.ix_(inside_y, inside_x)]
    grey = np.clip(image * 255, 0, 255).round().astype(np.uint8)
    return Frame(np.repeat(grey[..., None], 3, axis=2), 0, 0.0)


def seen(image: NDArray[np.uint8], expected: Points, *, reach: float) -> Points:
    """Centres of brightness near the expected points; (0, 0) is the corner of the first pixel."""
    found = []
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    for x, y in expected:
        weight = image[..., 0] * (np.hypot(xs - x, ys - y) <= reach)
        found.append(((weight * xs).sum() / weight.sum(), (weight * ys).sum() / weight.sum()))
    return np.array(found)


CASES = {
    "shrunk": (face_at((400.3, 300.7), size=180), 1.3, 64),
    "shrunk by the store as well": (face_at((400.3, 300.7), size=260), 1.3, 112),
    "native size": (face_at((402.5, 299.25), size=100), 1.28, 128),
    "enlarged": (face_at((380.2, 310.4), size=64), 1.5, 224),
    "tight": (face_at((400, 300), size=150), 0.8, 96),
    "the whole crop": (face_at((400, 300), size=100), 2.0, 160),
    "at the left border": (face_at((60.4, 300), size=120), 1.6, 128),
    "in the lower right corner": (face_at((760, 560), size=130), 1.4, 96),
}


@pytest.mark.parametrize("case", CASES)
def test_points_land_where_they_must(case: str) -> None:
    face, margin, size = CASES[case]
    spec = InputSpec(size=size, margin=margin)
    to_input = size / (margin * face.size)
    centre = np.array([sum(face.box_xyxy[::2]), sum(face.box_xyxy[1::2])]) / 2
    reach = 0.36 * margin * face.size
    around = np.array([(0, 0), (-reach, -reach), (reach, reach), (-reach, reach), (0, -reach)])
    radius = max(2.0, 3.5 / to_input)
    points = centre + around
    points = points[((points > radius) & (points < np.array([800, 600]) - radius)).all(axis=1)]
    assert len(points) >= 3
    crop = store_crop(cut_crop(dotted(points, radius=radius), face, track=0))
    image = cut(crop, spec)
    assert image.shape == (size, size, 3)
    expected = (points - centre) * to_input + size / 2
    found = seen(image, expected, reach=radius * to_input + 3)
    assert np.abs(found - expected).max() < 0.5


@pytest.mark.parametrize("roll", [-40, -10, 0, 25])
@pytest.mark.parametrize("size", [80, 240])
def test_alignment_levels_the_eyes_and_keeps_the_scale(roll: float, size: int) -> None:
    face = face_at((400.5, 300.25), size=size, roll=roll)
    eyes = np.array(face.landmarks[:2])
    crop = store_crop(cut_crop(dotted(eyes, radius=0.04 * size), face, track=0))
    spec = InputSpec(size=112, margin=1.4, alignment="eyes")
    to_input = 112 / (1.4 * size)
    expected = np.array([(-0.2, -0.15), (0.2, -0.15)]) * size * to_input + 56
    found = seen(cut(crop, spec), expected, reach=0.06 * size * to_input + 3)
    assert np.abs(found - expected).max() < 0.5


@pytest.mark.parametrize("size", [112, 56])
@pytest.mark.parametrize("roll", [-40.0, 0.0, 25.0])
def test_landmarks_land_on_the_template_as_another_solver_lays_them(roll: float, size: int) -> None:
    """OpenCV's least squares finds the similarity too; its pixels are counted from centres."""
    face = face_at((400.3, 300.7), size=150, roll=roll)
    eyes, nose = [(38.2946, 51.6963), (73.5318, 51.5014)], (56.0252, 71.7366)
    template = np.array([*eyes, nose, (41.5493, 92.3655), (70.7299, 92.2041)])
    points = np.array(face.landmarks)
    wanted = (template + 0.5) * size / 112
    # All inliers, so that its robust search ends in a plain fit.
    found, _ = cv2.estimateAffinePartial2D(points, wanted, ransacReprojThreshold=1e3)
    expected = points @ found[:, :2].T + found[:, 2]
    crop = store_crop(cut_crop(dotted(points, radius=5), face, 0))
    square = cut(crop, InputSpec(size=size, alignment="template"))
    assert np.abs(seen(square, expected, reach=6) - expected).max() < 0.25


def test_beyond_the_crop_its_border_is_repeated() -> None:
    frame = Frame(np.full((300, 300, 3), (10, 120, 240), np.uint8), 0, 0.0)
    crop = store_crop(cut_crop(frame, face_at((10, 290), size=100), track=0))
    for alignment in ("none", "eyes"):
        image = cut(crop, InputSpec(size=64, margin=2.0, alignment=alignment))  # type: ignore[arg-type]
        assert np.abs(image.astype(int) - (10, 120, 240)).max() <= 2


def test_shrinking_adds_no_aliasing() -> None:
    checks = np.indices((300, 300)).sum(axis=0) % 2 * 255
    frame = Frame(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), 0, 0.0)
    crop = store_crop(cut_crop(frame, face_at((150, 150), size=140), track=0))
    image = cut(crop, InputSpec(size=40))
    assert np.abs(image.astype(int) - 127.5).max() < 24


@pytest.mark.parametrize("size", [24, 40, 60, 80, 100, 130, 170, 224])
def test_shrinking_is_as_sharp_as_pillows_antialiasing(size: int) -> None:
    """Decoding at reduced size and blurring come to what Pillow does with the whole picture."""
    rng = np.random.default_rng(0)
    grid = np.indices((400, 400))
    waves = [np.sin(0.9**k * np.tensordot(rng.normal(size=2), grid, 1)) for k in range(12)]
    grey = np.clip(128 + 30 * sum(waves), 0, 255).astype(np.uint8)
    frame = Frame(np.repeat(grey[..., None], 3, axis=2), 0, 0.0)
    crop = store_crop(cut_crop(frame, face_at((200.3, 200.1), size=140), track=0))
    x1, y1, x2, y2 = crop.face_in_crop.box_xyxy
    (x, y), half = ((x1 + x2) / 2, (y1 + y2) / 2), 1.3 * 140 / 2
    whole = PIL.Image.fromarray(crop.image)
    box = (x - half, y - half, x + half, y + half)
    wanted = np.asarray(whole.resize((size, size), PIL.Image.Resampling.BILINEAR, box), float)
    found = cut(crop, InputSpec(size=size)).astype(float)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.97
    assert abs(found.mean() - wanted.mean()) < 1
    assert np.abs(np.diff(found, axis=0)).mean() > 0.95 * np.abs(np.diff(wanted, axis=0)).mean()


def test_a_damaged_crop_is_named() -> None:
    crop = replace(crops(1)[0], jpeg=b"\xff\xd8 no picture \xff\xd9")
    with pytest.raises(StoreError, match=r"track 0 in frame 0 is damaged.*deeptell verify"):
        cut(crop, InputSpec(size=32))


class TestWindows:
    """`windows` beside the plain loop over one track."""

    @staticmethod
    def naive(frames: list[int], spec: InputSpec) -> list[tuple[int, int]]:
        if not spec.consecutive:
            parts = np.array_split(np.arange(len(frames)), -(-len(frames) // spec.frames))
            return [(int(part[0]), int(part[-1]) + 1) for part in parts]
        found, start = [], 0
        while start + spec.frames <= len(frames):
            if frames[start + spec.frames - 1] - frames[start] == spec.frames - 1:
                found.append((start, start + spec.frames))
                start += spec.frames
            else:
                start += 1
        return found

    @pytest.mark.parametrize("consecutive", [True, False])
    @pytest.mark.parametrize("frames", [2, 3, 5, 16])
    def test_many_tracks_at_once(self, frames: int, consecutive: bool) -> None:
        rng = np.random.default_rng(frames)
        spec = InputSpec(size=16, frames=frames, consecutive=consecutive)
        tracks = [np.flatnonzero(rng.random(40) < rng.uniform(0.3, 1)) for _ in range(60)]
        tracks = [track for track in tracks if len(track)]
        starts = np.cumsum([0, *(len(track) for track in tracks[:-1])])
        expected = [
            (start + a, start + b)
            for start, track in zip(starts, tracks, strict=True)
            for a, b in self.naive(track.tolist(), spec)
        ]
        found = windows(np.concatenate(tracks), spec, tracks=starts)
        assert found.tolist() == [list(map(int, span)) for span in expected]

    def test_nothing_gives_nothing(self) -> None:
        none = np.empty(0, np.int64)
        for consecutive in (True, False):
            spec = InputSpec(size=16, frames=4, consecutive=consecutive)
            assert windows(none, spec, tracks=none).shape == (0, 2)


def crops(count: int) -> list[StoredCrop]:
    rng = np.random.default_rng(0)
    frame = Frame(rng.integers(0, 255, (200, 200, 3), np.uint8), 0, 0.0)
    faces = [face_at((80 + 3 * i, 90), size=60) for i in range(count)]
    return [store_crop(cut_crop(frame, face, track=0)) for face in faces]


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_normalise_is_the_plain_formula(order: str) -> None:
    spec = InputSpec(
        size=32,
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.25, 0.3),
        channel_order=order,  # type: ignore[arg-type]
    )
    images = [cut(crop, spec) for crop in crops(2)]
    out = normalise(images, spec)
    assert out.shape == (2, 3, 32, 32)
    assert out.dtype == np.float32
    for n, y, x, channel in [(0, 0, 0, 0), (1, 31, 7, 1), (1, 3, 30, 2), (0, 16, 16, 2)]:
        source = channel if order == "RGB" else 2 - channel
        naive = (images[n][y, x, source] / 255 - spec.mean[channel]) / spec.std[channel]
        assert out[n, channel, y, x] == pytest.approx(naive, abs=1e-5)


def test_prepare_gives_faces_or_clips_in_order() -> None:
    faces = prepare(crops(6), InputSpec(size=32))
    assert faces.shape == (6, 3, 32, 32)
    clips = prepare(crops(6), InputSpec(size=32, frames=3))
    assert clips.shape == (2, 3, 3, 32, 32)
    for sample in range(2):
        for frame in range(3):
            np.testing.assert_array_equal(clips[sample, :, frame], faces[3 * sample + frame])
    assert all((a != b).any() for a, b in pairwise(faces))
    with pytest.raises(ValueError, match="cannot be shared into samples of 4"):
        prepare(crops(6), InputSpec(size=32, frames=4))


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 4},
        {"size": 64, "frames": 0},
        {"size": 64, "margin": 2.5},
        {"size": 64, "std": (0.5, 0.0, 0.5)},
    ],
)
def test_an_impossible_spec_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        InputSpec(**wrong)  # type: ignore[arg-type]
