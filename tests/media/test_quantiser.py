"""The quantiser that H.264 was encoded with, as its decoder tells."""

import numpy as np
import pytest

from deeptell.media.decode import open_media
from deeptell.media.encode import write_video


def told(path):
    with open_media(path) as media:
        for _ in media.raw_frames():
            pass
        return media.info.quantiser


def noise(n, *, seed=0):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (96, 128, 3))
    return [(picture * 0.5 + 0.5 * rng.integers(0, 256, picture.shape)).astype(np.uint8)] * n


@pytest.mark.parametrize(("crf", "low", "high"), [(12, 2, 20), (28, 18, 36), (51, 44, 51)])
def test_it_follows_the_rate_factor(tmp_path, crf, low, high):
    write_video(tmp_path / "clip.mp4", noise(20), crf=crf)
    assert low <= told(tmp_path / "clip.mp4") <= high


def test_other_media_do_not_tell(tmp_path):
    import av
    from PIL import Image

    Image.fromarray(noise(1)[0]).save(tmp_path / "picture.png")
    assert told(tmp_path / "picture.png") is None
    with av.open(str(tmp_path / "clip.mpg"), "w") as container:
        stream = container.add_stream("mpeg1video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for image in noise(5):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert told(tmp_path / "clip.mpg") is None
