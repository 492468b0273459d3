"""How each data set's own layout becomes a manifest; one file per data set."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from deeptell.data.sources import faceforensics

Source = Callable[[Path], pd.DataFrame]

SOURCES: dict[str, Source] = {"faceforensics": faceforensics.index}
