"""transcode: the same frames at the same times, compressed as asked, the same bytes each time."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deeptell.errors import MediaError
from deeptell.media import transcode as module
from deeptell.media.decode import open_video
from deeptell.media.encode import PROFILES, Profile, write_video
from deeptell.media.transcode import fitted_size, transcode
from deeptell.records import Image

UNEVEN = [0, 4, 9, 13, 14, 30, 33, 37, 41, 47, 52, 60]  # hundredths of a second


def pictures(count: int = 12, *, height: int = 48, width: int = 96) -> list[Image]:
    """Dark pictures with a bright bar that tells their number."""
    images = np.full((count, height, width, 3), 40, np.uint8)
    for number in range(count):
        images[number, :, 4 * number : 4 * number + 4] = 230
    return list(images)


def noise(count: int, *, height: int, width: int, seed: int = 0) -> list[Image]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 255, (count, height, width, 3), np.uint8))


def written(path: Path, images: list[Image], *, rotation: int = 0, sound: bool = False) -> Path:
    """A lossless video with uneven times, turned by its header, with a tone if `sound`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.options = "rgb24", {"crf": "0"}
        stream.codec_context.time_base = Fraction(1, 100)
        if rotation:
            stream.set_display_rotation(rotation)
        voice = container.add_stream("aac", rate=8000) if sound else None
        for image, time in zip(images, UNEVEN, strict=False):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.float32), "fltp", "mono")
            tone.sample_rate = 8000
            container.mux(voice.encode(tone))
            container.mux(voice.encode(None))
    return path


def numbers(path: Path) -> list[int]:
    with open_video(path) as video:
        return [
            round(float(frame.image[..., 1].mean(axis=0).argmax() - 1.5) / 4) for frame in video
        ]


def test_every_frame_comes_upright_and_at_its_time_without_sound(tmp_path: Path) -> None:
    turned = [np.ascontiguousarray(np.rot90(image)) for image in pictures()]
    source = written(tmp_path / "a.mov", turned, rotation=-90, sound=True)
    assert transcode(source, tmp_path / "b.mp4", profile=PROFILES["c23"]) == 12
    assert numbers(tmp_path / "b.mp4") == list(range(12))
    with open_video(source) as before, open_video(tmp_path / "b.mp4") as after:
        assert len(list(before)) == len(list(after))
        assert (after.info.width, after.info.height) == (before.info.width, before.info.height)
        np.testing.assert_allclose(after.frame_times, np.array(UNEVEN) / 100, atol=1e-4)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_c23_is_what_x264_makes_of_the_same_pictures(tmp_path: Path, rate: Fraction) -> None:
    images = noise(30, height=64, width=80)
    write_video(tmp_path / "raw.mp4", images, frame_rate=float(rate), crf=0, rgb=True)
    transcode(tmp_path / "raw.mp4", tmp_path / "c23.mp4", profile=PROFILES["c23"])
    with av.open(str(tmp_path / "plain.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 80, 64, "yuv420p"
        stream.options = {"crf": "23", "mbtree": "0"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    decoded = []
    for name in ("c23", "plain"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert container.streams.video[0].average_rate == rate
            frames = list(container.decode(video=0))
            decoded.append([frame.to_ndarray() for frame in frames])
    np.testing.assert_array_equal(*decoded)


def test_limits_of_size_rate_and_key_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", noise(100, height=96, width=192), crf=23)
    profile = Profile(28, long_side=128, max_rate=200_000, gop_seconds=1)
    transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", profile=profile)
    with av.open(str(tmp_path / "b.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (128, 64)
        packets = [packet for packet in container.demux(stream) if packet.size]
    keys = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
    assert max(np.diff([*keys, 4.0])) <= 1.0
    # The buffer holds two seconds' worth, and may be full to begin with.
    bits = 8 * sum(packet.size for packet in packets)
    assert 200_000 * 4 / 2 < bits < 200_000 * (4 + 2)


@pytest.mark.parametrize(
    ("size", "profile", "fitted"),
    [
        ((97, 49), Profile(23), (96, 48)),
        ((97, 49), Profile(0, rgb=True), (97, 49)),
        ((1920, 1080), PROFILES["social"], (1280, 720)),
        ((1080, 1920), PROFILES["social"], (720, 1280)),
        ((1280, 545), PROFILES["social"], (1280, 544)),
        ((1921, 817), PROFILES["messenger"], (640, 272)),
        ((9000, 3), PROFILES["messenger"], (640, 2)),
        ((320, 241), PROFILES["messenger"], (320, 240)),
    ],
)
def test_sizes(size: tuple[int, int], profile: Profile, fitted: tuple[int, int]) -> None:
    assert fitted_size(*size, profile) == fitted


def test_an_odd_size_loses_its_last_column_and_row_only(tmp_path: Path) -> None:
    images = pictures(4, height=49, width=97)
    write_video(tmp_path / "a.mp4", images, crf=0, rgb=True)
    transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", profile=Profile(1))
    with open_video(tmp_path / "b.mp4") as video:
        for frame, image in zip(video, images, strict=True):
            assert np.abs(frame.image.astype(int) - image[:48, :96]).max() <= 6


@pytest.mark.parametrize("profile", ["c23", "messenger"])
def test_equal_sources_give_equal_bytes(tmp_path: Path, profile: str) -> None:
    write_video(tmp_path / "a.mp4", noise(60, height=96, width=128), crf=30)
    for name in "bcdef":
        transcode(tmp_path / "a.mp4", tmp_path / f"{name}.mp4", profile=PROFILES[profile])
    assert len({(tmp_path / f"{name}.mp4").read_bytes() for name in "bcdef"}) == 1


@pytest.mark.parametrize("height", [480, 720])
def test_colours_are_those_that_other_readers_see(tmp_path: Path, height: int) -> None:
    image = np.zeros((height, 96, 3), np.uint8)
    image[:, :32], image[:, 32:64], image[:, 64:] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
    write_video(tmp_path / "a.mp4", [image] * 2, crf=0, rgb=True)
    transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", profile=Profile(5))
    capture = cv2.VideoCapture(str(tmp_path / "b.mp4"))
    read, seen = capture.read()
    capture.release()
    assert read
    with open_video(tmp_path / "b.mp4") as video:
        ours = next(iter(video)).image
    for x in (16, 48, 80):
        np.testing.assert_allclose(seen[100, x, ::-1], image[100, x], atol=4)
        np.testing.assert_allclose(ours[100, x], image[100, x], atol=4)


def test_bad_sources_are_named_and_leave_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "in" / "a.mp4", tmp_path / "out" / "b.mp4"
    source.parent.mkdir()
    with pytest.raises(MediaError, match=r"a\.mp4 cannot be read: No such file"):
        transcode(source, target, profile=PROFILES["c40"])
    source.write_bytes(b"no video")
    with pytest.raises(MediaError, match="cannot be read as a video"):
        transcode(source, target, profile=PROFILES["c40"])
    write_video(source, pictures(), crf=23)
    source.write_bytes(source.read_bytes()[:600])
    with pytest.raises(MediaError):
        transcode(source, target, profile=PROFILES["c40"])
    source.unlink()
    write_video(source, [np.zeros((40, 1, 3), np.uint8)] * 2, crf=0, rgb=True)
    with pytest.raises(MediaError, match=r"is 1x40: H\.264 takes pictures from 2x2"):
        transcode(source, target, profile=PROFILES["c40"])
    assert not list(target.parent.iterdir())


def test_lost_frames_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", pictures(), crf=23)
    monkeypatch.setattr(module, "_count", lambda path: 11)
    with pytest.raises(MediaError, match=r"lost frames .*: 12 went in, 11 came out"):
        transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", profile=PROFILES["c40"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_damaged_source_gives_the_frames_it_has(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", noise(40, height=64, width=64), crf=23)
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    data[len(data) // 3 : len(data) // 3 + 9000] = bytes(9000)
    (tmp_path / "a.mp4").write_bytes(data)
    with open_video(tmp_path / "a.mp4") as video:
        readable = sum(1 for _ in video.raw_frames())
        assert video.info.bad_packets
    frames = transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", profile=PROFILES["c40"])
    assert frames == readable == len(numbers(tmp_path / "b.mp4"))


def test_a_disk_that_is_full_is_no_fault_of_the_video(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", noise(30, height=128, width=128), crf=23)
    code = (
        "import resource; from pathlib import Path; from deeptell.errors import OutputError\n"
        "from deeptell.media.transcode import transcode\n"
        "from deeptell.media.encode import PROFILES\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))\n"
        "try: transcode(Path('a.mp4'), Path('b.mp4'), profile=PROFILES['c23'])\n"
        "except OutputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "b.mp4 cannot be written: File too large" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_hdr_is_written_as_sdr(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx265", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        stream.options = {
            "x265-params": "log-level=none:colorprim=9:transfer=16:colormatrix=9:crf=5"
        }
        for number in range(3):
            deep = np.full((64, 64, 3), 20_000 + 8000 * number, np.uint16)
            frame = av.VideoFrame.from_ndarray(deep, format="rgb48le")
            container.mux(stream.encode(frame.reformat(format="yuv420p10le")))
        container.mux(stream.encode(None))
    transcode(tmp_path / "a.mkv", tmp_path / "b.mp4", profile=Profile(5))
    with open_video(tmp_path / "a.mkv") as before, open_video(tmp_path / "b.mp4") as after:
        for wanted, got in zip(before, after, strict=True):
            assert np.abs(got.image.astype(int) - wanted.image).max() <= 3
        assert (before.info.color_transfer, after.info.color_transfer) == ("pq", "sdr")
