"""What a file says about itself: who wrote it, when, and how evenly; pictures are not decoded.

Nothing of it is evidence of manipulation by itself. Each `Fact` says what it can mean and what it
cannot. Files that deeptell would not decode are refused in the same way.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import PIL.Image

from deeptell.answers import Fact
from deeptell.media.boxes import CREDENTIALS, box_facts
from deeptell.media.packets import Packets, packet_facts
from deeptell.media.picture import PICTURE_SUFFIXES, opened_picture
from deeptell.media.tags import picture_facts, video_facts
from deeptell.media.video import _open, _seconds

_APART = 0.3  # seconds by which sound and pictures may differ in length


def facts_of(path: Path) -> tuple[Fact, ...]:
    """Read what a video or a picture says about itself.

    All packets of a video are read once, without being decoded.

    Raises:
        MediaError: the file cannot be read as video or picture.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return tuple(_of_picture(path))
    return tuple(_of_video(path))


def _of_picture(path: Path) -> Iterator[Fact]:
    with opened_picture(path) as picture:
        yield from picture_facts(picture)
        if _holds_jumbf(picture):
            yield CREDENTIALS


def _holds_jumbf(picture: PIL.Image.Image) -> bool:
    """Whether a JPEG has an APP11 segment with a box of C2PA (C2PA 2.1, A.3)."""
    segments = getattr(picture, "applist", ())
    return any(name == "APP11" and b"c2pa" in data for name, data in segments)


def _of_video(path: Path) -> Iterator[Fact]:
    with ExitStack() as stack:
        container, stream = _open(path, stack)
        yield _container(container)
        yield from box_facts(path)
        packets = Packets.read(container, stream)
        start = bytes(stream.codec_context.extradata or b"") + packets.start
        streams = [stream, *(other for other in container.streams if other is not stream)]
        yield from video_facts(container.metadata, [one.metadata for one in streams], start)
        yield from _sound(container, stream)
        yield from packet_facts(packets, declared_frames=stream.frames)


def _container(container: Any) -> Fact:
    brands = [container.metadata.get(key, "") for key in ("major_brand", "compatible_brands")]
    told = ", ".join(brand.strip() for brand in brands if brand.strip().isprintable() and brand)
    return Fact(
        "container",
        f"{container.format.long_name}{f' ({told})' if told else ''}.",
        "The kind of file, as its writer chose it; what is inside can be moved from one kind to "
        "another unchanged.",
    )


def _sound(container: Any, stream: Any) -> Iterator[Fact]:
    lengths = [
        _seconds(one.duration, one.time_base) for one in (stream, *container.streams.audio[:1])
    ]
    if len(lengths) < 2 or None in lengths:
        return
    pictures, sound = (float(length or 0) for length in lengths)
    if abs(pictures - sound) > _APART:
        more = "longer" if sound > pictures else "shorter"
        yield Fact(
            "sound_length",
            f"The sound is {abs(sound - pictures):.1f} s {more} than the pictures.",
            "Sound and pictures of one recording are about as long. Another length can come from "
            "editing, from a live stream, or from a recorder that stopped them one by one.",
        )
