"""Damage of any kind is named, and a store is open to other tools as it is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deeptell.config import ExtractConfig
from deeptell.errors import StoreError
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.shard import FAILED, OK, Outcome, part_path, read_part, write_shard
from deeptell.faces.store import claim
from deeptell.faces.tables import compact
from deeptell.faces.verify import Damage, forget, verify
from deeptell.records import Face, Frame, StoredCrop

KEYS = ["a/1.mp4", "b/2.mp4", "c/3.mp4", "d/broken.mp4"]
LEFT = [(point, 2.0 * point) for point in range(5)]


def made_up(seed: int) -> list[StoredCrop]:
    """Six crops of one track."""
    rng = np.random.default_rng(seed)
    face = Face((20, 20, 60, 70), tuple((20.0 + i, 20.0 + j) for i, j in LEFT), 0.99)
    frames = [Frame(rng.integers(0, 255, (90, 80, 3), np.uint8), i, i / 25) for i in range(6)]
    return [store_crop(cut_crop(frame, face, 0)) for frame in frames]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    claim(path, ExtractConfig())
    for seed, key in enumerate(KEYS[:3]):
        write_shard(path, key, Outcome(OK, "", tracks=1, crops=6), made_up(seed))
    write_shard(path, KEYS[3], Outcome(FAILED, "no video"))
    compact(path, pd.DataFrame({"video_key": KEYS, "path": KEYS, "label": [0, 1, 0, 1]}))
    return path


PART = part_path(KEYS[1])
TAR = PART.with_suffix(".tar")


def found(store: Path, *, deep: bool = True) -> list[tuple[str, str, str]]:
    return [(d.path.as_posix(), d.video_key, d.problem) for d in verify(store, deep=deep)]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def test_a_whole_store_has_no_damage(store: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert verify(store, deep=True, progress=lambda *step: seen.append(step)) == []
    assert verify(store, deep=False) == []
    assert seen == [(i, 4) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("harm", "piece", "problem"),
    [
        (Path.unlink, TAR, "is missing"),
        (cut, TAR, "is cut short: 5000 of 81920 bytes"),
        (lengthen, TAR, "is longer than it was written: 81924 bytes, not 81920"),
        (Path.unlink, PART, "is missing"),
        (cut, PART, "cannot be read ("),
        (lengthen, PART, "cannot be read ("),
    ],
)
def test_damaged_pieces_are_named_with_their_video(
    store: Path, harm: Callable[[Path], None], piece: Path, problem: str
) -> None:
    size = (store / TAR).stat().st_size
    harm(store / piece)
    for deep in (False, True):
        ((path, key, words),) = found(store, deep=deep)
        assert (path, key) == (piece.as_posix(), KEYS[1])
        assert words.startswith(problem.replace("81920", str(size)).replace("81924", str(size + 4)))
    assert str(Damage(piece, "is missing", KEYS[1])) == f"{piece} (of 'b/2.mp4') is missing"


def test_a_changed_byte_of_a_tar_is_found_by_reading_it(store: Path) -> None:
    flip(store / TAR)
    assert found(store, deep=False) == []
    assert found(store) == [(TAR.as_posix(), KEYS[1], "has changed (SHA-256)")]


def test_a_changed_byte_of_a_part_is_found_wherever_it_is(store: Path) -> None:
    whole = (store / PART).read_bytes()
    missed = []
    for place in range(0, len(whole), 37):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        (store / PART).write_bytes(data)
        damages = found(store)
        if not damages or damages[0][:2] != (PART.as_posix(), KEYS[1]):
            missed.append(place)
    writer = pq.read_metadata(pa.BufferReader(whole)).created_by.encode()
    assert all(0 <= place - whole.index(writer) < len(writer) for place in missed)


def test_tables_that_do_not_match_the_parts(store: Path) -> None:
    for name in ("index.parquet", "videos.parquet"):
        table = pq.read_table(store / name).to_pandas()
        column = "score" if name == "index.parquet" else "crops"
        table.loc[2, column] = 1 if column == "crops" else 0.5
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), store / name)
    flip(store / "index.rows")
    assert found(store, deep=False) == [
        ("videos.parquet", "", "does not say of 'c/3.mp4' what its part says"),
        ("index.parquet", "", "does not hold what the parts of the videos hold"),
        ("index.rows", "", "does not hold what the parts of the videos hold"),
    ]


def test_tables_that_cannot_be_read(store: Path) -> None:
    for name in ("index.parquet", "videos.parquet"):
        cut(store / name)
        with (store / name).open("ab") as file:
            file.write(b"junk")
    (store / "index.rows").unlink()
    names = [(path, words[:14]) for path, _, words in found(store)]
    assert names == [
        ("videos.parquet", "cannot be read"),
        ("index.parquet", "cannot be read"),
        ("index.rows", "is missing: th"),
    ]


def test_leftovers_and_strangers_are_named(store: Path) -> None:
    (store / ".videos.parquet.12.tmp.parquet").touch()
    stranger = part_path("another")
    write_shard(store, "another", Outcome(FAILED, "no video"))
    assert found(store) == [
        (".videos.parquet.12.tmp.parquet", "", "was left behind by a run that was killed"),
        (
            stranger.as_posix(),
            "",
            "belongs to no video of videos.parquet: extract its manifest again",
        ),
    ]


def test_the_parts_of_an_unfinished_store_are_examined(store: Path) -> None:
    for name in ("index.parquet", "index.rows", "videos.parquet"):
        (store / name).unlink()
    flip(store / TAR)
    assert [(path, key) for path, key, _ in found(store)] == [
        ("videos.parquet", ""),
        (TAR.as_posix(), KEYS[1]),
        ("index.parquet", ""),
        ("index.rows", ""),
    ]


def test_parts_in_each_others_place_are_found(store: Path) -> None:
    other = store / part_path(KEYS[0])
    (store / PART).write_bytes(other.read_bytes())
    assert (PART.as_posix(), KEYS[1], "holds the faces of another video") in found(store)


def test_a_part_without_checksums_says_so(store: Path) -> None:
    part = read_part(store, KEYS[1])
    assert part is not None
    about = {"status": OK, "reason": "", "tracks": 1, "crops": 6, "info": None}
    metadata = {b"deeptell": json.dumps(about).encode()}
    pq.write_table(part[0].replace_schema_metadata(metadata), store / PART)
    problem = "was written by an older deeptell, without checksums"
    assert found(store) == [(PART.as_posix(), KEYS[1], problem)]


def test_only_the_pieces_of_the_videos_named_are_removed(store: Path) -> None:
    for key in KEYS[:2]:
        flip((store / part_path(key)).with_suffix(".tar"))
    damages = verify(store, deep=True)
    assert len(damages) == 2
    assert [damage.video_key for damage in forget(store, [KEYS[1]], damages)] == [KEYS[1]]
    assert not (store / PART).exists()
    assert not (store / TAR).exists()
    assert (store / part_path(KEYS[0])).exists()


def test_what_is_no_store_or_a_newer_one_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a FaceStore"):
        verify(tmp_path, deep=False)
    head = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps(head | {"version": 99}))
    with pytest.raises(StoreError, match=r"has version 99.*install a newer deeptell"):
        verify(store, deep=False)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # it leaves that to the end
def test_the_tars_are_webdataset_shards(store: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    part = read_part(store, KEYS[1])
    assert part is not None
    wanted = [crop.jpeg for crop in made_up(1)]
    shard = webdataset.WebDataset(str(store / TAR), shardshuffle=False)
    samples = list(shard)
    assert [sample["jpg"] for sample in samples] == wanted
    assert len({sample["__key__"] for sample in samples}) == 6
    images = [sample[0] for sample in shard.decode("rgb8").to_tuple("jpg")]
    np.testing.assert_array_equal(images[3], made_up(1)[3].image)


def test_the_index_is_open_to_duckdb_and_pandas(store: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    query = (
        "SELECT i.video_key, label, count(*) AS crops, max(frame_index) AS last "
        f"FROM '{store}/index.parquet' i JOIN '{store}/videos.parquet' v USING (video_key) "
        "GROUP BY ALL ORDER BY ALL"
    )
    theirs = duckdb.sql(query).fetchall()
    assert theirs == [(key, label, 6, 5) for key, label in zip(KEYS[:3], [0, 1, 0], strict=True)]
    index = pd.read_parquet(store / "index.parquet")
    row = index.iloc[8]
    with (store / row["tar"]).open("rb") as tar:
        tar.seek(row["offset"])
        assert tar.read(row["length"]) == made_up(1)[2].jpeg
