"""What `run.json` says of a training run: enough to repeat it, and to tell it from others.

schema_version   1
config, seed     every setting; one seed for Python, numpy and torch
starts_from      hashes of the encoder and the weights that the settings name
store            path, fingerprint (of its tables) and manifest (hash of what is said of its videos)
embeddings       path, and hashes of their encoder and store; null without them
starts           code and environment of the first start, and of later ones that had others
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch

import deeptell
from deeptell.config import TrainConfig, load
from deeptell.data.embeddings import Embeddings
from deeptell.data.fingerprints import videos_fingerprint
from deeptell.errors import ConfigError
from deeptell.faces.store import FaceStore
from deeptell.files import replacing
from deeptell.models.weights import starts_from

SCHEMA_VERSION = 1
RUN = "run.json"


@dataclass(frozen=True)
class Begun:
    """What a run folder says about its run."""

    config: TrainConfig
    starts_from: dict[str, str]  # see `models.weights`
    store: Path
    fingerprint: str  # of the store
    embeddings: Path | None
    origin: dict[str, str] | None  # of the embeddings
    starts: list[dict[str, Any]]


def claim(
    run: Path,
    *,
    config: TrainConfig,
    store: FaceStore,
    embeddings: Embeddings | None,
    precision: str,
) -> None:
    """Note what a run is, or check that it is the one begun there.

    Another environment, or another deeptell, is noted and does not end it.

    Raises:
        ConfigError: `run` holds a run with other settings, weights to start from, faces or
            embeddings, or is damaged.
    """
    origin = asdict(embeddings.origin) if embeddings else None
    start = {"code": code(), "environment": environment(precision)}
    starts = [start]
    if (run / RUN).is_file():
        begun = read_run(run)
        _check_same(run, begun, config, store.fingerprint, origin)
        starts = begun.starts if start in begun.starts else [*begun.starts, start]
    document = {
        "schema_version": SCHEMA_VERSION,
        "config": config.model_dump(mode="json"),
        "seed": config.seed,
        "starts_from": starts_from(config),
        "store": {
            "path": str(store.path.resolve()),
            "fingerprint": store.fingerprint,
            "manifest": videos_fingerprint(store.videos),
        },
        "embeddings": {"path": str(embeddings.path.resolve()), **origin}
        if embeddings and origin
        else None,
        "starts": starts,
    }
    with replacing(run / RUN) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _check_same(
    run: Path,
    begun: Begun,
    config: TrainConfig,
    fingerprint: str,
    origin: dict[str, str] | None,
) -> None:
    ours, theirs = config.model_dump(), begun.config.model_dump()
    changed = [key for key in ours if ours[key] != theirs[key]]
    held = begun.starts_from
    changed += [name for name, now in starts_from(config).items() if now != held[name]]
    changed += ["store"] if begun.fingerprint != fingerprint else []
    changed += ["embeddings"] if begun.origin != origin else []
    if changed:
        other = " and ".join(dict.fromkeys(changed))
        raise ConfigError(f"{run} holds a run with another {other}: give this one another folder.")


def read_run(run: Path) -> Begun:
    """Read `run.json`.

    Raises:
        ConfigError: there is none, it is damaged, or of another version of deeptell.
    """
    path = run / RUN
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        found = held.get("schema_version", "0, of an older deeptell,")
        if found != SCHEMA_VERSION:
            raise ConfigError(
                f"{path} has schema version {found}; this deeptell reads {SCHEMA_VERSION}: give "
                "the run another folder."
            )
        cache = held["embeddings"]
        return Begun(
            config=load(TrainConfig, None, **held["config"]),
            starts_from={name: str(held["starts_from"][name]) for name in ("encoder", "weights")},
            store=Path(held["store"]["path"]),
            fingerprint=str(held["store"]["fingerprint"]),
            embeddings=Path(cache["path"]) if cache else None,
            origin={key: str(cache[key]) for key in ("encoder", "store")} if cache else None,
            starts=list(held["starts"]),
        )
    except FileNotFoundError:
        raise ConfigError(f"{run} is not the folder of a run: it has no {RUN}.") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path} is damaged ({error}): give the run another folder.") from None


def code() -> dict[str, str | None]:
    """deeptell's version and, where it runs from its repository, the commit.

    The commit ends in "-dirty" where files had changed since; None elsewhere.
    """
    root = Path(deeptell.__file__).parents[2]
    commit = None
    if (root / ".git").exists():  # not the repository of someone who has deeptell installed
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        try:
            done = subprocess.run(
                [*command, "--exclude=*"], capture_output=True, text=True, timeout=30, check=True
            )
            commit = done.stdout.strip()
        except (OSError, subprocess.SubprocessError):
            commit = None  # no git here: the version must do
    return {"deeptell": deeptell.__version__, "commit": commit}


def environment(precision: str) -> dict[str, Any]:
    """What figures may depend on beside code, data and settings.

    Args:
        precision: in which a network is trained, as Lightning names it.
    """
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if cuda else f"cpu, {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "precision": precision,
        "packages": dict(_packages()),
    }


def _packages() -> Iterator[tuple[str, str]]:
    """The version of every package that deeptell always needs."""
    for needed in requires("deeptell") or ():
        name = re.match(r"[\w.-]+", needed)
        if name and "extra ==" not in needed:
            try:
                yield name[0], version(name[0])
            except PackageNotFoundError:  # one that does its work goes by another name
                continue
