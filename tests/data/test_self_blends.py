"""Self-blends as stored faces, and as they are drawn: pairs that one codec made."""

import numpy as np
import pandas as pd
import pytest
from noise import noise_store, noisy
from numpy.typing import NDArray

from deeptell.data.augment import gentle, plain
from deeptell.data.samplers import BothSampler, EpochSampler, PairedSampler, SelfBlendedSampler
from deeptell.data.samples import samples_of
from deeptell.data.sampling import FaceDataset
from deeptell.data.self_blends import reader, self_blended
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, cut

SPEC = InputSpec(size=32)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    return noise_store(tmp_path_factory.mktemp("noise") / "store")


def dataset(store: FaceStore, *, frames: int = 1, augment=plain) -> FaceDataset:
    spec = InputSpec(size=32, frames=frames)
    samples = samples_of(store.index, spec)
    return FaceDataset(store, samples, labels(store, frames), spec=spec, augment=augment)


def labels(store: FaceStore, frames: int) -> NDArray[np.int64]:
    of = store.videos.set_index("video_key")["label"]
    rows = samples_of(store.index, InputSpec(size=32, frames=frames)).rows[:, 0]
    return of.loc[store.index["video_key"].astype(str).iloc[rows]].to_numpy()


class TestStoredFaces:
    @pytest.mark.parametrize("draw", range(6))
    def test_both_of_a_pair_were_encoded_alike(self, draw: int) -> None:
        """All that comes before the picture's own data: tables of the codec, size, sampling."""
        stored = noisy(1)
        pair = [self_blended([stored], draw=draw, fake=fake)[0] for fake in (True, False)]
        heads = {one.jpeg[: one.jpeg.index(b"\xff\xda")] for one in (stored, *pair)}
        assert len(heads) == 1
        assert pair[0].jpeg != pair[1].jpeg
        assert all(one.face == stored.face for one in pair)

    def test_frames_of_one_sample_are_blended_alike(self) -> None:
        frames = [noisy(1, frame=k) for k in range(3)]
        made = self_blended(frames, draw=7, fake=True)
        assert len({one.jpeg for one in made}) == 1
        assert [one.frame_index for one in made] == [0, 1, 2]
        assert self_blended(frames[:1], draw=8, fake=True)[0].jpeg != made[0].jpeg

    def test_a_sample_is_blended_alike_whatever_it_is_read_with(self, noise: FaceStore) -> None:
        read = reader(noise, frames=2, fake=True)
        together = read([0, 1, 2, 3])
        apart = [*read([0, 1]), *read([2, 3])]
        assert [one.jpeg for one in together] == [one.jpeg for one in apart]
        known = self_blended(noise.read([2, 3]), draw=2, fake=True)
        assert [one.jpeg for one in together[2:]] == [one.jpeg for one in known]


class TestDataset:
    @pytest.mark.parametrize("frames", [1, 2])
    def test_the_key_says_what_is_made_of_a_sample(self, noise: FaceStore, frames: int) -> None:
        data = dataset(noise, frames=frames, augment=gentle)
        real = int(np.flatnonzero(data.labels == 0)[0])
        fake = int(np.flatnonzero(data.labels == 1)[0])
        faces, _, found = data.__getitems__(
            [(real, 9), (real, 9, True), (real, 9, False), (fake, 9)]
        )
        assert found.tolist() == [0, 1, 0, 1]
        rows = data.samples.rows[real].tolist()
        for place, half in ((1, True), (2, False)):
            crops = self_blended(noise.read(rows), draw=9, fake=half)
            wanted = [gentle(one, SPEC, np.random.default_rng(9)) for one in crops]
            seen = faces[place].reshape(3, frames, 32, 32).numpy().transpose(1, 2, 3, 0)
            assert (seen * 0.5 + 0.5) * 255 == pytest.approx(np.array(wanted), abs=0.01)

    def test_what_is_read_as_stored_stays_as_it_was(self, noise: FaceStore) -> None:
        image = dataset(noise)[3][0].numpy().transpose(1, 2, 0)
        assert (image * 0.5 + 0.5) * 255 == pytest.approx(cut(noise.read([3])[0], SPEC), abs=0.01)


class TestSamplers:
    def drawn(self, sampler: EpochSampler, store: FaceStore) -> pd.DataFrame:
        """A row for each key: video, label in the store, and the parts of the key."""
        keys = [(*key, None)[:3] for key in sampler]
        assert len(keys) == len(sampler)
        table = pd.DataFrame(keys, columns=["sample", "draw", "blend"], dtype=object)
        videos = store.index["video_key"].astype(str).iloc[table["sample"].to_numpy(int)]
        return table.assign(
            video=videos.to_numpy(), label=labels(store, 1)[table["sample"].to_numpy(int)]
        )

    def test_self_blends_are_of_real_faces_alone_each_beside_its_own(
        self, noise: FaceStore
    ) -> None:
        videos = noise.videos.loc[noise.videos["split"] == "train"]
        samples = samples_of(noise.index, SPEC)
        sampler = SelfBlendedSampler(samples, noise.index, videos, per_video=5, seed=1)
        keys = self.drawn(sampler, noise)
        assert (keys["label"] == 0).all()
        assert keys["video"].value_counts().to_dict() == {"real/0": 10, "real/1": 10}
        fakes, reals = keys.iloc[::2], keys.iloc[1::2]
        assert fakes["blend"].tolist() == [True] * 10
        assert reals["blend"].tolist() == [False] * 10
        for part in ("sample", "draw"):
            assert fakes[part].tolist() == reals[part].tolist()
        assert self.drawn(sampler, noise).equals(keys)
        sampler.set_epoch(1)
        assert not self.drawn(sampler, noise).equals(keys)

    def test_both_draws_every_fake_and_every_real_equally_often(self, noise: FaceStore) -> None:
        videos = noise.videos.loc[noise.videos["split"] == "train"]
        samples = samples_of(noise.index, SPEC)
        sampler = BothSampler(samples, noise.index, videos, per_video=3, seed=1)
        keys = self.drawn(sampler, noise)
        fakes, reals = keys.iloc[::2], keys.iloc[1::2]
        assert fakes["video"].value_counts().to_dict() == dict.fromkeys(
            ["A/0", "A/1", "B/0", "B/1", "real/0", "real/1"], 3
        )
        assert (fakes["label"] == (fakes["blend"] != True)).all()  # noqa: E712
        assert (reals["label"] == 0).all()
        assert fakes["draw"].tolist() == reals["draw"].tolist()
        stored = keys.loc[keys["blend"].isna()]
        plain_ones = PairedSampler(samples, noise.index, videos, per_video=3, seed=1)
        assert len(stored) == len(plain_ones)
