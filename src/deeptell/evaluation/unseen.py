"""What is measured must not have decided anything: what a bundle saw is held against it."""

from dataclasses import dataclass

import pandas as pd

from deeptell.data.fingerprints import recognised
from deeptell.data.leaks import check_leaks, find_leaks, leak_counts
from deeptell.errors import LeakError
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle
from deeptell.records import BundleCard

TEST = "test"
NOT_SAID = "not said by the bundle"
SEEN = "seen"  # what a bundle calls its marks of the videos it learnt from or was chosen on


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where everything comes from that could have been chosen on what is measured, in words."""

    threshold: str
    calibration: str
    epoch: str


def chosen_of(bundle: Bundle) -> Chosen:
    """What a bundle's card and provenance say of its choices."""
    return Chosen(
        threshold=_threshold(bundle.card),
        calibration=_calibration(bundle),
        epoch=_epoch(bundle.training.get("epochs")),
    )


def threshold_of(bundle: Bundle) -> float:
    """The bundle's "flag" point, which was chosen on validation videos; 0.5 without one."""
    flags = [point.threshold for point in bundle.card.operating_points if point.name == "flag"]
    return flags[0] if flags else 0.5


def _threshold(card: BundleCard) -> str:
    for point in card.operating_points:
        if point.name == "flag":
            return (
                f"the bundle's 'flag' point, chosen on {point.real_videos} real and "
                f"{point.fake_videos} manipulated validation videos"
            )
    return "one half: the bundle has no 'flag' point"


def _calibration(bundle: Bundle) -> str:
    method = bundle.card.calibration.method
    why = (bundle.training.get("calibration") or {}).get("why", NOT_SAID)
    return f"{method}: {why}"


def _epoch(epochs: list[dict[str, int]] | None) -> str:
    if epochs is None:
        return NOT_SAID
    named = [f"{one['chosen']} of {one['of']}" for one in epochs]
    if not named:
        return "none: nothing was trained by gradient"
    return f"{', '.join(named)}, by the lowest loss on validation videos"


def check_unseen(bundle: Bundle, store: FaceStore, *, split: str) -> dict[str, int]:
    """How much of this side stands elsewhere: leaks of each kind, and videos that were seen.

    Of a store that the bundle was trained on, any leak is refused. Of another one the leaks are
    counted: as far as can be known, the bundle has seen none of its sides. But wherever a test
    video has the first face or the look of one that it learnt from, or that epoch and thresholds
    were chosen on, that is refused, whatever the video is called there; see
    `fingerprints.marks_of`.

    Raises:
        LeakError: as said, unless the bundle was trained `as_published`.
    """
    kinds = leak_counts(leaks_of(bundle, store, split=split))
    if split != TEST:  # whoever asks for another side by name knows what it was used for
        return kinds
    asked = store.videos.loc[store.videos["split"] == split, "video_key"]
    seen = recognised(store, asked, str(bundle.training.get(SEEN, "")))
    if seen and not _as_published(bundle):
        raise LeakError(
            f"'{bundle.card.name}' learnt from {len(seen)} of these test videos, or was chosen on "
            f"them (for instance {seen[0]}): measure it on others, or train it on a store in which "
            "they are test videos."
        )
    return kinds | ({SEEN: len(seen)} if seen else {})


def unknown(bundle: Bundle, *, split: str) -> tuple[str, ...]:
    """What cannot be told of a bundle that is to be measured on test videos, for the reader."""
    if split != TEST or SEEN in bundle.training:
        return ()
    return (
        f"'{bundle.card.name}' carries no marks of the videos that it learnt from and was chosen "
        "on: whether these test videos are among them is known by the split of its own store only.",
    )


def leaks_of(bundle: Bundle, store: FaceStore, *, split: str) -> pd.DataFrame:
    """What stands on this side of a store's split and on another, as `find_leaks`.

    Raises:
        LeakError: the bundle was trained on this very store, and not `as_published`.
    """
    if bundle.training.get("store") == store.fingerprint:
        found = check_leaks(store.videos, as_published=_as_published(bundle))
    else:
        found = find_leaks(store.videos)
    return found.loc[[split in sides for sides in found["sides"]]]


def _as_published(bundle: Bundle) -> bool:
    trained = bundle.training.get("config") or {}
    return bool(trained.get("as_published"))
