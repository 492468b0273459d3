"""What a file is by its first bytes, whatever it is called and whatever is said of it."""

from collections.abc import Callable, Mapping

HEAD = 400  # bytes that `suffix_of` needs

_PICTURE_BRANDS = (b"avif", b"heic", b"heix", b"mif1", b"msf1")  # which nothing here decodes


def _boxes(head: bytes) -> bool:
    """ISO base media: MP4, MOV, 3GP; old MOV files begin with other boxes."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") and (
        head[8:12] not in _PICTURE_BRANDS
    )


def _packets(head: bytes) -> bool:
    """MPEG transport streams: a sync byte every 188 bytes, or 192 with a time before each."""
    plain = len(head) > 376 and all(head[place] == 0x47 for place in (0, 188, 376))
    timed = len(head) > 388 and all(head[place] == 0x47 for place in (4, 196, 388))
    return plain or timed


_KINDS: Mapping[str, Callable[[bytes], bool]] = {
    ".jpg": lambda head: head.startswith(b"\xff\xd8\xff"),
    ".png": lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    ".gif": lambda head: head.startswith((b"GIF87a", b"GIF89a")),
    ".webp": lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
    ".tif": lambda head: head.startswith((b"II*\0", b"MM\0*")),
    ".bmp": lambda head: head.startswith(b"BM") and head[6:10] == bytes(4),
    ".mp4": _boxes,
    ".mkv": lambda head: head.startswith(b"\x1aE\xdf\xa3"),  # WebM too
    ".avi": lambda head: head.startswith(b"RIFF") and head[8:12] == b"AVI ",
    ".mpg": lambda head: head.startswith((b"\0\0\1\xba", b"\0\0\1\xb3")),
    ".ts": _packets,
    ".flv": lambda head: head.startswith(b"FLV\1"),
    ".wmv": lambda head: head.startswith(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    ".ogv": lambda head: head.startswith(b"OggS"),
    ".mxf": lambda head: head.startswith(b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),
}


def suffix_of(head: bytes) -> str | None:
    """The suffix that a file with these first bytes should have; None: it is none that we take."""
    return next((suffix for suffix, fits in _KINDS.items() if fits(head)), None)
