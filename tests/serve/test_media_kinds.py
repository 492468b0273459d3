"""Videos as they come from anywhere, sent: answered or refused in a sentence, and played."""

import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from asking import Client
from sound import silent

from deeptell.media.decode import open_video
from deeptell.records import Image

# What browsers cannot play, or not everywhere: container, codec, pixels, what is sniffed.
UNPLAYED = {
    "mpeg1": ("mpeg", "mpeg1video", "yuv420p"),
    "mpeg2": ("mpegts", "mpeg2video", "yuv420p"),
    "hevc": ("mp4", "libx265", "yuv420p"),
    "raw": ("avi", "rawvideo", "yuv420p"),
    "ten_bits": ("mp4", "libx264", "yuv420p10le"),
    "colours": ("mp4", "libx264rgb", "rgb24"),
    "in_matroska": ("matroska", "libx264", "yuv420p"),
}
PLAYED = {"vp9": ("webm", "libvpx-vp9", "yuv420p"), "h264": ("mp4", "libx264", "yuv420p")}


@pytest.fixture(scope="module")
def frames(benchmark: Path) -> list[Image]:
    clip = benchmark / "extra" / "two_people_right_swapped.mp4"
    with open_video(clip) as video:
        return [frame.image for frame in video][:24]


def write(
    path: Path,
    images: Sequence[Image],
    kind: tuple[str, str, str],
    *,
    times: Sequence[int] | None = None,
    rotation: int = 0,
) -> Path:
    container, codec, pixels = kind
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 25)
        if codec.startswith("libx26"):
            stream.options = {"crf": "18", "x265-params": "log-level=none"}
        elif codec != "rawvideo":
            stream.bit_rate = 3_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pixels)
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def answered(client: Client, path: Path) -> tuple[dict, dict]:
    """The job, and the file's part of its answer."""
    sent = client.send(path, f"name={path.name}")
    assert sent.status == 202, sent.json
    job = client.ended(sent.json["id"])
    assert job["state"] == "done", job["error"]
    return job, client.get(f"/jobs/{job['id']}/result").json


@pytest.mark.parametrize("kind", [*UNPLAYED, *PLAYED])
def test_every_kind_is_answered_and_has_what_a_browser_plays(
    client: Client, frames: list[Image], tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / f"{kind}.bin", frames, {**UNPLAYED, **PLAYED}[kind])
    job, content = answered(client, path)
    assert len(content["files"][0]["people"]) == 2
    assert (content["page"]["preview"] is not None) == (kind in UNPLAYED)
    media = client.get(f"/jobs/{job['id']}/media")
    if kind not in UNPLAYED:
        assert media.body == path.read_bytes()
        return
    (tmp_path / "seen.mp4").write_bytes(media.body)
    with open_video(tmp_path / "seen.mp4") as seen:
        assert (seen.info.codec, seen.info.pixel_format) == ("h264", "yuv420p")
        assert len(seen.frame_times) == len(frames)


def test_times_and_turns_are_those_of_the_original(
    client: Client, frames: list[Image], tmp_path: Path
) -> None:
    times = list(np.cumsum([1, 1, 5, 1, 9, 1] * 4))
    turned = [np.rot90(image, -1).copy() for image in frames]
    path = write(tmp_path / "phone.mp4", turned, UNPLAYED["hevc"], times=times, rotation=90)
    job, content = answered(client, path)
    (file,) = content["files"]
    assert len(file["people"]) == 2  # upright
    (tmp_path / "seen.mp4").write_bytes(client.get(f"/jobs/{job['id']}/media").body)
    with open_video(path) as original, open_video(tmp_path / "seen.mp4") as seen:
        np.testing.assert_allclose(seen.frame_times, original.frame_times, atol=0.02)
        assert (seen.info.width, seen.info.height) == frames[0].shape[1::-1]


def test_what_has_no_picture_or_no_end_fails_with_a_sentence(
    client: Client, frames: list[Image], tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole.mp4", frames, PLAYED["h264"]).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 3])
    for path, said in ((silent(tmp_path / "sound.mp4"), "no video"), (cut, "cannot be read")):
        job = client.ended(client.send(path, f"name={path.name}").json["id"])
        assert (job["state"], said in job["error"], path.name in job["error"]) == (
            *("failed", True),
            True,
        )
        assert "/" not in job["error"]


def test_damage_and_strangers_are_answered(
    client: Client, frames: list[Image], tmp_path: Path
) -> None:
    data = bytearray(write(tmp_path / "whole.mp4", frames, PLAYED["h264"]).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(255 - byte for byte in data[middle : middle + 400])
    flipped = tmp_path / "flipped.mp4"
    flipped.write_bytes(data)
    assert answered(client, flipped)[1]["files"][0]["media"]["declared_frames"] == len(frames)
    for count in (1, 20):
        path = tmp_path / f"grey-{count}.mp4"
        write(path, [np.full((48, 64, 3), 90, np.uint8)] * count, PLAYED["h264"])
        (file,) = answered(client, path)[1]["files"]
        assert (file["verdict"], file["people"]) == ("cannot tell", [])
        assert file["reasons"][0]["code"] == "no_face"


playwright = pytest.importorskip("playwright.sync_api")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page(client: Client) -> Iterator[object]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        opened = launched.new_page()
        opened.goto(client.address)
        yield opened
        launched.close()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("kind", UNPLAYED)
def test_a_browser_plays_it_and_draws_its_boxes(
    page, client: Client, frames: list[Image], tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / f"shown-{kind}.bin", frames, UNPLAYED[kind])
    page.set_input_files("#files", path)
    page.locator("#result h2", has_text=path.name).wait_for(timeout=60_000)
    page.locator(".answer").wait_for(timeout=60_000)
    seen = "document.querySelector('video')"
    for _ in range(200):
        if page.evaluate(f"{seen} !== null && {seen}.readyState >= 2"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate(f"{seen}.error") is None
    assert page.evaluate(f"{seen}.videoWidth / {seen}.videoHeight") == pytest.approx(
        frames[0].shape[1] / frames[0].shape[0], rel=0.01
    )
    assert page.evaluate(f"{seen}.duration") == pytest.approx(len(frames) / 25, abs=0.1)
    page.locator(".timeline").first.click()
    page.wait_for_timeout(300)
    assert page.evaluate(f"{seen}.currentTime") > 0.1
    drawn = """(() => { const c = document.querySelector('.screen canvas');
      return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0); })()"""
    assert page.evaluate(drawn)
