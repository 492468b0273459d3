"""What a result depends on beside the file and the bundle."""

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version

import av

from deeptell.records import Origin

# Whatever decodes, finds faces, cuts them or computes scores.
PACKAGES = ("deeptell", "av", "facenet-pytorch", "numpy", "opencv-python-headless", "torch")


def origin(arguments: Sequence[str]) -> Origin:
    """The command line and the versions behind a result.

    Args:
        arguments: as the program was given them, without its own name.
    """
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    versions = [(name, version(name)) for name in PACKAGES]
    versions += [
        ("libavcodec", codec),
        ("Python", platform.python_version()),
        ("machine", f"{platform.system()} {platform.machine()}"),
    ]
    return Origin(shlex.join(["deeptell", *arguments]), tuple(versions))
