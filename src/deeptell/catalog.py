"""Looking things up by name; the tables themselves stand in the rooms that own them."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from deeptell.errors import ConfigError

T = TypeVar("T")


def lookup(table: Mapping[str, T], name: str, *, kind: str) -> T:
    """Return `table[name]`, or raise a `ConfigError` that suggests the nearest right name."""
    if name in table:
        return table[name]
    raise unknown_name(name, table, kind=kind)


def unknown_name(name: str, known: Mapping[str, object] | list[str], *, kind: str) -> ConfigError:
    """Build the error for a name that is not among `known`."""
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known)[:20])}."
    return ConfigError(f"There is no {kind} named '{name}'. {hint}")
