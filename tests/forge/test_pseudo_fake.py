"""Pseudo-fakes: changed inside the mask alone, each by what its ingredient says."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from dotted import portrait

from deeptell.forge.canvas import Canvas
from deeptell.forge.pseudo_fake import FACES, INGREDIENTS, SIDES, PseudoFake, _lit_as
from deeptell.forge.shot import Portrait, Shot, ShotFrame

FRAMES = 3


def shot(**changes) -> list[ShotFrame]:
    drawn = Shot.draw(np.random.default_rng(2), frames=FRAMES)
    return replace(drawn, noise=0.0, quality=None, **changes).film(portrait())


def other() -> Portrait:
    """Another face: the same landmarks on stripes."""
    image = portrait().image.copy()
    image[::6] = 255 - image[::6]
    return replace(portrait(), image=image)


def inverted(faces: np.ndarray) -> np.ndarray:
    """What an autoencoder would not draw: so its share shows."""
    assert faces.shape[1] in SIDES
    assert faces.shape[1:] == (faces.shape[1], faces.shape[1], 3)
    return 255 - faces


def forge(name: str, *, redraw=inverted, **changes):
    fake = PseudoFake.draw(np.random.default_rng(3), name, frames=FRAMES)
    still = {"flicker": np.zeros((FRAMES, 3)), "shade": np.zeros((3, 3, 3))}
    still |= {"crispness": None, "chroma": 0.0}
    fake = replace(fake, poisson=False, **still, **changes)
    frames = shot()
    return frames, fake.forge(frames, other(), redraw)


@pytest.mark.parametrize("name", INGREDIENTS)
def test_only_the_inside_of_the_mask_changes(name: str) -> None:
    frames, forged = forge(name)
    for frame, (image, mask) in zip(frames, forged, strict=True):
        assert image.dtype == np.uint8
        assert image.shape == frame.image.shape
        assert mask.shape == image.shape[:2]
        assert 0 < mask.max() <= 1 + 1e-6
        change = np.abs(image.astype(float) - frame.image).max(axis=2)
        assert change[mask == 0].max() <= 0.5  # rounding
        assert change[mask > 0.5].max() > 3


@pytest.mark.parametrize("name", INGREDIENTS)
def test_equal_generators_forge_alike(name: str) -> None:
    once, again = forge(name)[1], forge(name)[1]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(once, again, strict=True))


@pytest.mark.parametrize("name", INGREDIENTS)
def test_an_ingredient_uses_what_it_says(name: str) -> None:
    """Another person, or another autoencoder, shows where the ingredient takes one."""
    kind = INGREDIENTS[name]
    neutral = {"colours": "own", "tint": np.zeros(3)}
    fake = replace(PseudoFake.draw(np.random.default_rng(4), name, frames=FRAMES), **neutral)
    frames = shot()
    made = fake.forge(frames, other(), inverted)[0][0]
    with_me = fake.forge(frames, portrait(), inverted)[0][0]
    assert np.array_equal(made, with_me) == (not kind.other)
    copied = fake.forge(frames, other(), lambda faces: faces)[0][0]
    assert np.array_equal(made, copied) == (not kind.redrawn)


def test_a_copied_face_without_errors_changes_next_to_nothing() -> None:
    """The way to the canvas and back loses detail, and no more."""
    frames, forged = forge(
        "redrawn",
        redraw=lambda faces: faces,
        colours="own",
        tint=np.zeros(3),
        smoothing=0.0,
        blur=0.0,
        sharpening=0.0,
        shift=np.zeros(2),
    )
    smooth = [
        cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 3)
        for picture in (frames[0].image, forged[0][0])
    ]
    assert np.abs(smooth[0] - smooth[1]).max() < 8


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("colours", ["light", "rgb", "lab", "mean"])
def test_colours_are_matched_inside_the_mask(colours: str, side: int) -> None:
    """To those of the face that it covers, on whatever it was drawn."""

    def off(colours: str) -> np.ndarray:
        as_it_is = {"tint": np.zeros(3), "smoothing": 0.0, "blur": 0.0, "sharpening": 0.0}
        canvas = Canvas(side, FACES.extent)
        frames, forged = forge("swapped", colours=colours, canvas=canvas, **as_it_is)
        image, mask = forged[0]
        change = (image - frames[0].image).sum(axis=(0, 1))  # nothing outside the mask
        return change / np.square(mask).sum()

    assert np.abs(off("own")).min() > 5  # the other's stripes are brighter
    assert np.abs(off(colours)).max() < 1


def test_light_is_taken_from_the_frame_and_features_from_the_other() -> None:
    height = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None]
    frame = np.broadcast_to(200 - 80 * height, (64, 64, 3))  # lit from above
    face = np.full((64, 64, 3), 90, np.float32)
    face[30:33] += 40  # and one with a feature
    inside = np.zeros((64, 64), np.float32)
    inside[8:56, 8:56] = 1
    lit = _lit_as(face, frame, inside, sigma=8)
    assert np.abs(lit - frame)[inside == 1].mean() < 8
    assert 30 < lit[31, 32, 0] - lit[[28, 35], 32, 0].mean() < 45


def test_a_grey_shot_has_grey_forgeries() -> None:
    frames = Shot.draw(np.random.default_rng(2), frames=FRAMES).film(portrait(grey=True))
    for name in INGREDIENTS:
        fake = PseudoFake.draw(np.random.default_rng(3), name, frames=FRAMES)
        for image, _ in fake.forge(frames, other(), inverted):
            assert np.ptp(image, axis=2).max() <= 1


def test_gradients_are_kept_and_the_border_is_left_alone() -> None:
    frames, _ = forge("swapped")
    fake = PseudoFake.draw(np.random.default_rng(3), "swapped", frames=FRAMES)
    image, mask = replace(fake, poisson=True).forge(frames, other(), inverted)[0]
    plainly, _ = replace(fake, poisson=False).forge(frames, other(), inverted)[0]
    assert not np.array_equal(image, plainly)
    change = np.abs(image.astype(float) - frames[0].image).max(axis=2)
    assert change[mask == 0].max() <= 0.5


def test_detail_is_as_strong_as_asked_and_not_as_soft_as_it_was_drawn() -> None:
    def soft(faces: np.ndarray) -> np.ndarray:
        return np.stack([cv2.GaussianBlur(face, (0, 0), 2.5) for face in faces])

    def detail(image: np.ndarray, mask: np.ndarray) -> float:
        levels = image.astype(np.float32)
        band = cv2.GaussianBlur(levels, (0, 0), 0.9) - cv2.GaussianBlur(levels, (0, 0), 2.1)
        return float(np.square(band[mask > 0.9]).mean())

    fake = PseudoFake.draw(np.random.default_rng(3), "redrawn", frames=FRAMES)
    plain = {"poisson": False, "smoothing": 0.0, "blur": 0.0, "sharpening": 0.0, "chroma": 0.0}
    fake = replace(fake, **plain, redrawn_share=1.0, mask=np.ones_like(fake.mask))
    frames, strengths = shot(), []
    for crispness in (None, np.ones(5), np.full(5, 1.3)):
        image, mask = replace(fake, crispness=crispness).forge(frames, other(), soft)[0]
        strengths.append(detail(image, mask) / detail(frames[0].image, mask))
    assert strengths[0] < 0.5
    assert 0.6 < strengths[1] < strengths[2]


def test_smoothing_takes_the_grain_and_leaves_the_edges() -> None:
    rng = np.random.default_rng(0)
    face = np.full((128, 128, 3), 80, np.float32)
    face[:, 64:] = 180
    grain = rng.normal(0, 4, (128, 128, 1)).astype(np.float32)
    fake = PseudoFake.draw(np.random.default_rng(3), "smoothed", frames=1)
    plain = replace(fake, canvas=Canvas(128, 0.62), smoothing=20.0, blur=0.0, sharpening=0.0)
    smooth = plain._detailed(face + grain)
    assert np.std(smooth[10:-10, 10:50]) < 0.5 * np.std(grain)
    assert smooth[20:-20, 66].mean() - smooth[20:-20, 61].mean() > 95
