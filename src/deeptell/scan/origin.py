"""What a result depends on beside the file and the bundle."""

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version

import av
import cv2
import numpy as np
import torch

import deeptell
from deeptell.answers import Origin


def origin(arguments: Sequence[str]) -> Origin:
    """The command line, and the versions of what decodes, finds faces, cuts and scores them.

    Args:
        arguments: as the program was given them, without its own name.
    """
    return Origin(
        shlex.join(["deeptell", *arguments]),
        (
            ("deeptell", deeptell.__version__),
            ("PyAV", av.__version__),
            ("libavcodec", ".".join(map(str, av.library_versions["libavcodec"]))),
            ("facenet-pytorch", version("facenet-pytorch")),
            ("OpenCV", cv2.__version__),
            ("NumPy", np.__version__),
            ("PyTorch", torch.__version__),
            ("Python", platform.python_version()),
            ("machine", f"{platform.system()} {platform.machine()}"),
        ),
    )
