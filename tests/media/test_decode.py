"""Reading files: what was put in comes out, upright, in time and in the right colours."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest

from deeptell.errors import MediaError
from deeptell.media.decode import find_media, open_media, open_video, read_picture
from deeptell.records import Image

WIDTH, HEIGHT = 96, 64


def numbered(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """A dark picture with one bright bar whose place tells its number, red above, blue below."""
    image = np.full((height, width, 3), 40, np.uint8)
    image[: height // 2, :, 0] = 90
    image[height // 2 :, :, 2] = 90
    image[:, 4 * number : 4 * number + 4] = 230
    return image


def number_of(image: Image) -> int:
    return round(float(image[:, :, 1].mean(axis=0).argmax() - 1.5) / 4)


def write(
    path: Path,
    images: list[Image],
    *,
    times: list[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rotation: int = 0,
    gop: int = 12,
    b_frames: int = 2,
    faststart: bool = False,
) -> Path:
    """Encode pictures; `times` are in hundredths of a second."""
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.gop_size = gop
        stream.codec_context.time_base = Fraction(1, 100)
        stream.codec_context.thread_count = 1
        if codec == "libx264":
            stream.options = {"crf": "12", "bf": str(b_frames)}
        if rotation:
            stream.set_display_rotation(rotation)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            frame.pts = times[number] if times else 4 * number
            frame.time_base = Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.mp4", [numbered(i) for i in range(20)])


def test_every_frame_comes_in_order_and_in_time(clip: Path) -> None:
    with open_video(clip) as video:
        frames = list(video)
        again = list(video)  # a video can be read twice
        info = video.info
        np.testing.assert_allclose(video.frame_times, np.arange(20) / 25, atol=1e-6)
    assert [number_of(frame.image) for frame in frames] == list(range(20))
    assert [frame.frame_index for frame in frames] == list(range(20))
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.arange(20) / 25, atol=1e-6)
    assert all((a.image == b.image).all() for a, b in zip(frames, again, strict=True))
    assert (info.width, info.height, info.codec) == (WIDTH, HEIGHT, "h264")
    assert (info.declared_frames, info.decoded_frames, info.bad_packets) == (20, 20, 0)
    assert (info.frame_rate, info.duration_seconds) == (25, pytest.approx(0.8))
    assert not info.is_picture
    assert info.color_transfer == "sdr"


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [7, 8, 20, 21, 60, 150, 151, 152]
    path = write(tmp_path / "vfr.mkv", [numbered(i) for i in range(8)], times=times)
    with open_video(path) as video:
        expected = (np.array(times) - 7) / 100
        np.testing.assert_allclose(video.frame_times, expected, atol=2e-3)
        np.testing.assert_allclose([f.pts_seconds for f in video], expected, atol=2e-3)


def test_times_that_are_missing_follow_the_frame_rate(tmp_path: Path) -> None:
    path = tmp_path / "bare.mp4"  # a bare H.264 stream holds no times at all
    write(path.with_suffix(".h264"), [numbered(i) for i in range(9)], b_frames=0).rename(path)
    with open_video(path) as video:
        frames = list(video)
        assert len(video.frame_times) == len(frames) == 9
    assert [number_of(frame.image) for frame in frames] == list(range(9))
    assert (np.diff([frame.pts_seconds for frame in frames]) > 0).all()


def test_times_that_stand_still_ascend_all_the_same(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deeptell.media.video._seconds", lambda pts, base: 3.0)
    with open_video(clip) as video:
        seconds = [frame.pts_seconds for frame in video]
        assert (np.diff(video.frame_times) > 0).all()
    assert seconds[0] == 0
    assert (np.diff(seconds) > 0).all()


@pytest.mark.parametrize(("counterclockwise", "clockwise"), [(90, 270), (180, 180), (-90, 90)])
def test_rotation_is_applied(tmp_path: Path, counterclockwise: int, clockwise: int) -> None:
    stored = numbered(3)
    path = write(tmp_path / "phone.mp4", [stored] * 3, rotation=counterclockwise)
    plain = write(tmp_path / "plain.mp4", [stored] * 3)
    with open_video(path) as video, open_video(plain) as unturned:
        image = next(iter(video)).image
        expected = np.rot90(next(iter(unturned)).image, counterclockwise // 90)
        np.testing.assert_array_equal(image, expected)
        assert video.info.rotation_degrees == clockwise
        assert (video.info.height, video.info.width) == image.shape[:2]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "yuv444p", ".mp4"),
        ("libx264rgb", "rgb24", ".mkv"),
        ("ffv1", "yuv420p", ".avi"),
        ("ffv1", "yuv420p10le", ".mkv"),
        ("mjpeg", "yuvj420p", ".mkv"),
    ],
)
def test_odd_sizes_and_pixel_formats(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    pictures = [numbered(i, width=99, height=67) for i in range(4)]
    path = write(tmp_path / f"odd{suffix}", pictures, codec=codec, pix_fmt=pix_fmt)
    with open_video(path) as video:
        frames = list(video)
    assert frames[2].image.shape == (67, 99, 3)
    assert frames[2].image.flags.c_contiguous
    off = np.abs(frames[2].image.astype(int) - pictures[2])
    assert off[4:30, 20:].mean() < 6, "colours are off"
    assert off[38:63, 20:].mean() < 6, "colours are off"


# Rec. ITU-R BT.601, BT.709: luma weights of red and blue.
WEIGHTS = {"bt601": (0.299, 0.114, 6), "bt709": (0.2126, 0.0722, 1), "bt2020": (0.2627, 0.0593, 9)}


def one_colour(
    rgb: tuple[int, int, int], *, matrix: str, full: bool, size: tuple[int, int] = (64, 48)
) -> av.VideoFrame:
    """A YUV frame of one colour, computed by the standard's formula."""
    red, blue, _ = WEIGHTS[matrix]
    r, g, b = (value / 255 for value in rgb)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = ((b - luma) / (2 * (1 - blue)), (r - luma) / (2 * (1 - red)))
    codes = [255 * luma, *(128 + 255 * c for c in chroma)]
    if not full:
        codes = [16 + 219 * luma, *(128 + 224 * c for c in chroma)]
    frame = av.VideoFrame(*size, "yuv420p")
    for plane, code in zip(frame.planes, codes, strict=True):
        plane.update(bytes([round(code)]) * plane.buffer_size)
    return frame


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_follow_the_named_matrix_and_range(tmp_path: Path, matrix: str, full: bool) -> None:
    path = tmp_path / "colour.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace = WEIGHTS[matrix][2]
        stream.codec_context.color_range = 2 if full else 1
        container.mux(stream.encode(one_colour((200, 80, 40), matrix=matrix, full=full)))
        container.mux(stream.encode())
    with open_video(path) as video:
        image = next(iter(video)).image
    np.testing.assert_allclose(image[24, 32], (200, 80, 40), atol=3)
    assert image.std(axis=(0, 1)).max() < 1


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg")])
def test_ten_bit_hdr_becomes_sdr(tmp_path: Path, transfer: int, name: str) -> None:
    path = tmp_path / "hdr.mkv"
    # Grey patches: black, diffuse white (58 % in PQ, 75 % in HLG; BT.2408), and the peak.
    white = 0.58 if name == "pq" else 0.75
    peak = 0.7518 if name == "pq" else 1.0  # 1,000 cd/m2
    frame = av.VideoFrame(64, 48, "yuv420p10le")
    levels = np.repeat([0, white / 2, white, peak], 16)
    luma = np.tile(np.round(64 + 876 * levels).astype(np.uint16), (48, 1))
    line = frame.planes[0].line_size // 2
    padded = np.zeros((48, line), np.uint16)
    padded[:, :64] = luma
    frame.planes[0].update(padded.tobytes())
    for plane in frame.planes[1:]:
        plane.update(np.full(plane.buffer_size // 2, 512, np.uint16).tobytes())
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        codec = stream.codec_context
        codec.colorspace, codec.color_range, codec.color_trc, codec.color_primaries = (
            9,
            1,
            transfer,
            9,
        )
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_video(path) as video:
        grey = next(iter(video)).image[24, 8::16].astype(int)
        assert video.info.color_transfer == name
        assert video.info.pixel_format == "yuv420p10le"
    assert np.ptp(grey, axis=1).max() <= 2, "grey must stay grey"
    black, shade, diffuse, bright = grey.mean(axis=1)
    assert black < 3
    assert 20 < shade < diffuse - 40
    assert 170 < diffuse < 215
    assert bright > 250


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.mp4", [numbered(i) for i in range(20)], gop=5, faststart=True)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    with open_video(cut) as video:
        numbers = [number_of(frame.image) for frame in video]
        assert 5 <= len(numbers) < 20
        assert numbers == list(range(len(numbers)))
        assert video.info.declared_frames == 20
        assert video.info.decoded_frames == len(numbers)


def test_flipped_bytes_are_survived_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(40)]
    whole = write(tmp_path / "whole.mp4", noisy, gop=10, faststart=True)
    data = bytearray(whole.read_bytes())
    start = data.index(b"mdat") + 4
    for place in range(start + (len(data) - start) // 3, len(data) - 4000, 3001):
        data[place : place + 24] = bytes(value ^ 0xFF for value in data[place : place + 24])
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    with open_video(broken) as video:
        frames = list(video)
        info = video.info
    assert info.declared_frames == 40
    assert 20 <= len(frames) == info.decoded_frames
    assert info.bad_packets > 0
    assert {frame.image.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def unreadable(folder: Path) -> Iterator[tuple[Path, str]]:
    yield folder / "missing.mp4", "no file"
    for name, content, words in [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"Dear reader, this is not a video.\n" * 50, "cannot be read as a video"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n", "cannot be read"),
        ("empty.png", b"", "is empty"),
        ("text.jpg", b"not a picture", "cannot be read as a picture"),
    ]:
        (folder / name).write_bytes(content)
        yield folder / name, words
    yield audio_only(folder / "sound.mp4"), "holds no video"
    yield folder / "missing.png", "no file"


def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    for path, words in unreadable(tmp_path):
        with pytest.raises(MediaError, match=words) as caught, open_media(path) as media:
            list(media)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_video_without_one_good_packet(clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    clip.write_bytes(data)
    with open_video(clip) as video, pytest.raises(MediaError, match=r"No frame of .*clip\.mp4"):
        list(video)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_pictures_read_like_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    PIL.Image.fromarray(numbered(3)).save(path, quality=98)
    with open_media(path) as media:
        (frame,) = list(media)
        (raw,) = media.raw_frames()
        assert media.frame_times.tolist() == [0.0]
        assert media.info.is_picture
        assert (media.info.declared_frames, media.info.decoded_frames) == (1, 1)
    assert np.abs(frame.image.astype(int) - numbered(3)).mean() < 5
    assert raw.thumbnail(16).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored", "degrees"),
    [(1, 0, False, 0), (3, 2, False, 180), (6, 3, False, 90), (8, 1, False, 270), (2, 0, True, 0)],
)
def test_exif_orientation_is_applied(
    tmp_path: Path, orientation: int, turns: int, mirrored: bool, degrees: int
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    PIL.Image.fromarray(numbered(3)).save(path, exif=exif)
    picture = read_picture(path)
    expected = np.rot90(numbered(3)[:, ::-1] if mirrored else numbered(3), turns)
    np.testing.assert_array_equal(picture.image, expected)
    assert picture.info.rotation_degrees == degrees


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "LA"])
def test_pictures_of_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mode.png"
    grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (8, 1))
    if mode == "I;16":
        PIL.Image.fromarray(grey.astype(np.uint16) * 257).save(path)
    else:
        PIL.Image.fromarray(grey).convert(mode).save(path)
    image = read_picture(path).image
    assert image.shape == (8, 64, 3)
    assert np.abs(image.astype(int) - grey[..., None]).max() <= 2


def test_a_damaged_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(MediaError, match=r"half\.png cannot be read as a picture"):
        read_picture(path)


def test_a_picture_made_to_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1000)
    PIL.Image.fromarray(numbered(0)).save(tmp_path / "bomb.png")
    with pytest.raises(MediaError, match="more than 1000 pixels"):
        read_picture(tmp_path / "bomb.png")


def test_find_media_looks_into_folders_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.MP4", "b/a.jpg", "notes.txt", "._z.MP4", "b/c.webm"):
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in find_media(tmp_path)]
    assert names == ["b/a.jpg", "b/c.webm", "z.MP4"]
    assert find_media(tmp_path / "z.MP4") == [tmp_path / "z.MP4"]


def test_find_media_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MediaError, match="holds no video or picture"):
        find_media(tmp_path)
    with pytest.raises(MediaError, match="no file or folder"):
        find_media(tmp_path / "nowhere")
