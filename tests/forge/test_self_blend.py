"""Self-blends: a mask that keeps to the face, and a picture that is changed inside it only."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeptell.forge.canvas import CORNERS, LANDMARKS
from deeptell.forge.outline import MASKS, SHAPES, draw_mask
from deeptell.forge.self_blend import DETAILS, Change, SelfBlend, _tint
from deeptell.records import Face, Image

SIDE = 160


def face(*, size: float = 80.0, roll: float = 0.0, centre: tuple[float, float] = (80, 84)) -> Face:
    """A face seen from the front, whose box keeps its size while it rolls, by degrees."""
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.array(LANDMARKS) @ turn.T * size + centre
    x, y = centre
    box = (x - 0.39 * size, y - size / 2, x + 0.39 * size, y + size / 2)
    return Face(box, tuple(map(tuple, points.tolist())), 0.99)


def picture(seed: int = 0) -> Image:
    """Smooth noise in colours, as a photograph has more of the coarse than of the fine."""
    noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3) * 6 + noise * 0.15
    return np.asarray(np.clip(128 + 45 * smooth, 0, 255), np.uint8)


def still(blend: SelfBlend) -> SelfBlend:
    """The same blend of a source that neither moves nor meets a codec."""
    return replace(blend, zoom=1.0, shift=(0.0, 0.0), quality=None)


class TestOutline:
    @pytest.mark.parametrize("roll", [-40, 0, 25])
    def test_the_canvas_lies_on_the_face_however_it_rolls(self, roll: float) -> None:
        laid = MASKS.onto(face(size=70, roll=roll, centre=(60, 90)))
        angle = np.deg2rad(roll)
        for x, y in (*LANDMARKS, *CORNERS):
            # Rotation, size and place by hand; pixels are counted from their centres.
            there = (
                60 + 70 * (x * np.cos(angle) - y * np.sin(angle)) - 0.5,
                90 + 70 * (x * np.sin(angle) + y * np.cos(angle)) - 0.5,
            )
            side = 2 * MASKS.extent
            pixel = [(value + MASKS.extent) / side * MASKS.size - 0.5 for value in (x, y)]
            assert laid @ [*pixel, 1] == pytest.approx((*there, 1), abs=1e-6)

    @pytest.mark.parametrize(
        "landmarks",
        [
            tuple((90.0, y) for y in (70.0, 70.0, 90.0, 105.0, 105.0)),  # in profile
            ((80.0, 80.0),) * 5,  # no detector gives this; a table may
        ],
    )
    def test_landmarks_on_a_line_still_have_a_mask(self, landmarks: tuple) -> None:
        odd = replace(face(), landmarks=landmarks)
        _, mask = SelfBlend.draw(np.random.default_rng(1)).fake(picture(), odd)
        rows, columns = np.nonzero(mask > 0.1)
        x1, y1, x2, y2 = odd.box_xyxy
        assert len(rows) > 200
        assert x1 - 20 < columns.min()
        assert columns.max() < x2 + 20
        assert y1 - 20 < rows.min()
        assert rows.max() < y2 + 20

    def test_shapes_cover_what_they_are_named_for(self) -> None:
        eyes, mouth = np.array(LANDMARKS)[:2], np.array(LANDMARKS)[3:]

        def covers(name: str, points: np.ndarray) -> bool:
            half = np.array(SHAPES[name], np.float32)
            hull = cv2.convexHull(np.concatenate([half, half * [-1, 1]]).astype(np.float32))
            return all(cv2.pointPolygonTest(hull, tuple(map(float, p)), False) > 0 for p in points)

        for name in ("face", "face and forehead", "inner face"):
            assert covers(name, np.array(LANDMARKS))
        assert covers("lower face", mouth)
        assert not covers("lower face", eyes)
        assert covers("eyes and brows", eyes)
        assert not covers("eyes and brows", mouth)

    def test_masks_are_soft_whole_and_inside_the_canvas(self) -> None:
        shares = []
        for seed in range(300):
            mask = draw_mask(np.random.default_rng(seed))
            assert (mask.dtype, mask.shape) == (np.float32, (MASKS.size, MASKS.size))
            assert mask.min() >= 0
            assert mask.max() == pytest.approx(1)
            assert not mask[[0, -1]].any()
            assert not mask[:, [0, -1]].any()
            area = (2 * MASKS.extent) ** 2  # in squares of the box's side
            shares.append(float(mask.mean()) * area)
            soft = ((mask > 0.02) & (mask < 0.98)).sum() / (mask > 0.02).sum()
            assert 0.02 < soft <= 1
        assert min(shares) > 0.02  # not even the eyes alone vanish in the second step
        assert max(shares) < 0.9
        assert np.std(shares) > 0.1  # they differ


class TestSelfBlend:
    @pytest.mark.parametrize("seed", range(8))
    def test_only_the_mask_is_blended_and_by_its_value(self, seed: int) -> None:
        image = picture(seed)
        blend = still(SelfBlend.draw(np.random.default_rng(seed)))
        real = blend.real(image)
        made, mask = blend.fake(image, face(roll=5))
        assert (made.shape, made.dtype, mask.shape) == (image.shape, np.uint8, (SIDE, SIDE))
        assert np.array_equal(made[mask == 0], real[mask == 0])
        changed = blend.change.of(image)
        source, target = (changed, image) if blend.changes_source else (image, changed)
        weight = mask[..., None].astype(float)
        naive = weight * source + (1 - weight) * target
        assert np.abs(made - naive).max() <= 1
        assert np.abs(made.astype(float) - real)[mask > 0.2].mean() > 0.5  # something is seen

    def test_the_real_one_is_untouched_where_the_source_is_changed(self) -> None:
        image = picture()
        drawn = [still(SelfBlend.draw(np.random.default_rng(seed))) for seed in range(200)]
        on_source = [blend.changes_source for blend in drawn]
        assert 0.4 < np.mean(on_source) < 0.6
        for blend in drawn[:20]:
            assert np.array_equal(blend.real(image), image) == blend.changes_source

    def test_source_and_mask_move_together(self) -> None:
        """A shift by whole pixels of a source that is not changed: known to the last level."""
        plain = Change(np.column_stack([np.eye(3), np.zeros(3)]), "sharpen", 0.0)
        blend = replace(
            still(SelfBlend.draw(np.random.default_rng(3))), change=plain, changes_source=False
        )
        image, here = picture(), face(size=80)
        moved = replace(blend, shift=(4 / 80, -3 / 80))
        (_, before), (made, after) = blend.fake(image, here), moved.fake(image, here)
        inside = (slice(10, -10), slice(10, -10))
        shifted = np.roll(before, (-3, 4), (0, 1))
        # OpenCV places pixels in 32nds.
        assert np.abs(after - shifted)[inside].max() < 0.05
        weight = after[..., None].astype(float)
        naive = weight * np.roll(image, (-3, 4), (0, 1)) + (1 - weight) * plain.of(image)
        assert np.abs(made - naive)[inside].max() <= 1

    def test_equal_generators_give_equal_blends(self) -> None:
        image, here = picture(), face()
        made = [SelfBlend.draw(np.random.default_rng(s)).fake(image, here)[0] for s in (5, 5, 6)]
        assert np.array_equal(made[0], made[1])
        assert not np.array_equal(made[0], made[2])

    def test_the_mask_follows_the_face_from_frame_to_frame(self) -> None:
        blend = still(SelfBlend.draw(np.random.default_rng(2)))
        masks = [
            blend.fake(picture(), face(centre=centre))[1] for centre in ((70.0, 80.0), (90.0, 85.0))
        ]
        assert np.abs(np.roll(masks[0], (5, 20), (0, 1)) - masks[1]).max() < 0.05


class TestChange:
    def test_tints_turn_about_grey(self) -> None:
        tint = _tint(2 * np.pi / 3, 1.0)
        assert tint @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)  # red becomes green
        assert _tint(0.1, 0.9) @ [7, 7, 7] == pytest.approx([7, 7, 7])
        assert _tint(0.0, 0.0) @ [3, 0, 6] == pytest.approx([3, 3, 3])

    @pytest.mark.parametrize("name", DETAILS)
    def test_detail_changes_as_named_and_colour_stays(self, name: str) -> None:
        image = picture()
        little, much = (DETAILS[name](image, strength) for strength in (0.0, 1.0))
        fine = [
            float(np.abs(cv2.Laplacian(one, cv2.CV_32F)).mean()) for one in (image, little, much)
        ]
        assert fine == sorted(fine, reverse=name != "sharpen")
        for one in (little, much):
            assert (one.shape, one.dtype) == (image.shape, np.uint8)
            assert np.abs(one.mean((0, 1)) - image.mean((0, 1))).max() < 1.5

    @pytest.mark.parametrize("side", [(1, 1), (3, 40)])
    def test_tiny_pictures_pass(self, side: tuple[int, int]) -> None:
        image = np.full((*side, 3), 90, np.uint8)
        for seed in range(12):
            assert Change.draw(np.random.default_rng(seed)).of(image).shape == image.shape
