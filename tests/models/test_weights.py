"""Pretrained weights: read, refused, downloaded from a server of this test's own."""

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deeptell.errors import WeightsError
from deeptell.models import weights
from deeptell.models.bundle import save_encoder
from deeptell.models.contract import Encoder
from deeptell.models.families import make
from deeptell.models.weights import address, fill


def network(seed: int = 0, backbone: str = "test_resnet") -> Encoder:
    torch.manual_seed(seed)
    return make("frame", {"backbone": backbone, "size": 64})


def published(seed: int = 1) -> dict[str, torch.Tensor]:
    """Weights as somebody publishes them: of the backbone, with a classifier."""
    state = network(seed).get_submodule("backbone").state_dict()
    return {**state, "fc.weight": torch.zeros(1000, 96), "fc.bias": torch.zeros(1000)}


def same(one: Encoder, other: Encoder) -> bool:
    states = [n.get_submodule("backbone").state_dict() for n in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class TestFiles:
    @pytest.mark.parametrize("kind", ["safetensors", "plain", "nested", "parallel"])
    def test_every_usual_form_is_read(self, kind: str, tmp_path: Path) -> None:
        state = published()
        file = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
        if kind == "safetensors":
            save_file(state, file)
        elif kind == "plain":
            torch.save(state, file)
        elif kind == "nested":
            torch.save({"epoch": 3, "state_dict": state}, file)
        else:
            torch.save({f"module.{k}": t for k, t in state.items()}, file)
        filled = network()
        before = filled.state_dict()["features.0.weight"].clone()
        record = fill(filled, str(file))
        assert same(filled, network(1))
        assert torch.equal(filled.state_dict()["features.0.weight"], before)
        assert record == f"{file.name}, SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}"

    def test_none_leaves_them_random(self) -> None:
        untouched = network()
        assert fill(untouched, "none") is None
        assert same(untouched, network())

    def test_weights_of_another_architecture(self, tmp_path: Path) -> None:
        save_file(published(), tmp_path / "w.safetensors")
        with pytest.raises(WeightsError, match="another architecture"):
            fill(network(backbone="resnet10t"), str(tmp_path / "w.safetensors"))

    def test_nothing_in_a_file_is_executed(self, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self) -> tuple[object, ...]:
                return Path.touch, (tmp_path / "executed",)

        torch.save({"w": Evil()}, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match="cannot be read as weights"):
            fill(network(), str(tmp_path / "w.pth"))
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_damaged_and_missing(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=name):
            fill(network(), str(tmp_path / name))
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(WeightsError, match="cannot be read as weights"):
            fill(network(), str(tmp_path / name))

    def test_a_table_of_something_else(self, tmp_path: Path) -> None:
        torch.save({"w": [1, 2]}, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match="no table of tensors"):
            fill(network(), str(tmp_path / "w.pth"))


class TestBundles:
    def test_a_bundle_is_gone_on_with(self, tmp_path: Path) -> None:
        packed = save_encoder(tmp_path / "bundle", network(1))
        filled = network()
        assert fill(filled, str(tmp_path / "bundle")) == f"bundle {packed.sha256}"
        wanted = packed.network.state_dict()
        assert all(torch.equal(t, wanted[name]) for name, t in filled.state_dict().items())

    def test_of_another_architecture(self, tmp_path: Path) -> None:
        save_encoder(tmp_path / "bundle", network(1))
        with pytest.raises(WeightsError, match="another architecture"):
            fill(network(backbone="resnet10t"), str(tmp_path / "bundle"))


class TestDownload:
    @pytest.fixture
    def served(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A folder on a server of this machine, and an empty cache."""
        folder = tmp_path / "server"
        folder.mkdir()
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
        monkeypatch.setattr(torch.hub, "_hub_dir", None)

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            base = f"http://127.0.0.1:{server.server_address[1]}/"
            monkeypatch.setattr(weights, "address", lambda _: base + next(folder.iterdir()).name)
            yield folder
            server.shutdown()

    def put(self, folder: Path, *, hash_in_name: str | None = None) -> str:
        torch.save(published(), folder / "w.pth")
        found = hashlib.sha256((folder / "w.pth").read_bytes()).hexdigest()
        name = f"w-{hash_in_name or found[:8]}.pth"
        (folder / "w.pth").rename(folder / name)
        return name

    def test_the_hash_in_the_name_is_checked(self, served: Path, tmp_path: Path) -> None:
        name = self.put(served)
        filled = network()
        assert (fill(filled, "download") or "").startswith(name)
        assert same(filled, network(1))
        cached = tmp_path / "cache" / "hub" / "checkpoints" / name
        (served / name).write_bytes(b"the server is not asked again")
        fill(network(), "download")
        cached.write_bytes(b"damaged since")
        with pytest.raises(WeightsError, match="not the published file"):
            fill(network(), "download")

    def test_another_file_than_its_name_says(self, served: Path) -> None:
        self.put(served, hash_in_name="0123abcd")
        with pytest.raises(WeightsError, match="cannot be downloaded"):
            fill(network(), "download")

    def test_a_hash_that_nobody_published_is_kept_at_first_use(
        self, served: Path, tmp_path: Path
    ) -> None:
        torch.save(published(), served / "weights.pth")
        fill(network(), "download")
        cached = tmp_path / "cache" / "hub" / "checkpoints" / "weights.pth"
        assert cached.with_name("weights.pth.sha256").is_file()
        torch.save(published(2), cached)
        with pytest.raises(WeightsError, match="not the published file"):
            fill(network(), "download")

    def test_without_a_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
        with pytest.raises(WeightsError, match="--weights none") as caught:
            fill(make("frame", {"backbone": "resnet50", "size": 64}), "download")
        assert "resnet50_a1_0-14fe96d1.pth" in str(caught.value)
        assert str(tmp_path) in str(caught.value)

    def test_addresses(self) -> None:
        clip = make("clip", {"network": "r3d_18", "frames": 4, "size": 32})
        assert (address(clip) or "").endswith("r3d_18-b3b3357e.pth")
        own = make("clip", {"network": "c3d_small", "frames": 4, "size": 32})
        assert address(own) is None
        with pytest.raises(WeightsError, match="Nobody published"):
            fill(own, "download")
        hub = "test_resnet.r160_in1k/resolve/main/model.safetensors"
        assert (address(network()) or "").endswith(hub)
