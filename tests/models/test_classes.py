"""A bundle says what its classes mean, and one for which they mean something else is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from deeptell.errors import BundleError
from deeptell.models.bundle import CARD, Bundle, load_bundle, save_bundle
from deeptell.models.families import make
from deeptell.records import BundleCard


@pytest.mark.parametrize("classes", [{"0": "fake", "1": "real"}, None])
def test_another_label_convention_is_refused(tmp_path: Path, classes: Any) -> None:
    card = BundleCard("m", "", "", "of nothing", (), ())
    model = make("frame", {"backbone": "test_resnet", "size": 32})
    save_bundle(tmp_path / "bundle", Bundle(model, card, {}))
    path = tmp_path / "bundle" / CARD
    document = json.loads(path.read_text())
    assert document["classes"] == {"0": "real", "1": "fake"}
    path.write_text(json.dumps({**document, "classes": classes}))
    with pytest.raises(BundleError, match="says that its classes are") as caught:
        load_bundle(tmp_path / "bundle")
    assert "\n" not in str(caught.value)
