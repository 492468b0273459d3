"""The models that deeptell knows by name, and from which paper each is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deeptell.catalog import unknown_name
from deeptell.errors import ConfigError

REFERENCE = "Kumar, Bhavsar and Verma, IWBF 2020"


@dataclass(frozen=True)
class Entry:
    """A name of the catalogue.

    Attributes:
        family: see `families.FAMILIES`.
        options: for the family; what stands on an encoder is given that later.
        paper: where the architecture was published.
        needs_encoder: whether it stands on one.
    """

    family: str
    options: Mapping[str, Any] = field(default_factory=dict)
    paper: str = REFERENCE
    needs_encoder: bool = False


def _frame(backbone: str, size: int, paper: str) -> Entry:
    return Entry("frame", {"backbone": backbone, "size": size}, paper)


def _clip(network: str, frames: int, size: int, paper: str) -> Entry:
    return Entry("clip", {"network": network, "frames": frames, "size": size}, paper)


def _recurrent(cell: str) -> Entry:
    return Entry("recurrent", {"cell": cell}, needs_encoder=True)


def _classic(classifier: str) -> Entry:
    return Entry("metric", {"widths": (), "classifier": classifier}, needs_encoder=True)


CLASSIFIERS = (
    "sgd",
    "random_forest",
    "logistic_regression",
    "knn",
    "perceptron",
    "decision_tree",
    "svm",
    "gradient_boosting",
)

NAMES: Mapping[str, Entry] = {
    "xception": _frame("legacy_xception", 299, "Chollet, CVPR 2017"),
    "inception_v3": _frame("inception_v3", 299, "Szegedy et al., CVPR 2016"),
    "inception_resnet_v2": _frame("inception_resnet_v2", 299, "Szegedy et al., AAAI 2017"),
    "resnet50": _frame("resnet50", 224, "He et al., CVPR 2016"),
    "nasnetalarge": _frame("nasnetalarge", 331, "Zoph et al., CVPR 2018"),
    "efficientnet_b0": _frame("efficientnet_b0", 224, "Tan and Le, ICML 2019"),
    "efficientnet_b4": _frame("efficientnet_b4", 380, "Tan and Le, ICML 2019"),
    "efficientnet_b5": _frame("efficientnet_b5", 456, "Tan and Le, ICML 2019"),
    "test_resnet": _frame("test_resnet", 128, "timm: a residual network of twelve layers"),
    "resnet12": _frame("resnet12", 128, "deeptell: a residual network of twelve layers for CPUs"),
    "c3d": _clip("c3d", 16, 112, "Tran et al., ICCV 2015"),
    "conv3d": _clip("conv3d", 32, 112, REFERENCE),
    "c3d_small": _clip("c3d_small", 8, 96, "deeptell: a narrow C3D for CPUs"),
    "r3d_18": _clip("r3d_18", 16, 112, "Tran et al., CVPR 2018"),
    "mc3_18": _clip("mc3_18", 16, 112, "Tran et al., CVPR 2018"),
    "r2plus1d_18": _clip("r2plus1d_18", 16, 112, "Tran et al., CVPR 2018"),
    "s3d": _clip("s3d", 16, 224, "Xie et al., ECCV 2018"),
    "mvit_v2_s": _clip("mvit_v2_s", 16, 224, "Li et al., CVPR 2022"),
    "swin3d_t": _clip("swin3d_t", 16, 224, "Liu et al., CVPR 2022"),
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "bilstm": _recurrent("bilstm"),
    "temporal_max": _recurrent("temporal_max"),
    "metric": Entry("metric", needs_encoder=True),
    **{name: _classic(name) for name in CLASSIFIERS},
    "facenet": Entry("facenet", {}, "Schroff et al., CVPR 2015; Szegedy et al., AAAI 2017"),
}


def entry_of(name: str) -> Entry:
    """What stands behind a name of the catalogue, or of timm as a frame model.

    Raises:
        ConfigError: for any other name.
    """
    if name in NAMES:
        return NAMES[name]
    import timm

    if not timm.is_model(name):
        raise unknown_name(name, [*NAMES, *timm.list_models()], kind="model")
    size = timm.get_pretrained_cfg(name).input_size[-1]
    return _frame(name, size, "timm")


def options_of(name: str, **asked: float | None) -> tuple[str, dict[str, Any]]:
    """The family behind a name and its options, some of them changed; None keeps the default.

    Raises:
        ConfigError: for an unknown name, or a change that the family does not take.
    """
    entry = entry_of(name)
    changed = {option: value for option, value in asked.items() if value is not None}
    for option in changed:
        if option not in TAKES[entry.family]:
            raise ConfigError(f"'{option}' is no setting of the model '{name}'.")
    return entry.family, {**entry.options, **changed}


TAKES = {
    "frame": ("size", "margin", "dropout"),
    "clip": ("size", "frames", "margin", "dropout"),
    "recurrent": ("frames", "dropout"),
    "metric": ("dropout",),
    "facenet": ("margin",),
}
