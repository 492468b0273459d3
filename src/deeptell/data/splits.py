"""The guarantee that nothing leaked from one side of a split to another."""

import pandas as pd

from deeptell.errors import DataError, LeakError


def check_leaks(videos: pd.DataFrame) -> None:
    """Raise a `LeakError` if a group or a person stands on two sides of the split.

    Args:
        videos: rows of a manifest; rows with split "" belong to no side.
    """
    used = videos.loc[videos["split"] != ""]
    people = pd.concat(
        [
            used[["dataset", "target_id", "split"]].set_axis(["dataset", "who", "split"], axis=1),
            used[["dataset", "source_id", "split"]].set_axis(["dataset", "who", "split"], axis=1),
        ]
    )
    groups = used[["dataset", "group", "split"]].set_axis(["dataset", "who", "split"], axis=1)
    for what, table in (("group", groups), ("person", people.loc[people["who"] != ""])):
        sides = table.groupby(["dataset", "who"])["split"].unique()
        torn = sides.loc[sides.map(len) > 1]
        if len(torn):
            (dataset, who), where = torn.index[0], " and ".join(sorted(torn.iloc[0]))
            raise LeakError(
                f"The {what} '{who}' of {dataset} stands in {where} ({len(torn)} such); "
                f"every {what} must stay on one side of the split."
            )


def side(videos: pd.DataFrame, split: str) -> pd.DataFrame:
    """The videos of one side; a `DataError` where it lacks real or fake videos."""
    chosen = videos.loc[videos["split"] == split]
    for label, name in ((0, "real"), (1, "fake")):
        if not (chosen["label"] == label).any():
            raise DataError(f"The split '{split}' holds no {name} video with a usable face.")
    return chosen
