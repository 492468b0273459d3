"""Detail and drawing of single crops, against naive formulas and pictures of known kind."""

import cv2
import numpy as np
import pytest

from deeptell.faces.clarity import drawn, fine_detail
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.records import Face, Frame

LANDMARKS = ((70.0, 80.0), (110.0, 80.0), (90.0, 100.0), (75.0, 120.0), (105.0, 120.0))


def crop_of(image, box=(40.0, 40.0, 140.0, 160.0)):
    return store_crop(cut_crop(Frame(image, 0, 0.0), Face(box, LANDMARKS, 1.0), 0))


def textured(seed=0):
    """Grain at several scales, such as skin has: (200, 200, 3)."""
    rng = np.random.default_rng(seed)
    grain = sum(cv2.GaussianBlur(rng.normal(size=(200, 200)), (0, 0), s) * s for s in (1, 3, 9, 25))
    grey = np.clip(128 + 25 * grain, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def test_blur_takes_the_detail_and_small_pictures_have_theirs():
    sharp = textured()
    lost = [fine_detail(crop_of(cv2.GaussianBlur(sharp, (0, 0), s))) for s in (0.5, 2, 4, 8)]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 0.02
    assert lost[-1] < 0.005
    # The same picture at half the size has as much detail for its size.
    half = cv2.resize(sharp, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert fine_detail(crop_of(half, (20.0, 20.0, 70.0, 80.0))) > 0.02


def test_flat_areas_between_edges_are_a_drawing():
    flat = np.full((200, 200, 3), 200, np.uint8)
    cv2.circle(flat, (90, 100), 40, (120, 90, 80), -1)
    assert drawn(crop_of(flat)) > 0.8
    assert drawn(crop_of(textured())) < 0.5


def test_the_coefficient_is_ginis():
    crop = crop_of(textured(1), (60.0, 60.0, 110.0, 120.0))  # not shrunk
    face = cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY).astype(float)
    x1, y1, x2, y2 = (round(edge) for edge in crop.face_in_crop.box_xyxy)
    face = face[y1:y2, x1:x2]
    right, down = np.diff(face, axis=1)[:-1], np.diff(face, axis=0)[:, :-1]
    sizes = np.hypot(right, down).ravel()
    naive = np.abs(sizes[:, None] - sizes).mean() / (2 * sizes.mean())
    assert drawn(crop) == pytest.approx(naive, rel=2e-2)


def test_a_face_at_the_edge_and_one_without_anything():
    grey = np.full((64, 64, 3), 90, np.uint8)
    for box in ((-30.0, -30.0, 2.0, 2.0), (60.0, 60.0, 90.0, 90.0), (10.0, 10.0, 12.0, 12.0)):
        crop = crop_of(grey, box)
        assert fine_detail(crop) < 0.005
        assert drawn(crop) == 1.0
