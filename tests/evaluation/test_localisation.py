"""Where heat lies, on masks, faces and models whose answer is known beforehand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from deeptell.errors import DataError
from deeptell.evaluation.localisation import Located, figures, localisation
from deeptell.evaluation.masks import inside, mask_folder
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.forge.benchmark import write_mask
from deeptell.inputs import InputSpec, cut, prepare
from deeptell.models.contract import Model
from deeptell.records import Face, Frame, StoredCrop

SIDE, FRAMES = 160, 12
SPEC = InputSpec(size=48)
# On whole pixels, between them, and over the border of the picture.
BOXES = ((60.0, 50.0, 100.0, 98.0), (64.3, 44.1, 97.7, 91.6), (2.0, 100.0, 52.0, 158.0))


def disc(centre: tuple[float, float], radius: int, *, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[:side, :side] + 0.5
    return np.where(np.hypot(x - centre[0], y - centre[1]) <= radius, 255, 0).astype(np.uint8)


def face(box: tuple[float, ...], *, turn: float = 0.0) -> Face:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    eyes = ((x - 8.0, y - 8.0 - turn), (x + 8.0, y - 8.0 + turn))
    return Face(box, (*eyes, (x, y), (x - 6.0, y + 9.0), (x + 6.0, y + 9.0)), 0.99)


def shown(picture: np.ndarray, whose: Face, *, frame: int = 0) -> StoredCrop:
    return store_crop(cut_crop(Frame(np.dstack([picture] * 3), frame, 0.0), whose, 0))


@pytest.mark.parametrize("alignment", ["none", "eyes"])
@pytest.mark.parametrize("box", BOXES)
def test_a_mask_lies_over_the_face_as_the_model_sees_it(box, alignment, tmp_path):
    """The picture is its own mask: what the model sees white is what was manipulated."""
    whose = face(box, turn=3.0)
    picture = disc((box[0] + 15, box[1] + 30), 14)
    write_mask(tmp_path / "mask.mp4", [np.zeros_like(picture)] * 3 + [picture] * 2)
    spec = replace(SPEC, alignment=alignment)
    crop = shown(picture, whose, frame=4)
    (found,) = inside([crop], spec, tmp_path / "mask.mp4", size=(SIDE, SIDE))
    wanted = cut(crop, spec)[..., 0] >= 128
    assert wanted.any()
    assert found.shape == (1, 48, 48)
    assert (found[0] != wanted).sum() <= 0.02 * wanted.sum()  # the mask went through H.264
    crop = shown(picture, whose, frame=1)
    assert not inside(
        [crop], spec, tmp_path / "mask.mp4", size=(SIDE, SIDE)
    ).any()  # another frame of it


def test_a_crop_that_was_shrunk_to_be_stored(tmp_path):
    picture = disc((400.0, 420.0), 120, side=800)
    whose = face((200.0, 200.0, 600.0, 600.0))
    write_mask(tmp_path / "mask.mp4", [picture])
    crop = shown(picture, whose)
    assert crop.scale < 1
    found = inside([crop], SPEC, tmp_path / "mask.mp4", size=(800, 800))[0, 0]
    expected = np.pi * 120**2 / (1.3 * 400) ** 2
    assert found.mean() == pytest.approx(expected, rel=0.02)
    rows, columns = np.nonzero(found)
    # (400, 420) lies in the middle, and 20 pixels of 1.3 * 400 below it.
    assert columns.mean() == pytest.approx(23.5, abs=0.3)
    assert rows.mean() == pytest.approx(23.5 + 48 * 20 / 520, abs=0.3)


def test_masks_that_belong_to_another_video(tmp_path):
    write_mask(tmp_path / "mask.mp4", [disc((80, 80), 20)] * 2)
    for name, frame, size, reason in (
        ("mask.mp4", 5, (160, 160), "ends before frame 5"),
        ("mask.mp4", 1, (320, 240), "has 160 x 160 pixels, its video 320 x 240"),
        ("none.mp4", 1, (160, 160), "There is no mask"),
    ):
        crop = shown(disc((80, 80), 20), face(BOXES[0]), frame=frame)
        with pytest.raises(DataError, match=reason):
            inside([crop], SPEC, tmp_path / name, size=size)


class Shining(Model):
    """Its heat is what is bright in its input, since its one filter lets light through."""

    heat_layer = "light"

    def __init__(self) -> None:
        super().__init__()
        self.spec = SPEC
        self.light = nn.Conv2d(3, 1, 1)
        with torch.no_grad():
            self.light.weight.fill_(1.0)
            self.light.bias.fill_(3.0)  # the input reaches from -1 to 1 in three channels

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.light(batch).mean(dim=(2, 3))

    def classify(self, embedding: Tensor) -> Tensor:
        return embedding[:, 0]


class Even(Shining):
    """Hot all over, whatever it is shown."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.light.weight)


class Blind(Even):
    """Nothing speaks for FAKE."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.light.bias)


LAMP = (80.0, 92.0)


class World:
    """A store of two manipulations: of "Lit" the mask is what shines, of "Dark" the rest of it."""

    def __init__(self, root, *, videos: int = 6) -> None:
        self.root, self.path = root, root / "faces"
        rows, self.crops, index = [], [], []
        picture = disc(LAMP, 12)
        for number in range(videos):
            for method in ("Dark", "Lit"):
                key, name = f"{method}/{number}", f"{number:03d}_{number + 1:03d}.mp4"
                mask = picture if method == "Lit" else 255 - disc(LAMP, 20)
                write_mask(mask_folder(root, method) / name, [mask] * FRAMES)
                rows.append((key, f"elsewhere/{name}", method, 1, "test", f"g{number // 2}"))
                for frame in range(FRAMES):
                    self.crops.append(shown(picture, face(BOXES[0]), frame=frame))
                    index.append((key, 0, frame))
        rows.append(("Real/0", "elsewhere/000.mp4", "real", 0, "test", "g0"))
        rows.append(("Lit/train", "elsewhere/009_010.mp4", "Lit", 1, "train", "g9"))
        rows.append(("NoMasks/0", "elsewhere/000_001.mp4", "NoMasks", 1, "test", "g0"))
        for key, *_ in rows[-3:]:
            self.crops.append(shown(picture, face(BOXES[0])))
            index.append((key, 0, 0))
        columns = ["video_key", "path", "method", "label", "split", "group"]
        order = np.argsort([key for key, _, _ in index], kind="stable")
        self.crops = [self.crops[place] for place in order]
        self.index = pd.DataFrame(
            [index[place] for place in order], columns=["video_key", "track", "frame_index"]
        )
        videos = pd.DataFrame(rows, columns=columns).sort_values("video_key")
        self.videos = videos.assign(width=SIDE, height=SIDE)

    def read(self, rows):
        return [self.crops[row] for row in rows]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def measured(model: Model, world: World, monkeypatch, *, other: Model, method="grad_cam"):
    monkeypatch.setattr("deeptell.evaluation.localisation.randomised", lambda _model, seed: other)
    bundle = SimpleNamespace(model=model.eval())
    calls = []
    found = localisation(
        bundle,
        world,
        world.root,
        method=method,
        split="test",
        data="lamps",
        progress=lambda *so_far: calls.append(so_far),
    )
    assert calls == [(done, 12) for done in range(1, 13)]
    return {(one.subset, one.metric): one for one in found}


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam"])
def test_heat_that_is_known_beforehand(world, monkeypatch, method):
    found = measured(Shining(), world, monkeypatch, other=Even(), method=method)
    batch = prepare([world.crops[0]], SPEC)[0]
    light = np.maximum(batch.sum(axis=0) + 3.0, 0)
    (lit,) = inside(
        [world.crops[0]], SPEC, mask_folder(world.root, "Lit") / "000_001.mp4", size=(SIDE, SIDE)
    )
    wanted = {
        "area": lit.mean(),
        "energy": light[lit[0]].sum() / light.sum(),
        "energy_to_area": light[lit[0]].sum() / light.sum() / lit.mean(),
        "random_energy": lit.mean(),
        "energy_gain": light[lit[0]].sum() / light.sum() - lit.mean(),
        "pointing": 1.0,
    }
    for metric, value in wanted.items():
        one = found["Lit", f"{method}_{metric}"]
        assert one.value == pytest.approx(value, rel=5e-3), metric
        assert one.low <= one.value <= one.high
        assert (one.by, one.level, one.data) == ("manipulation", "frame", "lamps")
        assert (one.videos, one.groups) == (6, 3)
    assert found["Dark", f"{method}_energy"].value < 0.02
    assert found["Dark", f"{method}_pointing"].value == 0
    assert found["all", f"{method}_energy"].videos == 12
    assert {subset for subset, _ in found} == {"all", "Dark", "Lit"}


def test_a_map_that_says_nothing_counts_as_chance(world, monkeypatch):
    found = measured(Blind(), world, monkeypatch, other=Even())
    for subset in ("Lit", "Dark"):
        area = found[subset, "grad_cam_area"].value
        assert found[subset, "grad_cam_energy"].value == pytest.approx(area)
        assert found[subset, "grad_cam_pointing"].value == pytest.approx(area)
        assert found[subset, "grad_cam_energy_gain"].value == pytest.approx(0, abs=1e-6)


def test_no_manipulated_face(world, monkeypatch, tmp_path):
    monkeypatch.setattr("deeptell.evaluation.localisation.randomised", lambda _model, seed: Even())
    bundle = SimpleNamespace(model=Shining())
    with pytest.raises(DataError, match=f"No face of 'test' in .* masks of {tmp_path}"):
        localisation(bundle, world, tmp_path, method="grad_cam", split="test", data="lamps")


def test_intervals_equal_a_loop_that_builds_each_resample():
    rng = np.random.default_rng(3)
    n = 60
    groups = np.array([f"g{number}" for number in rng.integers(7, size=n)])
    columns = rng.uniform(0.1, 1, size=(5, n))
    found = Located(groups, groups, groups, *columns)
    chosen = rng.random(n) < 0.8
    keys = np.unique(groups[chosen])
    rng = np.random.default_rng(0)
    drawn = []
    for picked in rng.integers(len(keys), size=(1000, len(keys))):
        rows = np.concatenate([np.flatnonzero(chosen & (groups == keys[k])) for k in picked])
        area, energy, _, random_energy, _ = columns[:, rows].mean(axis=1)
        drawn.append((energy, energy / area, energy - random_energy))
    for name, values in zip(
        ("energy", "energy_to_area", "energy_gain"), np.transpose(drawn), strict=True
    ):
        _, low, high = figures(found, chosen)[name]
        np.testing.assert_allclose((low, high), np.percentile(values, (2.5, 97.5)), atol=1e-12)
    one = figures(found, groups == "g1")["energy"]
    assert one[0] == pytest.approx(columns[1, groups == "g1"].mean())
    assert np.isnan(one[1:]).all()


def test_clips_are_measured_over_all_their_frames(world, monkeypatch):
    spec = replace(SPEC, frames=4)

    class Film(Shining):
        def __init__(self) -> None:
            super().__init__()
            self.spec = spec
            self.light = nn.Conv3d(3, 1, 1)
            with torch.no_grad():
                self.light.weight.fill_(1.0)
                self.light.bias.fill_(3.0)

        def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
            return self.light(batch).mean(dim=(2, 3, 4))

    found = measured(Film(), world, monkeypatch, other=Film())
    assert found["Lit", "grad_cam_energy"].level == "clip"
    assert found["Lit", "grad_cam_energy"].value > 0.9
    assert found["Lit", "grad_cam_energy_gain"].value == 0
