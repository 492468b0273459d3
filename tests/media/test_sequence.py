"""Folders of numbered pictures, loose and in archives, are read like videos and never unpacked."""

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from deeptell.errors import MediaError
from deeptell.media import archive, sequence
from deeptell.media.archive import archive_contents
from deeptell.media.decode import open_media
from deeptell.records import Frame

NUMBERS = (1, 2, 3, 5, 20, 100)


def picture(value: int, *, kind: str = "png", side: int = 20) -> bytes:
    """A picture of one grey value that is wider than high."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (side + 4, side), (value, value, value)).save(file, kind)
    return file.getvalue()


def loose(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of the files in their order, below "1/"; the path of the folder in it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"1/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path.with_name(f"{path.name}#1")


Lay = Callable[[dict[str, bytes]], Path]


@pytest.fixture(params=["folder", "archive"])
def lay(request: pytest.FixtureRequest, tmp_path: Path) -> Lay:
    """Write pictures in a folder, or into an archive; the path that opens them."""
    if request.param == "folder":
        return lambda files: loose(tmp_path / "pictures", files)
    return lambda files: packed(tmp_path / "pictures.tar.gz", files)


def read(path: Path) -> list[Frame]:
    with open_media(path) as media:
        return list(media)


def greys(frames: list[Frame]) -> list[int]:
    return [int(frame.image.mean()) for frame in frames]


def test_numbers_are_frames_and_gaps_are_gaps_in_time(lay: Lay) -> None:
    # In the order of names, as archives are written: 1, 100, 2, 20, 3, 5.
    path = lay({f"{n}.png": picture(n) for n in sorted(NUMBERS, key=str)} | {"a.txt": b"no"})
    with open_media(path) as media:
        frames = list(media)
        assert [frame.frame_index for frame in frames] == list(NUMBERS) == greys(frames)
        seconds = (np.array(NUMBERS) - 1) / 25
        np.testing.assert_allclose([frame.pts_seconds for frame in frames], seconds)
        np.testing.assert_allclose(media.frame_times, seconds)
        assert greys(list(media)) == list(NUMBERS)  # can be read twice
        info = media.info
        raw = next(iter(media.raw_frames()))
        assert raw.thumbnail(8).shape == (8, 8, 3)
    assert (info.width, info.height, info.codec) == (24, 20, "png")
    assert (info.frame_rate, info.duration_seconds) == (25, pytest.approx(4.0))
    assert (info.declared_frames, info.decoded_frames, info.bad_packets) == (6, 6, 0)
    assert not info.is_picture


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["frame_0009.jpg", "frame_0010.jpg", "frame_0002.jpg"], [2, 0, 1]),
        (["a1_face.jpg", "a10_face.jpg", "a2_face.jpg"], [0, 2, 1]),
        (["9_0.jpg", "10_0.jpg", "8_0.jpg"], [2, 0, 1]),  # one number for all: counted
        (["b.jpg", "a.jpg", "c.jpg"], [1, 0, 2]),
        (["1.jpg", "1.png", "0.png"], [2, 0, 1]),
        (["2.jpg", "99999999999999.jpg", "1.jpg"], [2, 0, 1]),
    ],
)
def test_names_in_natural_order(lay: Lay, names: list[str], order: list[int]) -> None:
    kinds = {".jpg": "jpeg", ".png": "png"}
    files = {name: picture(50 * place, kind=kinds[name[-4:]]) for place, name in enumerate(names)}
    frames = read(lay(files))
    assert greys(frames) == [50 * place for place in order]
    indices = [frame.frame_index for frame in frames]
    assert indices == sorted(set(indices))


def test_bad_pictures_are_counted_and_passed_over(lay: Lay) -> None:
    whole = picture(4, side=200)
    files = {"1.png": picture(1), "2.png": b"", "3.png": b"no picture", "4.png": whole[:90]}
    with open_media(lay(files | {"9.png": picture(9)})) as media:
        assert greys(list(media)) == [1, 9]
        assert (media.info.decoded_frames, media.info.bad_packets) == (2, 3)


def test_nothing_to_read(lay: Lay, tmp_path: Path) -> None:
    with open_media(lay({"1.png": b"no picture"})) as media, pytest.raises(MediaError, match="Not"):
        list(media)
    empty = {"notes.txt": b"no", "deeper/1.png": picture(1), "._1.png": b"macOS"}
    loose(tmp_path / "other", empty)
    with pytest.raises(MediaError, match="holds no picture"), open_media(tmp_path / "other"):
        pass
    for name in ("none.tar.gz#1", "pictures.tar.gz#2"):
        packed(tmp_path / "pictures.tar.gz", empty)
        with pytest.raises(MediaError, match="check the path"), open_media(tmp_path / name):
            pass


@pytest.mark.parametrize("held", [1, 500, 1 << 20])
def test_what_does_not_fit_into_memory_is_read_in_further_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(archive, "_HELD", held)
    path = packed(tmp_path / "a.tar.gz", {f"{n}.png": picture(n) for n in (9, 3, 7, 1, 5)})
    assert greys(read(path)) == [1, 3, 5, 7, 9]


def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_HELD", 1 << 20)
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    PIL.Image.fromarray(noise).save(data, "png")
    path = packed(tmp_path / "a.tar.gz", {f"{n}.png": data.getvalue() for n in range(60, 0, -1)})
    tracemalloc.start()
    with open_media(path) as media:
        assert sum(1 for _ in media) == 60  # 12 MB of files, 12 MB of pixels
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_names_that_climb_out_and_links_are_never_followed(tmp_path: Path) -> None:
    secret = loose(tmp_path / "secret", {"1.png": picture(66)})
    path = tmp_path / "work" / "evil.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        for name in ("../secret/2.png", f"{tmp_path}/3.png", "good/4.png", "good/\x1b[2J/5.png"):
            member = tarfile.TarInfo(name)
            member.size = len(picture(4))
            tar.addfile(member, io.BytesIO(picture(4)))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            link = tarfile.TarInfo(f"good/{kind.decode()}.png")
            link.type, link.linkname = kind, f"{secret}/1.png"
            tar.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    assert archive_contents(path).folders == ("good",)
    assert greys(read(path.with_name("evil.tar.gz#good"))) == [4]
    with pytest.raises(MediaError), open_media(Path(f"{path}#../secret")):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_archives_that_are_damaged_give_what_comes_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)  # bytes that gzip cannot shrink
    files = {f"{n}.png": picture(n) + rng.bytes(30_000) for n in range(1, 9)}
    path = packed(tmp_path / "a.tar.gz", files).with_name("a.tar.gz")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = read(tmp_path / "a.tar.gz#1")
    assert greys(frames)[:3] == [1, 2, 3]
    assert len(frames) < 6
    assert archive_contents(path).damage
    path.write_bytes(b"no archive at all")
    with pytest.raises(MediaError, match="damaged"), open_media(tmp_path / "a.tar.gz#1"):
        pass


def test_a_picture_too_large_to_be_one_is_passed_over(
    lay: Lay, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = lay({"1.png": picture(1), "2.png": picture(2, side=300) + bytes(5000)})
    monkeypatch.setattr(sequence, "_LARGEST_PICTURE", 2000)
    with open_media(path) as media:
        assert greys(list(media)) == [1]
        assert media.info.bad_packets == 1
    monkeypatch.undo()
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10_000)
    assert greys(read(path)) == [1]
