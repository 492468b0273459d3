"""The model card: every figure is that of the file, what makers say stands as it is."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from deeptell.errors import DataError
from deeptell.figures import Measurement, plain
from deeptell.models.bundle import load_bundle
from deeptell.records import BundleCard, OperatingPoint
from deeptell.report.model_card import CardNotes, Source, in_reports, model_card, read_measured

NOTES = CardNotes(
    title="A | detector",
    intended_use="To look\nat clips.",
    sources=(Source(name="Faces", use="training", what="40 people", terms="CC-BY-4.0"),),
    how="With one command.",
    choices="Chosen twice by pairs.",
    known_failures=("Faces below 40 px.", "Beauty *filters*."),
)
CARD = BundleCard(
    name="m",
    sha256="ab" * 32,
    architecture="small",
    statement="Trained on forty people.",
    operating_points=(OperatingPoint("flag", 0.8125, 0.05, 0.5, 40, 30),),
    measurements=(),
)


def measured(metric: str, value: float, *, by: str = "all", subset: str = "all") -> dict:
    figures = Measurement(
        "d", by, subset, "video", metric, value, value - 0.05, value + 0.05, 24, 12
    )
    return plain(figures)


def results() -> dict:
    rows = [measured("auc", 0.7125), measured("eer", 0.25)]
    rows += [measured("auc", 0.625, by="compression", subset="c40")]
    rows += [{**measured("auc", 0.999), "level": "frame"}]
    return {"models": [{"data": "pairs", "measurements": rows}], "statement": ""}


def audit() -> dict:
    alarms = {"alarmed": 2, "sources": 30, "files": 31, "cannot_tell": 8}
    alarms |= {"rate": 2 / 30, "low": 0.012, "high": 0.195}
    return {"folder": "archive/real/", "alarms": alarms, "lines": []}


def worn() -> dict:
    drops = [measured("relative_drop", 0.2), measured("relative_drop", 0.4, subset="blur")]
    points = [{"severity": severity} for severity in (0, 1, 3, 3)]
    models = [{"drops": drops, "points": points}]
    corruptions = {"blur": {"strengths": [1, 2, 3, 4, 5]}}
    return {"data": "twelve videos", "models": models, "corruptions": corruptions}


def rows_of(text: str, first: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    plain_lines = (line.replace("\\", "") for line in lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in plain_lines]


def test_every_figure_is_that_of_its_file() -> None:
    config = {"model": "test_resnet", "epochs": 3}
    text = model_card(
        CARD,
        {"config": config},
        NOTES,
        evaluations=[results()],
        audits=[audit()],
        robustness=[worn()],
    )
    (whole,) = rows_of(text, "all")
    assert whole[1] == "0.713 [0.662–0.763]"
    assert whole[-2:] == ["24", "12"]
    assert "0.999" not in text  # of frames
    (worse,) = rows_of(text, "compression: c40")
    assert worse[1].startswith("0.625")
    assert worse[2] == ""
    assert rows_of(text, "flag") == [["flag", "clips", "0.812", "2 of 40", "15 of 30"]]
    assert rows_of(text, "real") == [["real", "2 of 30", "6.7% [1.2%, 19.5%]", "8 of 31"]]
    (blur,) = rows_of(text, "blur")
    assert blur[1].startswith("40.0")
    assert "at severities 1, 3 of 5" in text
    block = text.split("```yaml\n")[1].split("\n```")[0]
    assert yaml.safe_load(block) == config


def test_models_without_one_thing_each_stand_in_a_table() -> None:
    models = [
        {"name": name, "data": data, "measurements": [measured("auc", value)]}
        for name, data, value in (("all", "a", 0.75), ("all", "b, ", 0.6), ("without x", "a", 0.5))
    ]
    text = model_card(CARD, {}, NOTES, ablations=[{"models": models}])
    assert rows_of(text, "AUC of videos") == [["AUC of videos", "a", "b"]]
    ((_, here, there),) = rows_of(text, "all")
    assert here.startswith("0.750 [0.700")
    assert there.startswith("0.600")
    assert rows_of(text, "without x")[0][2] == ""


def test_reports_repeat_what_the_notes_name() -> None:
    rows = [
        measured("auc", 0.75),
        measured("eer", 0.25),
        {**measured("auc", 0.9), "level": "frame"},
    ]
    alone = [*rows, measured("auc", 0.75, by="manipulation", subset="x")]
    several = [*alone, measured("auc", 0.625, by="manipulation", subset="y")]
    sets = {"a, ": alone, "b, test": several, "c": rows}
    models = [{"data": name, "measurements": found} for name, found in sets.items()]
    notes = NOTES.model_copy(update={"in_reports": {"b, test": "Bees", "a": "Ants"}})
    found = in_reports(notes, [{"models": models}])
    assert [(one.data, one.subset, one.metric) for one in found] == [
        ("Bees", "all", "auc"),
        ("Bees", "x", "auc"),
        ("Bees", "y", "auc"),
        ("Ants", "all", "auc"),
    ]
    with pytest.raises(DataError, match=r"names 'a'.*evaluated is b, test:"):
        in_reports(notes, [{"models": models[1:2]}])


def test_words_are_read_as_words() -> None:
    text = model_card(CARD, {}, NOTES)
    assert text.startswith("# A \\| detector\n")
    assert "To look at clips." in text
    assert "- Beauty \\*filters\\*." in text
    assert rows_of(text, "Faces") == [["Faces", "training", "40 people", "CC-BY-4.0"]]


def test_what_was_not_measured_has_no_section() -> None:
    text = model_card(CARD, {}, NOTES)
    for section in ("How well it does", "False alarms", "What wear leaves"):
        assert section not in text
        assert section in model_card(
            CARD, {}, NOTES, evaluations=[results()], audits=[audit()], robustness=[worn()]
        )


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "cannot be read as JSON"), (json.dumps(audit()), "has no 'models'")],
)
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=said):
        read_measured(tmp_path / "x.json", kind="evaluate")


def test_from_the_command_line(run, bundle: Path, store, tmp_path: Path) -> None:
    mine, out = tmp_path / "bundle", tmp_path / "results"
    shutil.copytree(bundle, mine)
    assert run("evaluate", mine, "--data", store.path, "--out", out).code == 0
    (model,) = json.loads((out / "results.json").read_text())["models"]
    measured = load_bundle(mine).card.measurements
    notes = tmp_path / "notes.yaml"
    said = NOTES.model_copy(
        update={"in_reports": {model["data"]: "People of whom it knew nothing"}}
    )
    notes.write_text(yaml.safe_dump(said.model_dump(mode="json")))
    asked = (mine, notes, "--evaluation", out / "results.json")
    assert run("card", *asked).code == 0
    (auc,) = (
        one["value"]
        for one in model["measurements"]
        if (one["level"], one["metric"], one["by"]) == ("video", "auc", "all")
    )
    card = (mine / "MODEL_CARD.md").read_text()
    assert rows_of(card, "all")[0][1].startswith(f"{auc:.3f}")
    whole, *_ = load_bundle(mine).card.measurements
    assert not measured
    assert (whole.data, whole.value) == ("People of whom it knew nothing", auc)
    notes.write_text("title: x\n")
    failed = run("card", *asked)
    assert failed.code == 2
    assert "intended_use" in failed.err
