"""The boxes that an MP4 or MOV file consists of, as far as their order tells something."""

import struct
from collections.abc import Iterator
from pathlib import Path

from deeptell.answers import Fact

# C2PA 2.1, A.5: the box in which Content Credentials lie.
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_MOST_BOXES = 10_000

CREDENTIALS = Fact(
    "content_credentials",
    "The file holds Content Credentials (C2PA).",
    "A signed account of where it comes from and what was done to it. deeptell does not check the "
    "signature: read it with a tool of the Content Authenticity Initiative.",
)


def box_facts(path: Path) -> Iterator[Fact]:
    """What the order of the boxes says; nothing where the file is of another kind."""
    boxes = list(_boxes(path))
    kinds = [kind for kind, _ in boxes]
    if "moov" in kinds and "mdat" in kinds:
        if "moof" in kinds:
            says = "It is written in fragments."
        elif kinds.index("moov") < kinds.index("mdat"):
            says = "The table of contents stands before the pictures."
        else:
            says = "The table of contents stands after the pictures."
        yield Fact(
            "layout",
            says,
            "Most cameras write the table of contents last, programs that prepare a file for the "
            "web put it first, and streams and some recorders write fragments. It says how the "
            "file was saved last, and nothing about the pictures.",
        )
    if any(uuid == _C2PA for _, uuid in boxes):
        yield CREDENTIALS


def _boxes(path: Path) -> Iterator[tuple[str, bytes]]:
    """Kind, and for "uuid" the identifier, of each box on the outermost level (ISO 14496-12)."""
    end = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        for _ in range(_MOST_BOXES):
            file.seek(place)
            head = file.read(32)
            if len(head) < 8:
                return
            size, kind = struct.unpack(">I4s", head[:8])
            header = 8
            if size == 1 and len(head) >= 16:
                size, header = struct.unpack(">Q", head[8:16])[0], 16
            yield kind.decode("latin-1"), head[header : header + 16] if kind == b"uuid" else b""
            if size < header or place + size >= end:  # 0: to the end of the file
                return
            place += size
