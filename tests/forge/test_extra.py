"""The extra scenes: the table says which frames of whom differ from what was filmed."""

import av
import numpy as np
import pandas as pd
import pytest

from deeptell.config import SynthConfig
from deeptell.errors import ConfigError
from deeptell.forge import extra

CONFIG = SynthConfig(pairs={"train": 0, "val": 0, "test": 2}, seconds=0.2)
FRAMES = 15


def _read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_table_names_every_scene_and_every_interval_within_it(tmp_path):
    extra.write_truth(tmp_path, CONFIG)
    table = pd.read_parquet(tmp_path / "truth.parquet")
    assert list(table.columns) == ["video", "person", "start", "end"]
    assert set(table.video) == {f"{name}.mp4" for name in extra.SCENES}
    real = table.person.isna()
    assert set(table.video[real]) == {
        f"{name}.mp4" for name, shots in extra.SCENES.items() if not any(s.fakes for s in shots)
    }
    assert table.start[real].isna().all()
    assert (table.start[~real] < table.end[~real]).all()
    cut = table[table.video == "cuts_second_shot_swapped.mp4"].iloc[0]
    assert (cut.person, cut.start, cut.end) == (1, FRAMES / 25, 2 * FRAMES / 25)


@pytest.mark.parametrize("name", ["partial_faceswap", "two_people_right_swapped"])
def test_only_that_person_is_changed_and_only_then(tmp_path, monkeypatch, name):
    level = "raw"
    extra.write_scene(tmp_path / "fake", CONFIG, name, compression=level)
    shots = tuple(extra.replace(shot, fakes=()) for shot in extra.SCENES[name])
    fakes = extra.SCENES[name][0].fakes
    monkeypatch.setitem(extra.SCENES, name, shots)
    extra.write_scene(tmp_path / "real", CONFIG, name, compression=level)
    fake, real = (_read(tmp_path / kind / f"{name}.mp4") for kind in ("fake", "real"))
    changed = [np.flatnonzero((a != b).any((0, 2))) for a, b in zip(fake, real, strict=True)]
    start, stop = round(fakes[0].start * FRAMES), round(fakes[0].stop * FRAMES)
    assert [len(columns) > 0 for columns in changed] == [start <= k < stop for k in range(FRAMES)]
    middle = real[0].shape[1] // 2
    if fakes[0].actor == 1:
        assert all(columns.min() > middle for columns in changed)


@pytest.mark.parametrize("name", ["no_face", "leaves_and_returns_swapped", "profile_turn_real"])
def test_edge_cases_are_written(tmp_path, name):
    extra.write_scene(tmp_path, CONFIG, name, compression="c23")
    assert len(_read(tmp_path / f"{name}.mp4")) == FRAMES


def test_without_test_people_there_is_nobody_to_play(tmp_path):
    config = SynthConfig(pairs={"train": 2, "val": 0, "test": 0})
    assert extra.scene_names(config) == []
    with pytest.raises(ConfigError, match="test people"):
        extra.write_extra(tmp_path, config)
