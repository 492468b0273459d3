"""Thumbnails of a video whose frames say by their grey when they come."""

from pathlib import Path

import av
import numpy as np
import pytest

from deeptell.errors import MediaError
from deeptell.media import glance as module
from deeptell.media.encode import write_video
from deeptell.media.glance import glance

FRAMES = 100
AT = (0.1, 0.4, 0.7)


def grey(frame: int, *, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), 20 + 2 * frame, np.uint8)


def number(image: np.ndarray) -> float:
    return float((image.mean() - 20) / 2)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames with a single key frame, as the encoder sets one every 250."""
    path = tmp_path_factory.mktemp("glance") / "video.mp4"
    write_video(path, map(grey, range(FRAMES)), crf=18)
    return path


def remuxed(video: Path, name: str) -> Path:
    """The same packets in another container."""
    path = video.with_name(name)
    with av.open(str(video)) as given, av.open(str(path), "w") as made:
        stream = given.streams.video[0]
        copy = made.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
    return path


def with_key_frames(path: Path, *, every: int, frames: int) -> Path:
    """A video with a key frame every so many frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", every
        stream.options = {"sc_threshold": "0"}
        for place in range(frames):
            image = grey(place * FRAMES // frames)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["video.mp4", "again.mkv", "again.mov", "again.ts"])
def test_the_frames_meant_are_shown(video: Path, name: str) -> None:
    path = video if name == video.name else remuxed(video, name)
    images = glance(path, at=AT, side=16)
    assert [image.shape for image in images] == [(16, 16, 3)] * 3
    # At or a few frames after the time: frames that no other needs are passed over.
    assert [number(image) for image in images] == pytest.approx([11.5, 41.5, 71.5], abs=3.5)


def test_a_long_video_costs_no_more_than_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_key_frames(tmp_path / "long.mp4", every=20, frames=2_000)
    decoded = []
    frames = module._frames
    monkeypatch.setattr(
        module, "_frames", lambda *given: (decoded.append(1) or frame for frame in frames(*given))
    )
    assert [number(i) for i in glance(path, at=AT, side=16)] == pytest.approx([10, 40, 70], abs=2)
    assert len(decoded) <= 3 * 20
    # A video with one key frame in 2,000 is given up on the way: its frames are those reached.
    decoded.clear()
    monkeypatch.setattr(module, "_MOST_DECODED", 30)
    with_key_frames(path, every=4_000, frames=2_000)
    assert len(glance(path, at=AT, side=16)) == 3
    assert len(decoded) <= 3 * 30


def test_a_bare_stream_shows_its_first_frames(video: Path) -> None:
    bare = remuxed(video, "bare.h264")
    assert [number(image) < 20 for image in glance(bare, at=AT, side=16)] == [True] * 3


def test_what_is_no_video(video: Path, tmp_path: Path) -> None:
    for name, content in (("empty.mp4", b""), ("text.mp4", b"hello" * 99)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=name):
            glance(tmp_path / name, at=AT, side=16)
    with pytest.raises(MediaError, match="no file"):
        glance(tmp_path / "none.mp4", at=AT, side=16)
    # The header stands at the end of this file; all pictures before it are overwritten.
    content = bytearray(video.read_bytes())
    start = content.index(b"mdat") + 4
    content[start : content.index(b"moov") - 4] = bytes(content.index(b"moov") - 4 - start)
    (tmp_path / "hollow.mp4").write_bytes(content)
    with pytest.raises(MediaError, match=r"No frame of .*hollow"):
        glance(tmp_path / "hollow.mp4", at=AT, side=16)


def test_damage_costs_only_the_frames_it_hits(tmp_path: Path) -> None:
    path = with_key_frames(tmp_path / "cut.mp4", every=20, frames=200)
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    content[start : start + (end - start) // 3] = bytes((end - start) // 3)
    path.write_bytes(content)
    images = glance(path, at=AT, side=16)
    assert number(images[-1]) == pytest.approx(71, abs=3.5)
