"""Work shared among processes that may die: a decoder can crash on a file made to crash it."""

from deeptell.workers.foreman import ENGINES, Died, check_engine, each

__all__ = ["ENGINES", "Died", "check_engine", "each"]
