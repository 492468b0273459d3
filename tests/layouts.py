"""Tiny copies of public data sets, true to their layout and to their traps.

Each function writes into a new folder and returns what `deeptell index` is pointed at. Videos are
one clip of three frames, encoded once.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import PIL.Image

from deeptell.media.encode import write_video


@cache
def clip() -> bytes:
    """A video of three grey frames, 32 x 32."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_video(path, [np.full((32, 32, 3), 60 * i, np.uint8) for i in range(3)], crf=23)
        return path.read_bytes()


def picture(value: int, *, kind: str = "png", size: tuple[int, int] = (24, 20)) -> bytes:
    """A picture `size` (width, height) of one grey value."""
    file = io.BytesIO()
    PIL.Image.new("RGB", size, (value, value, value)).save(file, kind)
    return file.getvalue()


def fill(root: Path, names: Iterable[str]) -> None:
    """Write videos, and pictures where the suffix says so, whose grey is the last number."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(int(path.stem)) if path.suffix == ".png" else clip())


def pack(path: Path, members: dict[str, bytes]) -> Path:
    """Write a .tar.gz of files in the given order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def faceforensics(root: Path) -> Path:
    """Three pairs; raw under its other name c0; masks, a fake across pairs, one video absent."""
    fill(
        root,
        (
            *("original_sequences/youtube/c23/videos/" + f"{n}.mp4" for n in ("071", "054", "500")),
            *("original_sequences/youtube/c0/videos/" + f"{n}.mp4" for n in ("000", "003")),
            *(
                f"manipulated_sequences/FaceShifter/c40/videos/{n}.mp4"
                for n in ("071_054", "054_071", "071_087", "000_003", "003_000", "087_081")
            ),
            "manipulated_sequences/FaceShifter/masks/videos/071_054.mp4",
            "original_sequences/youtube/c23/videos/._071.mp4",
        ),
    )
    (root / "dataset" / "splits").mkdir(parents=True)
    pairs = {"train": [["071", "054"]], "val": [["087", "081"]], "test": [["000", "003"]]}
    for split, listed in pairs.items():
        (root / "dataset" / "splits" / f"{split}.json").write_text(json.dumps(listed))
    return root


def dfd(root: Path) -> Path:
    """Two actors in the tree of FaceForensics++; a mask, and a name that is not of the set."""
    fill(
        root,
        (
            "original_sequences/actors/c23/videos/01__exit_room.mp4",
            "original_sequences/actors/c23/videos/02__kitchen_still.mp4",
            "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_room__YVGY8LOK.mp4",
            "manipulated_sequences/DeepFakeDetection/c23/videos/copy.mp4",
            "manipulated_sequences/DeepFakeDetection/masks/videos/01_02__exit_room__YVGY8LOK.mp4",
        ),
    )
    return root


CELEB_LIST = (
    "1 Celeb-real/id0_0001.mp4\n1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id1_id0_0007.mp4\n"
    "0 Celeb-synthesis/id1_id2_0009.mp4"  # as published: no header, no last line end
)


def celebdf(root: Path) -> Path:
    """A test list whose first video counts, whose last line has no end; one video absent."""
    fill(
        root,
        (
            *(f"Celeb-real/{name}.mp4" for name in ("id0_0001", "id1_0007")),
            *(f"YouTube-real/{name}.mp4" for name in ("00170", "00007")),
            *(f"Celeb-synthesis/{name}.mp4" for name in ("id1_id0_0007", "id0_id1_0001")),
        ),
    )
    (root / "List_of_testing_videos.txt").write_text(CELEB_LIST)
    return root


def dfdc(root: Path) -> Path:
    """Parts of three splits, the sample and the test; null originals, a doubled name, no list."""
    parts = {
        "dfdc_train_part_0": {
            "aaaaaaaaaa.mp4": {"label": "REAL", "split": "train"},
            "bbbbbbbbbb.mp4": {"label": "FAKE", "split": "train", "original": "aaaaaaaaaa.mp4"},
            "lostlostlo.mp4": {"label": "FAKE", "split": "train", "original": "aaaaaaaaaa.mp4"},
        },
        "dfdc_train_part_35": {
            "cccccccccc.mp4": {"label": "REAL", "split": "train", "original": None}
        },
        "dfdc_train_part_49": {
            "dddddddddd.mp4": {"label": "FAKE", "split": "train", "original": "eeeeeeeeee.mp4"}
        },
        "train_sample_videos": {"aaaaaaaaaa.mp4": {"label": "REAL", "split": "train"}},
    }
    for part, listed in parts.items():
        fill(root, (f"{part}/{name}" for name in listed if not name.startswith("lost")))
        (root / part / "metadata.json").write_text(json.dumps(listed))
    fill(root, ("test/ffffffffff.mp4", "test/gggggggggg.mp4", "dfdc_train_part_7/h.mp4"))
    (root / "test" / "labels.csv").write_text(
        "filename,label\nffffffffff.mp4,0\ngggggggggg.mp4,1\n"
    )
    return root


def dfdc_preview(root: Path) -> Path:
    """Both methods; one listed video absent, one present that is not listed."""
    names = (
        *("original_videos/64/64_A_001.mp4", "original_videos/18/18_B_001.mp4"),
        "method_A/18/18_B/20_18_B_001.mp4",
        "method_B/64/64_C/12_64_C_001.mp4",
    )
    sets = ("test", "train", "train", "test")
    table = {
        name: {"label": "real" if name[0] == "o" else "fake", "set": side, "augmentations": []}
        for name, side in zip(names, sets, strict=True)
    }
    fill(root, (*names[:3], "method_A/18/18_B/new.mp4"))
    (root / "dataset.json").write_text(json.dumps(table))
    return root


def deeperforensics(root: Path) -> Path:
    """Two methods; the reals lie beside the root, in a FaceForensics++ of their own."""
    fill(
        root,
        (
            *(f"manipulated_videos/end_to_end/{n}.mp4" for n in ("000_M101", "071_W004")),
            *(f"manipulated_videos/reenact_postprocess/{n}.mp4" for n in ("000_M101", "087_M012")),
            "source_videos/M101/M101_front.mp4",
        ),
    )
    (root / "lists" / "splits").mkdir(parents=True)
    for split, name in (("train", "000_M101"), ("val", "071_W004"), ("test", "087_M012")):
        (root / "lists" / "splits" / f"{split}.txt").write_text(f"{name}.mp4\n")
    reals = root.parent / "FaceForensics++" / "original_sequences/youtube/c23/videos"
    fill(reals, (f"{name}.mp4" for name in ("000", "071", "500")))
    return root


def wilddeepfake(root: Path) -> Path:
    """Archives as shipped, in the order of names, with a name that climbs out; one unpacked."""
    top = root / "deepfake_in_the_wild"
    frames = (10, 11, 2, 3)
    members = {f"./1/real/7/{number}.png": picture(number) for number in frames}
    members |= {f"1/real/12/{number}.png": picture(number) for number in frames}
    members |= {"../../escape/1.png": picture(1), "1/notes.txt": b"no picture"}
    pack(top / "real train" / "1.tar.gz", members)
    pack(top / "fake_test" / "3.tar.gz", {"3/fake/0/1.png": picture(1)})
    fill(top / "fake train", (f"2/fake/5/{number}.png" for number in frames))
    pack(top / "fake train" / "2.tar.gz", {"2/fake/5/1.png": picture(1)})
    return root


def folder(root: Path) -> Path:
    """Videos, face folders and stills; a name in two folders; one file that groups.csv misses."""
    fill(
        root,
        (
            *("real/x.mp4", "real/a/y.mp4", "real/b/y.mp4", "real/007.png"),
            *("fake/x.mp4", "fake/z.mov", "fake/walk/1.png", "fake/walk/2.png"),
        ),
    )
    (root / "groups.csv").write_text(
        "file,source_group,swap_model\nx.mp4,g05,Ann\nwalk,g06,Bea\ngone.mp4,g07,Cas\n"
    )
    return root


def csv(root: Path) -> Path:
    """A table with words and digits as labels, a column of its own, and an absent video."""
    fill(root, ("clips/a.mp4", "clips/b.mp4", "other/a.mp4"))
    path = root / "mine.csv"
    path.write_text(
        "path,label,split,camera\nclips/a.mp4,0,train,one\nclips/b.mp4,Fake,,two\n"
        "other/a.mp4,1,train,one\nclips/gone.mp4,real,test,two\n"
    )
    return path


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "faceforensics": faceforensics,
    "dfd": dfd,
    "celebdf": celebdf,
    "celebdf_v1": celebdf,
    "dfdc": dfdc,
    "dfdc_preview": dfdc_preview,
    "deeperforensics": deeperforensics,
    "wilddeepfake": wilddeepfake,
    "folder": folder,
    "csv": csv,
}
