"""What a file says about itself, read from files that are written to say it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from deeptell.errors import MediaError
from deeptell.media.facts import facts_of

RATE = 25


def write(
    path: Path,
    times=None,
    *,
    tags=None,
    gop=12,
    noisy=range(0),
    faststart=False,
    codec="libx264",
    keys=(),
) -> Path:
    """A clip of 64 x 48 pixels whose frames are shown at these counts of 1/25 s."""
    times = list(range(100)) if times is None else list(times)
    rng = np.random.default_rng(0)
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, RATE)
        stream.codec_context.gop_size = gop
        stream.options = {"sc_threshold": "0", "crf": "20"} if codec == "libx264" else {}
        for number, time in enumerate(times):
            level = rng.integers(0, 255, (48, 64, 3)) if number in noisy else number % 200 + 20
            image = np.broadcast_to(np.uint8(level), (48, 64, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, RATE)
            if number in keys:
                frame.pict_type = av.video.frame.PictureType.I
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def said(path: Path) -> dict[str, str]:
    return {fact.code: fact.says for fact in facts_of(path)}


def test_a_plain_export(tmp_path: Path) -> None:
    told = said(write(tmp_path / "a.mp4"))
    assert "Lavf" in told["writer"]
    assert "x264 - core" in told["writer"]
    assert told["frame_times"] == "Frames come evenly, 40 ms apart."
    assert told["key_frames"] == "Key frames come every 12 frames."
    assert told["layout"].endswith("after the pictures.")
    assert told["data_rate"].endswith(" kbit/s.")
    assert not {"camera", "created", "saved_anew", "no_origin", "frame_count"} & told.keys()


def test_every_fact_says_what_it_cannot_mean(tmp_path: Path) -> None:
    tags = {"make": "Canon", "model": "EOS R5", "creation_time": "2024-05-01T10:00:00Z"}
    found = facts_of(write(tmp_path / "a.mkv", tags=tags))
    assert {"camera", "writer", "saved_anew", "created"} <= {fact.code for fact in found}
    codes = [fact.code for fact in found]
    assert len(codes) == len(set(codes))
    for fact in found:
        assert fact.means.endswith(".")
        assert "manipul" not in fact.means
    told = {fact.code: fact.says for fact in found}
    assert told["camera"] == "Canon EOS R5"
    assert told["created"].startswith("2024-05-01")


def test_a_file_without_tags(tmp_path: Path) -> None:
    """MPEG-1 in its own container names nobody."""
    told = said(write(tmp_path / "a.mpg", codec="mpeg1video"))
    assert "names no device" in told["no_origin"]
    assert "writer" not in told


def test_the_table_of_contents_first(tmp_path: Path) -> None:
    assert said(write(tmp_path / "a.mp4", faststart=True))["layout"].endswith(
        "before the pictures."
    )


def test_lost_frames_and_uneven_ones(tmp_path: Path) -> None:
    lost = [time for time in range(100) if not 50 <= time < 55]
    assert (
        said(write(tmp_path / "lost.mp4", lost))["frame_times"]
        == "One gap of 0.24 s between frames, after 2.0 s."
    )
    rng = np.random.default_rng(1)
    uneven = np.cumsum(rng.choice([2, 3], 100)).tolist()
    assert "unevenly, mostly 80 to 120 ms" in said(write(tmp_path / "u.mp4", uneven))["frame_times"]


def test_a_joint_in_the_key_frames(tmp_path: Path) -> None:
    told = said(write(tmp_path / "a.mp4", range(200), keys=(100,)))
    assert told["key_frames"] == "Key frames come every 12 frames, but for 1, before 4.0 s."
    told = said(write(tmp_path / "b.mp4", gop=1))
    assert told["key_frames"].startswith("Every frame is a key frame")


def test_a_part_with_far_more_data(tmp_path: Path) -> None:
    told = said(write(tmp_path / "a.mp4", range(125), gop=25, noisy=range(50, 75)))
    assert "2 times, at 2.0 s, 3.0 s." in told["data_rate"]


def test_cut_without_encoding_again(tmp_path: Path) -> None:
    """A file whose end is missing still declares its frames."""
    whole = write(tmp_path / "a.mp4", faststart=True).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    told = said(tmp_path / "cut.mp4")
    assert told["frame_count"].startswith("The container declares 100 frames and holds ")


def test_what_a_picture_says(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "NIKON", "NIKON D850", "Adobe Photoshop 25.1"
    exif.get_ifd(0x8769)[0x9003] = "2023:04:05 06:07:08"
    grey = PIL.Image.new("RGB", (8, 8))
    grey.save(tmp_path / "a.jpg", exif=exif)
    told = said(tmp_path / "a.jpg")
    assert told["camera"] == "NIKON NIKON D850"
    assert told["writer"] == "Adobe Photoshop 25.1"
    assert told["created"] == "2023:04:05 06:07:08"
    assert "saved_anew" in told
    made = PngInfo()
    made.add_text("parameters", "a portrait, steps: 30")
    grey.save(tmp_path / "b.png", pnginfo=made)
    assert said(tmp_path / "b.png")["generator"] == "It holds the entry “parameters”."
    xmp = b'<x digitalSourceType="http://cv.iptc.org/x/trainedAlgorithmicMedia"/>'
    grey.save(tmp_path / "c.jpg", xmp=xmp)
    assert "trainedAlgorithmicMedia" in said(tmp_path / "c.jpg")["generator"]
    grey.save(tmp_path / "d.bmp")
    assert list(said(tmp_path / "d.bmp")) == ["no_origin"]


def test_content_credentials_are_named_and_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    box = b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(40)
    with path.open("ab") as file:
        file.write((len(box) + 4).to_bytes(4, "big") + box)
    (fact,) = [fact for fact in facts_of(path) if fact.code == "content_credentials"]
    assert "does not check" in fact.means


def test_tags_from_strangers_become_one_short_line(tmp_path: Path) -> None:
    tags = {"encoder": "<b>\n\x1b[31m" + "x" * 5000, "make": "\u202eevil", "model": " "}
    told = said(write(tmp_path / "a.mkv", tags=tags))
    for text in told.values():
        assert "\n" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(text) < 600


@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_what_is_no_medium(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"moov" * 100)
    with pytest.raises(MediaError, match="cannot be read"):
        facts_of(tmp_path / name)


def test_boxes_that_lead_nowhere(tmp_path: Path) -> None:
    """Sizes that point past the end, or at nothing, end the reading."""
    whole = write(tmp_path / "a.mp4").read_bytes()
    for size in (b"\0\0\0\2", b"\0\0\0\1", b"\xff\xff\xff\xff"):
        (tmp_path / "b.mp4").write_bytes(whole + size + b"free")
        assert said(tmp_path / "b.mp4")["layout"].endswith("after the pictures.")


def test_damaged_tags_never_do_worse_than_being_refused(tmp_path: Path) -> None:
    """A picture whose head has wrong bytes is read, or refused as `MediaError` says."""
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0131] = "NIKON", "Adobe Photoshop 25.1"
    exif.get_ifd(0x8769)[0x9003] = "2023:04:05 06:07:08"
    PIL.Image.new("RGB", (16, 16)).save(tmp_path / "a.jpg", exif=exif)
    whole = (tmp_path / "a.jpg").read_bytes()
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, 200, rng.integers(1, 8)):
            data[place] = rng.integers(0, 256)
        (tmp_path / "b.jpg").write_bytes(data)
        try:
            read += bool(facts_of(tmp_path / "b.jpg"))
        except MediaError:
            continue
    assert 20 < read < 150
