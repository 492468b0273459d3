"""What a file is by its first bytes: all that deeptell writes or reads, and nothing that runs."""

import io
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
import pytest

from deeptell.serve.sniff import HEAD, suffix_of

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


def encoded(path: Path, container: str, codec: str) -> bytes:
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(PIXELS, format="rgb24")))
        output.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("container", "codec", "suffix"),
    [
        ("mp4", "libx264", ".mp4"),
        ("mov", "mpeg4", ".mp4"),
        ("matroska", "libx264", ".mkv"),
        ("webm", "libvpx-vp9", ".mkv"),
        ("avi", "mpeg4", ".avi"),
        ("mpeg", "mpeg1video", ".mpg"),
        ("mpegts", "mpeg2video", ".ts"),
        ("flv", "flv", ".flv"),
    ],
)
def test_videos(tmp_path: Path, container: str, codec: str, suffix: str) -> None:
    assert suffix_of(encoded(tmp_path / "x", container, codec)[:HEAD]) == suffix


@pytest.mark.parametrize("kind", ["jpg", "png", "gif", "webp", "tif", "bmp"])
def test_pictures(kind: str) -> None:
    held = io.BytesIO()
    PIL.Image.fromarray(PIXELS).save(held, {"jpg": "jpeg", "tif": "tiff"}.get(kind, kind))
    assert suffix_of(held.getvalue()[:HEAD]) == f".{kind}"


def test_nothing_else() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.mp4", bytes(10**6))
    others = [b"", b"<svg onload='alert(1)'/>", b"<!doctype html><script>", held.getvalue()]
    others += [b"%PDF-1.7", b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh\n", bytes(400), b"GIF8", b"RIFF"]
    assert [suffix_of(head[:HEAD]) for head in others] == [None] * len(others)


def test_a_picture_of_opencv() -> None:
    _, data = cv2.imencode(".png", PIXELS)
    assert suffix_of(data.tobytes()[:HEAD]) == ".png"
