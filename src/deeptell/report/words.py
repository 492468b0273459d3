"""Numbers and answers in words that a reader who is not an engineer can take at face value."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePath

from deeptell.answers import Verdict
from deeptell.records import OperatingPoint, VideoInfo

SPACE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"

MEANING = {
    Verdict.MANIPULATED: "At least one face in this file bears traces that the model has learned "
    "to take for manipulation.",
    Verdict.NOT_FOUND: "The model found none of the traces it knows in the faces it examined. "
    "This does not show that the file is genuine.",
    Verdict.CANNOT_TELL: "The model gives no answer. This counts neither for nor against "
    "manipulation.",
}

CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "MP4/MOV", "matroska,webm": "Matroska/WebM", "avi": "AVI"}
CODECS = {
    "h264": "H.264",
    "hevc": "H.265 (HEVC)",
    "mjpeg": "JPEG",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "mpeg4": "MPEG-4 Part 2",
}


def percent(probability: float) -> str:
    """A model's probability, to half a percent, and never as certain as 0 or 100."""
    if probability < 0.01:
        return f"under 1{SPACE}%"
    if probability > 0.99:
        return f"over 99{SPACE}%"
    return f"{math.floor(probability * 200 + 0.5) / 2:g}{SPACE}%"


def clock(seconds: float) -> str:
    """A moment of a video: "3.4 s" in the first minute, "2:05" after it."""
    if seconds < 59.95:
        return f"{seconds:.1f}{SPACE}s"
    return minutes(seconds)


def stretch(start: float, end: float) -> str:
    """A part of a video: "3.4–4.4 s"."""
    if clock(start) == clock(end):
        return clock(start)
    if end < 59.95:
        return f"{start:.1f}{DASH}{clock(end)}"
    return f"{minutes(start)}{DASH}{minutes(end)}"


def minutes(seconds: float) -> str:
    """A moment as minutes and seconds: "0:36"."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def standing(probability: float, points: Mapping[str, OperatingPoint]) -> str:
    """Where a score stands among the thresholds of the model."""
    if not {"flag", "clear"} <= points.keys():
        return "the model comes without measured thresholds"
    flag, clear = points["flag"].threshold, points["clear"].threshold
    if probability >= flag:
        return f"at or above the line for “{Verdict.MANIPULATED}” ({percent(flag)})"
    if probability < clear:
        return f"below the line for “{Verdict.NOT_FOUND}” ({percent(clear)})"
    return f"between the two lines ({percent(clear)} and {percent(flag)})"


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 file", "2 files", "1,250 frames"."""
    return f"{number:,}{SPACE}{one if number == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Each path's shortest end that no other path has: its name, with folders only if needed."""
    parts = {path: PurePath(path).parts or (path,) for path in paths}
    names: dict[str, str] = {}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        ends = Counter(mine[-length:] for mine in parts.values())
        for path, mine in parts.items():
            if path not in names and (ends[mine[-length:]] == 1 or length == len(mine)):
                names[path] = str(PurePath(*mine[-length:]))
    return {path: names[path] for path in parts}


def format_of(info: VideoInfo) -> str:
    """The format of a file as people call it: "MP4/MOV, H.264, yuv420p"."""
    codec = CODECS.get(info.codec, info.codec.upper())
    if info.is_picture:
        return f"{codec} picture, {info.pixel_format}"
    return f"{CONTAINERS.get(info.container, info.container)}, {codec}, {info.pixel_format}"


def printable(text: str) -> str:
    """The text with what cannot be shown, or would turn the reading direction, made visible."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char not in "\n\t\u200d"
        else char
        for char in text
    )
