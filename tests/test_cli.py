"""The command line as a user meets it: the whole way, and every mistake she can make."""

import csv
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Ran
from sound import silent
from typer.main import get_command

from deeptell.cli import app
from deeptell.faces.store import FaceStore
from deeptell.media.encode import write_video
from deeptell.records import Image

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


def clip_of(benchmark: Path) -> Path:
    return sorted((benchmark / "original_sequences/youtube/c23/videos").glob("*.mp4"))[0]


def frames_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def assert_one_clear_sentence(ran: Ran, *parts: str) -> None:
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert ran.err.startswith("deeptell: ")
    assert ran.err.count("\n") == 1
    for part in parts:
        assert part in ran.err


def test_help_and_usage_errors_are_instant() -> None:
    for arguments, code in ((["--help"], 0), (["scn"], 2)):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "deeptell", *arguments], capture_output=True
            )
            times.append(time.perf_counter() - began)
            assert done.returncode == code
        # Generous: two tests share two cores here; alone it takes a fifth of a second.
        assert min(times) < 1.0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command: str) -> None:  # type: ignore[no-untyped-def]
    ran = run(command, "--help")
    assert ran.code == 0
    assert f"Example: deeptell {command}" in ran.out


def examples() -> list[str]:
    """Every command that the README and the help texts show."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"`(deeptell [^`]+)`", readme)
    helped = [command.epilog.removeprefix("Example: ") for command in app.registered_commands]
    return [example for example in [*shown, *helped] if " " in example]


@pytest.mark.parametrize("example", examples())
def test_every_example_is_one_that_the_command_line_takes(example: str) -> None:
    name, *arguments = shlex.split(example.split(" > ")[0])[1:]
    command = get_command(app).get_command(None, name)
    command.make_context(name, arguments)


def test_the_whole_way(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bench, faces, trained = tmp_path / "bench", tmp_path / "faces", tmp_path / "run"
    sizes = ("--train", 1, "--val", 1, "--test", 1, "--seconds", 0.4)
    assert run("synth", bench, *sizes, "--compression", "c23", "--jobs", 1).code == 0
    ran = run("index", "faceforensics", bench)
    assert ran.code == 0
    assert "NeuralTextures" in ran.out
    ran = run("extract", bench / "manifest.parquet", faces, "--frames", 3, "--jobs", 2)
    assert (ran.code, ran.out.split(" videos")[0]) == (0, "30 of 30")
    settings = tmp_path / "small.yaml"
    settings.write_text("model: test_resnet\nsize: 64\nframes_per_video: 2\n")
    assert run("train", faces, trained, "--config", settings, "--epochs", 1).code == 0
    ran = run("evaluate", trained / "bundle", "--data", faces, "--json")
    (measured,) = json.loads(ran.out)["models"]
    assert (measured["videos"], measured["not_scored"]) == (10, [])
    assert "Deepfakes" in run("evaluate", trained / "bundle", "--data", faces).out
    the_way_of_heads(run, faces, trained, tmp_path)


def the_way_of_heads(run, faces: Path, trained: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Features cached, a head on them, few frames, ONNX."""
    cache, head, graph = tmp_path / "cache", tmp_path / "head", tmp_path / "model.onnx"
    ran = run("embed", faces, cache, "--model", trained / "bundle", "--json")
    assert json.loads(ran.out)["width"] == 512
    ran = run("embed", faces, cache, "--model", "test_resnet", "--size", 64)
    assert_one_clear_sentence(ran, "embeddings of another encoder")
    settings = ("--model", "metric", "--loss", "triplet", "--embeddings", cache, "--epochs", 1)
    ran = run("train", faces, head, *settings)
    assert (ran.code, ran.err) == (0, ran.err)
    ran = run("evaluate", head / "bundle", "--data", faces, "--embeddings", cache, "--few-frames")
    assert ran.code == 0
    assert "frames per video" in ran.out
    ran = run("evaluate", trained / "bundle", "--data", faces, "--embeddings", cache)
    assert_one_clear_sentence(ran, "not trained on embeddings")
    ran = run("export", head / "bundle", "--onnx", graph, "--data", faces)
    assert ran.code == 0
    assert "answers like the bundle" in ran.out
    assert graph.stat().st_size > 10_000
    ran = run("list", "models")
    assert "facenet" in ran.out
    assert "Tran et al., ICCV 2015" in ran.out


class TestScan:
    def test_one_document_on_standard_output_and_nothing_else(
        self,
        run,  # type: ignore[no-untyped-def]
        benchmark: Path,
        bundle: Path,
        tmp_path: Path,
    ) -> None:
        page = tmp_path / "report.html"
        ran = run("scan", clip_of(benchmark), "--bundle", bundle, "--json", "--report", page)
        document = json.loads(ran.out)
        assert document["schema_version"] == 2
        (file,) = document["files"]
        assert {"path", "verdict", "reasons", "fake_probability", "people"} <= file.keys()
        assert file["people"][0]["scores"]
        assert "x264" in next(f["says"] for f in file["facts"] if f["code"] == "writer")
        assert "Trained on 4 real" in page.read_text(encoding="utf-8")

    def test_it_gives_the_scores_that_evaluation_gives(
        self,
        run,  # type: ignore[no-untyped-def]
        benchmark: Path,
        bundle: Path,
        store: FaceStore,
    ) -> None:
        """No skew: extract + evaluate and scan agree on every face to 1e-5."""
        from deeptell.data.samples import samples_of
        from deeptell.data.scores import score_videos
        from deeptell.evaluation.evaluate import scorer_of
        from deeptell.models.bundle import load_bundle

        loaded = load_bundle(bundle)
        chosen = store.videos.iloc[::9]
        samples = samples_of(store.index, loaded.model.spec)
        calibration = loaded.card.calibration
        scorer = scorer_of(loaded, store)
        table = score_videos(store, chosen, samples, scorer, calibration=calibration)
        paths = [Path(path) for path in chosen["path"]]
        ran = run("scan", *paths, "--bundle", bundle, "--json", "--frames", store.config.frames)
        for key, file in zip(chosen["video_key"], json.loads(ran.out)["files"], strict=True):
            mine = table.rows(table.videos == key)
            for person in file["people"]:
                expected = mine.fake_probability[np.isin(mine.tracks, person["tracks"])]
                found = [score["fake_probability"] for score in person["scores"]]
                np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_many_files_resume_and_survive_bad_ones(
        self,
        run,  # type: ignore[no-untyped-def]
        benchmark: Path,
        bundle: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder = Path("clips")
        folder.mkdir()
        (folder / "good.mp4").write_bytes(clip_of(benchmark).read_bytes())
        (folder / "text.mp4").write_text("not a video")
        (folder / "[red]empty.mp4").touch()
        out = Path("results.jsonl")
        ran = run("scan", folder, "--bundle", bundle, "--out", out, "--jobs", 2)
        assert ran.code == 0
        assert "[red]empty.mp4" in ran.out
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        assert {Path(line["path"]).name for line in lines} == {
            "good.mp4",
            "text.mp4",
            "[red]empty.mp4",
        }
        # Cut the last line short, as a kill would, and add a file: only these two are scanned.
        whole = out.read_text().splitlines(keepends=True)
        out.write_text("".join(whole[:-1]) + whole[-1][:40])
        (folder / "new.mp4").write_bytes(clip_of(benchmark).read_bytes())
        ran = run("scan", folder, "--bundle", bundle, "--out", out, "--json")
        assert out.read_text().splitlines(keepends=True)[:2] == whole[:2]
        assert len(out.read_text().splitlines()) == 4
        assert len(json.loads(ran.out)["files"]) == 4
        rows = list(csv.DictReader(out.with_suffix(".csv").read_text().splitlines()))
        assert [Path(row["path"]).name for row in rows] == [
            "[red]empty.mp4",
            "good.mp4",
            "new.mp4",
            "text.mp4",
        ]

    def test_annotated_video(
        self,
        run,  # type: ignore[no-untyped-def]
        benchmark: Path,
        bundle: Path,
        tmp_path: Path,
    ) -> None:
        clip, marked = clip_of(benchmark), tmp_path / "marked.mp4"
        assert run("scan", clip, "--bundle", bundle, "--annotate", marked).code == 0
        before, after = frames_of(clip), frames_of(marked)
        assert len(before) == len(after)
        changed = np.abs(after[5].astype(int) - before[5]).max(axis=2) > 60
        assert 0.002 < changed.mean() < 0.2

    def test_a_picture(
        self,
        run,  # type: ignore[no-untyped-def]
        benchmark: Path,
        bundle: Path,
        tmp_path: Path,
    ) -> None:
        from PIL import Image as Pillow

        Pillow.fromarray(frames_of(clip_of(benchmark))[0]).save(tmp_path / "face.png")
        (file,) = json.loads(run("scan", tmp_path / "face.png", "--bundle", bundle, "--json").out)[
            "files"
        ]
        assert file["fake_probability"] is not None

    def test_the_packaged_bundle_is_the_default(self, run, benchmark: Path) -> None:  # type: ignore[no-untyped-def]
        ran = run("scan", clip_of(benchmark))
        assert ran.code == 0
        assert "no forgery that anybody passed around" in " ".join(ran.out.split())


def grey(n: int, width: int = 64, height: int = 48) -> Iterable[Image]:
    return (np.full((height, width, 3), 90 + i, np.uint8) for i in range(n))


class TestBadInput:
    """Each gives one sentence and exit code 2, or a verdict of `cannot tell` with its reason."""

    @pytest.fixture
    def clip(self, benchmark: Path) -> Path:
        return clip_of(benchmark)

    def test_paths_that_hold_no_media(self, run, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        (tmp_path / "empty.mp4").touch()
        (tmp_path / "text.mp4").write_text("hello")
        (tmp_path / "void").mkdir()
        for name, words in (
            ("missing.mp4", "There is no file"),
            ("void", "holds no video or picture"),
            ("empty.mp4", "is empty"),
            ("text.mp4", "cannot be read as a video"),
        ):
            ran = run("scan", tmp_path / name, "--bundle", bundle)
            assert_one_clear_sentence(ran, name, words)

    def test_audio_only(self, run, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        path = silent(tmp_path / "sound.mp4")
        ran = run("scan", path, "--bundle", bundle)
        assert_one_clear_sentence(ran, "sound.mp4", "no video")

    def test_damage_is_survived_and_counted(
        self, run, bundle: Path, clip: Path, tmp_path: Path
    ) -> None:  # type: ignore[no-untyped-def]
        flipped = tmp_path / "flipped.mp4"
        data = bytearray(clip.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 400] = bytes(255 - byte for byte in data[middle : middle + 400])
        flipped.write_bytes(data)
        (file,) = json.loads(run("scan", flipped, "--bundle", bundle, "--json").out)["files"]
        assert file["media"]["declared_frames"] == len(frames_of(clip))
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(clip.read_bytes()[: middle // 4])
        ran = run("scan", cut, "--bundle", bundle)
        # What says where the frames lie stands at the end of an MP4, and is cut off.
        assert_one_clear_sentence(ran, "cut.mp4", "cannot be read as a video")

    @pytest.mark.parametrize("frames", [1, 20])
    def test_no_face(self, run, bundle: Path, tmp_path: Path, frames: int) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / "grey.mp4"
        write_video(path, grey(frames), crf=20)
        ran = run("scan", path, "--bundle", bundle, "--json")
        (file,) = json.loads(ran.out)["files"]
        assert (ran.code, file["verdict"], file["people"]) == (0, "cannot tell", [])
        assert file["reasons"][0]["code"] == "no_face"

    def test_a_tiny_face(self, run, bundle: Path, clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        import cv2

        path = tmp_path / "tiny.mp4"
        pictures = []
        for image in frames_of(clip):
            canvas = np.full((256, 320, 3), 128, np.uint8)
            canvas[100:164, 100:180] = cv2.resize(image, (80, 64), interpolation=cv2.INTER_AREA)
            pictures.append(canvas)
        write_video(path, pictures, crf=10)
        (file,) = json.loads(run("scan", path, "--bundle", bundle, "--json").out)["files"]
        assert file["verdict"] == "cannot tell"
        assert "face_too_small" in {reason["code"] for reason in file["reasons"]}

    def test_odd_width(self, run, bundle: Path, clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / "odd.mp4"
        write_video(path, [image[:, :-1] for image in frames_of(clip)], crf=0, rgb=True)
        (file,) = json.loads(run("scan", path, "--bundle", bundle, "--json").out)["files"]
        assert file["media"]["width"] % 2 == 1
        assert file["fake_probability"] is not None

    def test_outputs_that_cannot_be_written(
        self, run, bundle: Path, clip: Path, tmp_path: Path
    ) -> None:  # type: ignore[no-untyped-def]
        (tmp_path / "file").write_text("mine")
        for flag, name in (("--report", "r.html"), ("--out", "r.jsonl"), ("--annotate", "r.mp4")):
            ran = run("scan", clip, "--bundle", bundle, flag, tmp_path / "file" / name)
            assert_one_clear_sentence(ran, name, "cannot be written")
            ran = run("scan", clip, "--bundle", bundle, flag, tmp_path)
            assert_one_clear_sentence(ran, "is a folder")
        ran = run("scan", clip, "--bundle", bundle, "--out", tmp_path / "file")
        assert_one_clear_sentence(ran, "something else than scan results")
        assert (tmp_path / "file").read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_what_is_no_bundle(self, run, clip: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        for folder in (tmp_path, tmp_path / "missing"):
            ran = run("scan", clip, "--bundle", folder)
            assert_one_clear_sentence(ran, "is not a bundle")

    def test_wrong_names_and_keys(self, run, store: FaceStore, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        out = tmp_path / "run"
        ran = run("train", store.path, out, "--model", "mobilenetv4_conv_smal_050")
        assert_one_clear_sentence(ran, "Did you mean 'mobilenetv4_conv_small")
        settings = tmp_path / "settings.yaml"
        settings.write_text("epoch: 3\n")
        ran = run("train", store.path, out, "--config", settings)
        assert_one_clear_sentence(ran, "settings.yaml", "'epoch'", "Did you mean 'epochs'")
        ran = run("index", "faceforensic", tmp_path)
        assert_one_clear_sentence(ran, "Did you mean 'faceforensics'")
        ran = run("list", "model")
        assert_one_clear_sentence(ran, "Did you mean 'models'")
        assert not out.exists()

    def test_folders_that_are_something_else(self, run, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        assert_one_clear_sentence(run("index", "faceforensics", tmp_path), "splits")
        assert_one_clear_sentence(run("train", tmp_path, tmp_path / "run"), "is not a FaceStore")
        ran = run("evaluate", bundle, "--data", tmp_path)
        assert_one_clear_sentence(ran, "is not a FaceStore")
        (tmp_path / "mine.txt").touch()
        ran = run("synth", tmp_path, "--train", 1, "--val", 1, "--test", 1)
        assert_one_clear_sentence(ran, str(tmp_path))


def test_the_names_it_lists(run) -> None:  # type: ignore[no-untyped-def]
    assert "frame" in run("list", "models").out
    assert "mtcnn" in run("list", "detectors").out
    assert "faceforensics" in run("list", "datasets").out
