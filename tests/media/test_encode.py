"""write_video: what is written comes back, bytes repeat, and bad input leaves nothing behind."""

import av
import numpy as np
import pytest

from deeptell.errors import OutputError
from deeptell.media.encode import PROFILES, write_video


def _pictures(height=48, width=64, count=12):
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 255, (count, height // 8, width // 8, 3))
    return [np.kron(c, np.ones((8, 8, 1))).astype(np.uint8) for c in coarse]


def _decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_raw_is_lossless_rgb_with_the_rate_asked_for(tmp_path):
    pictures = _pictures()
    count = write_video(tmp_path / "a.mp4", pictures, frame_rate=12.5, crf=0, rgb=True)
    assert count == len(pictures)
    np.testing.assert_array_equal(_decoded(tmp_path / "a.mp4"), pictures)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 12.5)


def test_stronger_compression_is_smaller_and_farther_from_the_original(tmp_path):
    pictures, errors, sizes = _pictures(), [], []
    for name in ("raw", "c23", "c40"):
        path, profile = tmp_path / f"{name}.mp4", PROFILES[name]
        write_video(path, pictures, crf=profile.crf, rgb=profile.rgb)
        errors.append(np.abs(np.array(_decoded(path), float) - pictures).mean())
        sizes.append(path.stat().st_size)
    assert errors[0] == 0 < errors[1] < errors[2] < 40
    assert sizes[1] > sizes[2]


def test_equal_pictures_give_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 6, (25, 96, 128, 3))
    pictures = list(np.clip(120 + noise, 0, 255).astype(np.uint8))
    for name in "abcd":
        write_video(tmp_path / f"{name}.mp4", pictures, crf=23)
    assert len({(tmp_path / f"{name}.mp4").read_bytes() for name in "abcd"}) == 1


@pytest.mark.parametrize(
    ("pictures", "name", "complaint"),
    [
        ([], "a.mp4", "no frame"),
        (_pictures(48, 64)[:1] + _pictures(64, 48)[:1], "a.mp4", "48x64"),
        ([np.zeros((47, 64, 3), np.uint8)], "a.mp4", "even sizes, got 64x47"),
        (_pictures(), "a.gif", "'.gif'"),
    ],
)
def test_bad_input_is_named_and_nothing_is_left(tmp_path, pictures, name, complaint):
    with pytest.raises(OutputError, match=complaint):
        write_video(tmp_path / name, pictures, crf=23)
    assert list(tmp_path.iterdir()) == []


def test_odd_sizes_can_be_written_as_rgb(tmp_path):
    picture = np.full((47, 63, 3), 77, np.uint8)
    write_video(tmp_path / "odd.mp4", [picture] * 3, crf=0, rgb=True)
    np.testing.assert_array_equal(_decoded(tmp_path / "odd.mp4"), [picture] * 3)


def test_a_failure_in_the_source_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def broken():
        yield _pictures()[0]
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        write_video(path, broken(), crf=23)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.mp4", b"old")]


def test_a_folder_that_cannot_be_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_video(tmp_path / "file" / "a.mp4", _pictures(), crf=23)
