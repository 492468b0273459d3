from pathlib import Path

import pytest

from deeptell.config import SynthConfig, TrainConfig, load
from deeptell.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_overrides_win_over_the_file_and_none_means_not_given(tmp_path: Path) -> None:
    path = written(tmp_path, "epochs: 3\nbatch_size: 8\n")
    settings = load(TrainConfig, path, epochs=5, batch_size=None)
    assert (settings.epochs, settings.batch_size) == (5, 8)
    assert settings.patience == 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "no setting named 'epoch'. Did you mean 'epochs'"),
        ("epochs: many", "'epochs': .*got 'many'"),
        ("epochs: 0", "'epochs': .*greater than or equal to 1, got 0"),
        ("- 1", "must be a YAML mapping"),
        ("a: [", "is not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(TrainConfig, written(tmp_path, text))


def test_a_missing_file_and_a_nested_key() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(TrainConfig, Path("nowhere.yaml"))
    with pytest.raises(ConfigError, match=r"pairs\.tst"):
        load(SynthConfig, pairs={"tst": 1})
