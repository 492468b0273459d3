"""What devices and programs wrote about themselves into a video or a picture.

Anyone can write anything there: texts are taken as they stand, cut to a readable length.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import PIL.Image
from PIL.ExifTags import IFD, Base

from deeptell.answers import Fact

_LONGEST = 120  # characters of one tag
_CAMERA = (
    ("com.apple.quicktime.make", "com.apple.quicktime.model"),
    ("com.android.manufacturer", "com.android.model"),
    ("make", "model"),
)
_WRITER = (
    *("com.apple.quicktime.software", "software", "creating_application", "creation_tool"),
    *("encoder", "encoded_by", "writing_app", "muxing_app", "firmware", "vendor_id"),
)
_DATE = ("com.apple.quicktime.creationdate", "creation_time", "date", "datetime_original")
# The handler of the pictures often keeps the name of a program before the last. These are none.
_HANDLERS = {"videohandler", "mp4 video media handler", "video media handler", "video"}
# Encoders leave their name among the pictures; it outlives a change of container.
_IN_STREAM = re.compile(rb"x264 - core \d+|x265 \(build \d+\)|Lavc\d[\d.]*|XviD\d+|DivX\d+")
_ON_COMPUTERS = re.compile(
    r"lav[fc]|x26[45]|handbrake|adobe|premiere|photoshop|gimp|capcut|davinci|final cut|imovie"
)
_GENERATORS = ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata")
_SYNTHETIC = re.compile(rb"(?:compositeWith)?[tT]rainedAlgorithmicMedia")
_CREATOR = re.compile(rb"CreatorTool(?:>|=\")([^<\"]{1,120})")


def video_facts(
    tags: Mapping[str, str], streams: Iterable[Mapping[str, str]], start: bytes
) -> Iterator[Fact]:
    """What the tags of a container and of its streams say, and what its encoder left.

    Args:
        tags: of the container.
        streams: the tags of each stream, that of the pictures first.
        start: of the pictures, with what the codec keeps aside.
    """
    rows = [_lower(tags), *(_lower(stream) for stream in streams)]
    writers = [row[key] for row in rows for key in _WRITER if key in row]
    writers += [match.decode("ascii") for match in _IN_STREAM.findall(start)]
    handler = _clean(rows[1].get("handler_name"))
    writers += [handler] if handler.lower() not in _HANDLERS else []
    camera = next(
        (_joined(row, pair) for row in rows for pair in _CAMERA if _joined(row, pair)), ""
    )
    dates = [row[key] for row in rows for key in _DATE if key in row]
    yield from _origin(camera, writers, dates)


def picture_facts(picture: PIL.Image.Image) -> Iterator[Fact]:
    """What EXIF, XMP and text entries of a picture say; nothing of it is decoded as pixels."""
    exif = picture.getexif()
    inner = exif.get_ifd(IFD.Exif)
    info = picture.info.items()
    texts = {k: v for k, v in info if isinstance(k, str) and isinstance(v, str)}
    xmp = picture.info.get("xmp", picture.info.get("XML:com.adobe.xmp", b""))
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    camera = _joined({"make": exif.get(Base.Make), "model": exif.get(Base.Model)}, _CAMERA[-1])
    writers = [exif.get(Base.Software), texts.get("Software")]
    writers += [found.decode("utf-8", "replace") for found in _CREATOR.findall(xmp)]
    dates = [inner.get(Base.DateTimeOriginal), exif.get(Base.DateTime), texts.get("Creation Time")]
    yield from _origin(camera, writers, dates)
    yield from _generator([key for key in texts if key.lower() in _GENERATORS], xmp)


def _origin(camera: str, writers: Iterable[object], dates: Iterable[object]) -> Iterator[Fact]:
    camera, programs, days = _clean(camera), _distinct(writers), _distinct(dates)
    if camera:
        yield Fact(
            "camera",
            camera,
            "The device that the file names. Tags are copied along by many programs and can be "
            "written by hand: it does not show that the pictures left that device unchanged.",
        )
    if programs:
        yield Fact(
            "writer",
            "; ".join(programs),
            "Programs that wrote or encoded the file and left their names, of which Lavf, Lavc and "
            "x264 belong to FFmpeg. Nearly all sites, messengers and editing programs hold it: it "
            "shows that the file was saved anew, and not what was done to it.",
        )
    if camera and any(_ON_COMPUTERS.search(program.lower()) for program in programs):
        yield Fact(
            "saved_anew",
            "It names a camera, and a program that is mostly run on computers.",
            "The file was saved again after it was filmed: cut, turned, converted or edited. Which "
            "of these, the tags do not say.",
        )
    if days:
        yield Fact(
            "created",
            "; ".join(days),
            "Dates by the clock of the device or program that wrote them: of the filming, of an "
            "export or of a copy. They can be set to anything.",
        )
    if not (camera or programs or days):
        yield Fact(
            "no_origin",
            "The file names no device, no program and no date.",
            "Usual after a messenger or a site, which remove such tags. It cannot be traced by "
            "them, and that counts neither for nor against it.",
        )


def _generator(keys: list[str], xmp: bytes) -> Iterator[Fact]:
    """What picture generators write of their own accord."""
    told = [f"It holds the entry “{key}”." for key in keys]
    if match := _SYNTHETIC.search(xmp):
        told.append(f"Its metadata call it {match.group().decode('ascii')}.")
    if told:
        yield Fact(
            "generator",
            " ".join(told),
            "Programs that generate or alter pictures by a model write this. The tag can be added "
            "to any picture, and is missing from most generated ones.",
        )


def _lower(tags: Mapping[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in tags.items() if _clean(value)}


def _joined(row: Mapping[str, object], pair: tuple[str, str]) -> str:
    """Make and model, where at least one is given."""
    return " ".join(_distinct(row.get(key) for key in pair))


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(text for text in map(_clean, values) if text))


def _clean(value: object) -> str:
    """A tag as one readable line; what is no text is none."""
    if not isinstance(value, str):
        return ""
    text = " ".join("".join(char if char.isprintable() else " " for char in value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
