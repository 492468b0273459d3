"""How work that takes a while says how far it is."""

from collections.abc import Callable
from contextlib import AbstractContextManager

Progress = Callable[[int, int], None]  # called with how many are done, and of how many
Share = Callable[[float], None]  # called with the share that is done
Step = Callable[[str], AbstractContextManager[Progress]]  # opens a named step of the work
