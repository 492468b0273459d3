"""What a protocol file says, which cells it plans, and what its hash is over."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deeptell.config import TrainConfig
from deeptell.errors import ConfigError, LeakError
from deeptell.evaluation.protocols import (
    Protocol,
    check_between,
    config_of,
    plan,
    protocol_hash,
    read_protocol,
)
from deeptell.faces.store import FaceStore

PACKAGED = ("in_set", "cross_manipulation", "cross_compression", "cross_dataset", "few_frames")


def people(*, first: int = 0, compressions: tuple[str, ...] = ("c23", "c40")) -> pd.DataFrame:
    """The manifest of three pairs of people, one for each side, under three manipulations."""
    rows = [
        {
            "video_key": f"set/{method}/{compression}/{first + number}",
            "dataset": "set",
            "method": method,
            "compression": compression,
            "label": int(method != "real"),
            "split": split,
            "group": str(first + number),
            "target_id": "",
            "source_id": "",
        }
        for number, split in enumerate(("train", "val", "test"))
        for method in ("real", "Swap", "Texture", "Puppet")
        for compression in compressions
    ]
    return pd.DataFrame(rows)


def cells(name: str, **videos: pd.DataFrame) -> list[tuple[str, str, bool]]:
    planned = plan(read_protocol(name), videos)
    return [(cell.trained.name, cell.tested.name, cell.seen) for cell in planned]


class TestPlans:
    def test_across_manipulations_each_is_left_out_once(self) -> None:
        protocol, videos = read_protocol("cross_manipulation"), {"faces": people()}
        names = ["Puppet", "Swap", "Texture"]
        assert cells("cross_manipulation", faces=people()) == [
            (f"all but {out}", tested, tested != out) for out in names for tested in names
        ]
        first = plan(protocol, videos)[0]
        assert config_of(protocol, first.trained).methods == ("Swap", "Texture")
        assert first.tested.methods == ("Puppet",)

    def test_across_compressions_and_data_sets_there_and_back(self) -> None:
        assert cells("cross_compression", faces=people()) == [
            ("c23", "c23", True),
            ("c23", "c40", False),
            ("c40", "c23", False),
            ("c40", "c40", True),
        ]
        both = {"b": people(first=5), "a": people()}
        assert cells("cross_dataset", **both) == [
            (one, other, one == other) for one in "ab" for other in "ab"
        ]

    @pytest.mark.parametrize("name", ["in_set", "few_frames"])
    def test_in_set_is_the_diagonal(self, name: str) -> None:
        assert cells(name, a=people()) == [("a", "a", True)]
        assert read_protocol(name).frames == ((1, 3, 5, 10, 25) if name == "few_frames" else ())

    def test_settings_narrow_what_is_compared(self) -> None:
        config = TrainConfig(methods=("Swap", "Puppet"), compressions=("c40",))
        protocol = read_protocol("cross_manipulation", train=config)
        first = plan(protocol, {"faces": people()})[0]
        assert (first.trained.name, first.trained.methods) == ("all but Puppet", ("Swap",))
        assert first.trained.compressions == first.tested.compressions == ("c40",)

    @pytest.mark.parametrize(
        ("name", "videos", "said"),
        [
            ("cross_compression", {"a": people(compressions=("c23",))}, "there is only c23"),
            ("cross_manipulation", {"a": people(), "b": people()}, "there are 2: name one"),
            ("cross_dataset", {"a": people()}, "needs two or more; there is only a"),
        ],
    )
    def test_stores_that_do_not_suit(self, name: str, videos: Any, said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            plan(read_protocol(name), videos)

    def test_one_model_is_not_trained_on_two_stores(self) -> None:
        protocol = Protocol(name="p", design="leave_one_out", by="dataset")
        with pytest.raises(ConfigError, match="several stores at once"):
            plan(protocol, {"a": people(), "b": people()})


class TestFiles:
    @pytest.mark.parametrize("name", PACKAGED)
    def test_the_packaged_ones(self, name: str) -> None:
        assert read_protocol(name).about

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("name: p\ndesign: matrix\nby: weather\n", "'by': Input should be"),
            ("name: p\ndesign: matrix\nby: method\ntrain: {modle: x}\n", "mean 'train.model'"),
            ("name: p\ndesign: matrix\nby: method\nfigures: [acu]\n", "Did you mean 'auc'"),
            ("name: p\nby: method\n", "'design': Field required"),
            ("name: !!python/name:os.system\n", "not valid YAML"),
            ("- a\n", "must be a YAML mapping"),
        ],
    )
    def test_what_is_none(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / "p.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            read_protocol(str(path))
        with pytest.raises(ConfigError, match="Did you mean 'in_set'"):
            read_protocol("inset")


def test_what_one_model_saw_is_not_tested_in_another_store() -> None:
    """In the second store the people of the first one's training are called test people."""
    ours, theirs = people(), people()
    theirs["split"] = theirs["split"].map({"train": "test", "val": "val", "test": "train"})
    videos = {"ours": ours, "theirs": theirs}
    cells = plan(read_protocol("cross_dataset"), videos)
    with pytest.raises(LeakError, match="stands"):
        check_between(cells, videos)
    videos["theirs"] = people(first=10)
    check_between(cells, videos)


class TestHash:
    """Over a true store: its faces count as well as its table."""

    protocol = Protocol(
        name="p", design="leave_one_out", by="method", train=TrainConfig(epochs=2), frames=(1, 3)
    )

    def of(self, store: FaceStore, **changes: Any) -> str:
        protocol = self.protocol.model_copy(update=changes)
        stores = {"faces": store}
        return protocol_hash(protocol, plan(protocol, {"faces": store.videos}), stores)

    def changed(self, store: FaceStore, videos: pd.DataFrame) -> FaceStore:
        other = FaceStore(store.path)
        other.__dict__["videos"] = videos
        return other

    def test_paths_words_and_the_order_of_rows_do_not_count(
        self, store: FaceStore, tmp_path: Path
    ) -> None:
        moved = Path(shutil.copytree(store.path, tmp_path / "elsewhere"))
        videos = pd.read_parquet(moved / "videos.parquet")
        videos.assign(path="/elsewhere/" + videos["path"]).to_parquet(moved / "videos.parquet")
        assert FaceStore(moved).fingerprint != store.fingerprint
        assert self.of(FaceStore(moved)) == self.of(store)
        shuffled = store.videos.sample(frac=1, random_state=0)
        assert self.of(self.changed(store, shuffled)) == self.of(store)
        assert self.of(store, name="q", about="other words") == self.of(store)

    def test_the_order_of_stores_does_not_count(self, store: FaceStore) -> None:
        protocol = self.protocol.model_copy(update={"design": "matrix", "by": "dataset"})
        hashes = {
            protocol_hash(protocol, plan(protocol, dict.fromkeys(names, store.videos)), stores)
            for names in ("ab", "ba")
            for stores in [dict.fromkeys(names, store)]
        }
        assert len(hashes) == 1

    def test_videos_labels_faces_and_settings_count(self, store: FaceStore, tmp_path: Path) -> None:
        videos = store.videos
        relabelled, resplit = videos.copy(), videos.copy()
        relabelled.loc[3, "label"] = 1 - relabelled.loc[3, "label"]
        resplit.loc[3, "split"] = ""
        other_face = Path(shutil.copytree(store.path, tmp_path / "faces"))
        rows = pd.read_parquet(other_face / "index.parquet")
        tar = other_face / rows.loc[0, "tar"]
        content = bytearray(tar.read_bytes())
        content[rows.loc[0, "offset"] + 40] ^= 1
        tar.write_bytes(bytes(content))
        found = [
            self.of(store),
            self.of(self.changed(store, videos.drop(3))),
            self.of(self.changed(store, relabelled)),
            self.of(self.changed(store, resplit)),
            self.of(FaceStore(other_face)),
            self.of(store, train=TrainConfig(epochs=3)),
            self.of(store, figures=("auc",)),
            self.of(store, frames=(1, 5)),
            self.of(store, design="matrix"),
        ]
        assert len(set(found)) == len(found)

    def test_the_weights_that_training_starts_from_count_by_what_they_hold(
        self, store: FaceStore, tmp_path: Path
    ) -> None:
        hashes = []
        for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
            (tmp_path / name).write_bytes(content)
            hashes.append(self.of(store, train=TrainConfig(weights=str(tmp_path / name))))
        assert hashes[0] == hashes[1] != hashes[2]
