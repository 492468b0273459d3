"""One tree of exceptions: each says what, which rule, which value, and the way out.

The command line prints the message of a `DeeptellError` on one line and exits with 2; anything
else is a defect of deeptell and keeps its traceback.
"""


class DeeptellError(Exception):
    """Something the user can mend."""


class ConfigError(DeeptellError):
    """A setting, a flag or a name is not one that deeptell knows."""


class MissingExtraError(DeeptellError):
    """Something needs a package that is not part of the default install."""


class WeightsError(DeeptellError):
    """Pretrained weights cannot be had, or belong to another network."""


class MediaError(DeeptellError):
    """A file cannot be read as video or picture."""


class DataError(DeeptellError):
    """A data set, a manifest or a table of scores is not what it should be."""


class LeakError(DataError):
    """Something that belongs to one side of a split stands on the other."""


class StoreError(DeeptellError):
    """A FaceStore is missing, damaged, or of another kind."""


class BundleError(DeeptellError):
    """A folder is not a bundle, or a bundle is damaged."""


class OutputError(DeeptellError):
    """A result cannot be written where it was asked for."""
