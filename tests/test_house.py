"""The directions in which rooms may know each other; docs/architecture.md draws them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import deeptell

SOURCE = Path(deeptell.__file__).parent

# Modules that know nothing but each other.
HALL = {
    "__version__",
    "answers",
    "audits",
    "records",
    "figures",
    "errors",
    "config",
    "catalog",
    "inputs",
    "files",
    "progress",
    "workers",
}
# Arrays in, floats out: like the hall, these may be used by anyone.
NUMBERS = {
    "evaluation.bootstrap",
    "evaluation.calibration",
    "evaluation.compare",
    "evaluation.curve",
    "evaluation.delong",
    "evaluation.false_alarms",
    "evaluation.measurements",
    "evaluation.metrics",
    "evaluation.risk",
    "evaluation.scores",
    "evaluation.stretches",
    "evaluation.tallies",
}
MAY_KNOW = {
    "media": set(),
    "faces": {"media"},
    "forge": {"media"},
    "data": {"faces", "media", "forge"},
    "models": set(),
    "explain": {"models"},
    "training": {"data", "faces", "models"},
    "scan": {"faces", "models", "media", "explain"},
    "evaluation": {"data", "faces", "models", "scan", "explain", "media"},
    "report": set(),
}
EDGES = {"cli", "console", "demo", "reproduce", "results", "serve", "__main__", "__init__"}


def imports(path: Path) -> set[str]:
    """Dotted names below `deeptell` that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.removeprefix("deeptell.") for name in names if name.startswith("deeptell.")}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_room_knows_only_whom_it_may(path: Path) -> None:
    place = path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")
    room = place.split(".")[0]
    if room in EDGES:
        return
    # `from deeptell.records import Face` also gives "records.Face": the first part decides.
    used = {name for name in imports(path) if name.split(".")[0] not in HALL}
    used = {name for name in used if not any(name.startswith(number) for number in NUMBERS)}
    if room in HALL or place in NUMBERS:
        assert not used
        return
    rooms = {name.split(".")[0] for name in used} - {room}
    # `from deeptell.evaluation import x` would hide which module is meant.
    assert rooms <= MAY_KNOW[room], f"{place} must not know {sorted(rooms - MAY_KNOW[room])}"


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("statement", ["import deeptell", "import deeptell.cli"])
def test_starting_imports_nothing_heavy(statement: str) -> None:
    heavy = {"torch", "pandas", "pyarrow", "cv2", "av", "sklearn", "matplotlib", "lightning"}
    assert not heavy & loaded_after(statement)


def test_a_scan_needs_no_training_library() -> None:
    statement = "import deeptell.scan.run, deeptell.scan.score, deeptell.scan.annotate"
    assert not {"lightning", "sklearn", "matplotlib", "tensorboard"} & loaded_after(statement)


def test_a_scan_with_our_own_network_waits_for_no_library_of_others() -> None:
    statement = (
        "from deeptell.faces.mtcnn import Mtcnn; Mtcnn(); "
        "from deeptell.models.families import build; "
        "build('frame', {'backbone': 'resnet12', 'size': 128})"
    )
    assert not {"timm", "torchvision", "facenet_pytorch"} & loaded_after(statement)
