"""cut() is geometrically right, normalise() is the plain formula, prepare() keeps its promise."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from deeptell.faces.crop import cut_crop
from deeptell.inputs import InputSpec, cut, normalise, prepare
from deeptell.records import Crop, Face, Frame

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
    crop = cut_crop(dotted(points, radius=radius), face, track=0)
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
    crop = cut_crop(dotted(eyes, radius=0.04 * size), face, track=0)
    spec = InputSpec(size=112, margin=1.4, alignment="eyes")
    to_input = 112 / (1.4 * size)
    expected = np.array([(-0.2, -0.15), (0.2, -0.15)]) * size * to_input + 56
    found = seen(cut(crop, spec), expected, reach=0.06 * size * to_input + 3)
    assert np.abs(found - expected).max() < 0.5


def test_beyond_the_crop_its_border_is_repeated() -> None:
    frame = Frame(np.full((300, 300, 3), (10, 120, 240), np.uint8), 0, 0.0)
    crop = cut_crop(frame, face_at((10, 290), size=100), track=0)
    for alignment in ("none", "eyes"):
        image = cut(crop, InputSpec(size=64, margin=2.0, alignment=alignment))  # type: ignore[arg-type]
        assert (image == (10, 120, 240)).all()


def test_shrinking_adds_no_aliasing() -> None:
    checks = np.indices((300, 300)).sum(axis=0) % 2 * 255
    frame = Frame(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), 0, 0.0)
    image = cut(cut_crop(frame, face_at((150, 150), size=140), track=0), InputSpec(size=40))
    assert np.abs(image.astype(int) - 127.5).max() < 24


def crops(count: int) -> list[Crop]:
    rng = np.random.default_rng(0)
    frame = Frame(rng.integers(0, 255, (200, 200, 3), np.uint8), 0, 0.0)
    return [cut_crop(frame, face_at((80 + 3 * i, 90), size=60), track=0) for i in range(count)]


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_normalise_is_the_plain_formula(order: str) -> None:
    spec = InputSpec(
        size=32,
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.25, 0.3),
        channel_order=order,  # type: ignore[arg-type]
    )
    images = np.stack([cut(crop, spec) for crop in crops(2)])
    out = normalise(images, spec)
    assert out.shape == (2, 3, 32, 32)
    assert out.dtype == np.float32
    for n, y, x, channel in [(0, 0, 0, 0), (1, 31, 7, 1), (1, 3, 30, 2), (0, 16, 16, 2)]:
        source = channel if order == "RGB" else 2 - channel
        naive = (images[n, y, x, source] / 255 - spec.mean[channel]) / spec.std[channel]
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
