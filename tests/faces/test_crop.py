"""Stored crops: the right region, the right coordinates, one encoding."""

import io
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

from deeptell.errors import StoreError
from deeptell.faces.crop import cut_crop, encode_crop, store_crop
from deeptell.records import Face, Frame, Image, StoredCrop


def ramp(height: int, width: int) -> Image:
    """A picture whose red tells x and whose green tells y, in pixels of 1280 x 720."""
    y, x = np.mgrid[:height, :width]
    return np.dstack([x * 255 / 1280, y * 255 / 720, np.full_like(x, 90)]).astype(np.uint8)


def face(x1: float, y1: float, x2: float, y2: float) -> Face:
    return Face((x1, y1, x2, y2), tuple((x1 + i, y1 + i) for i in range(5)), 0.9876543)


FACE = face(20, 20, 60, 70)


def test_the_crop_is_twice_the_longer_side_around_the_centre() -> None:
    frame = Frame(ramp(720, 1280), 7, 0.28)
    crop = cut_crop(frame, face(600, 300, 680, 420), track=3)
    assert crop.image.shape == (240, 240, 3)
    assert (crop.origin_xy, crop.scale) == ((520.0, 240.0), 1.0)
    np.testing.assert_array_equal(crop.image, frame.image[240:480, 520:760])
    assert (crop.track, crop.frame_index, crop.pts_seconds) == (3, 7, 0.28)
    np.testing.assert_allclose(crop.face_in_crop.box_xyxy, (80, 60, 160, 180))


@pytest.mark.parametrize(
    ("box", "origin", "shape"),
    [
        ((-30, -20, 50, 60), (0, 0), (100, 90)),
        ((1230, 680, 1330, 740), (1180, 610), (110, 100)),
        ((-300, -300, -200, -200), (0, 0), (1, 1)),  # beside the frame: one pixel, no crash
    ],
)
def test_the_crop_is_clipped_to_the_frame(
    box: tuple[float, float, float, float], origin: tuple[float, float], shape: tuple[int, int]
) -> None:
    crop = cut_crop(Frame(ramp(720, 1280), 0, 0.0), face(*box), track=0)
    assert crop.origin_xy == origin
    assert crop.image.shape[:2] == shape


def test_large_crops_are_shrunk_and_points_stay_where_they_are() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    dots = [(500, 300), (660, 330), (800, 610)]
    for x, y in dots:  # 9 px wide squares around the middle of pixel (x, y)
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
    crop = cut_crop(Frame(image, 0, 0.0), face(420.3, 180.2, 880.7, 640.9), track=0)
    assert max(crop.image.shape) == 384
    grey = crop.image[..., 0].astype(float)
    for x, y in dots:
        expected = (np.array([x, y]) + 0.5 - crop.origin_xy) * crop.scale
        near = np.zeros_like(grey)
        px, py = np.round(expected).astype(int)
        near[py - 6 : py + 7, px - 6 : px + 7] = grey[py - 6 : py + 7, px - 6 : px + 7]
        ys, xs = np.mgrid[: grey.shape[0], : grey.shape[1]]
        found = np.array([(near * xs).sum(), (near * ys).sum()]) / near.sum() + 0.5
        np.testing.assert_allclose(found, expected, atol=0.5)


def stored(jpeg: bytes) -> StoredCrop:
    return replace(store_crop(cut_crop(Frame(ramp(90, 90), 0, 0.0), FACE, track=0)), jpeg=jpeg)


def test_the_encoding_keeps_fine_colour() -> None:
    image = np.full((64, 64, 3), (180, 60, 60), np.uint8)
    image[:, ::2] = (60, 60, 180)  # vanishes where colour is stored at half resolution
    jpeg = encode_crop(image)
    assert np.abs(stored(jpeg).image.astype(int) - image).mean() < 12
    assert encode_crop(image) == jpeg
    theirs = np.asarray(PIL.Image.open(io.BytesIO(jpeg)))
    assert np.abs(stored(jpeg).image.astype(int) - theirs).max() <= 2


def test_it_is_decoded_at_a_part_of_its_size() -> None:
    image = ramp(720, 1280)[100:340, 200:423]
    crop = stored(encode_crop(image))
    for shrink in (1, 2, 4, 8):
        small = crop.bgr(shrink=shrink)[..., ::-1].astype(int)
        assert small.shape == (240 // shrink, -(-223 // shrink), 3)
        blocks = image[:, : 223 // shrink * shrink].reshape(240 // shrink, shrink, -1, shrink, 3)
        averages = blocks.mean(axis=(1, 3))
        assert np.abs(small[:, : averages.shape[1]] - averages).max() <= 4


def test_a_stored_crop_comes_back_and_fits_into_32_bits() -> None:
    crop = cut_crop(Frame(ramp(720, 1280), 5, 0.2), face(100.123, 90.777, 190.5, 200.01), track=2)
    back = store_crop(crop)
    assert back.face == crop.face
    assert back.face_in_crop == crop.face_in_crop
    assert (back.origin_xy, back.scale, back.track) == (crop.origin_xy, crop.scale, 2)
    assert np.abs(back.image.astype(int) - crop.image).max() <= 4
    values = [*crop.face.box_xyxy, *np.ravel(crop.face.landmarks), crop.face.score]
    assert [float(np.float32(value)) for value in values] == values


def test_what_is_no_jpeg_is_refused() -> None:
    for junk in (b"", b"not a picture"):
        with pytest.raises(StoreError, match="not a JPEG"):
            _ = stored(junk).image
