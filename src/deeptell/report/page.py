"""What every page shares: it loads nothing, runs nothing, and allows only its own style sheet."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deeptell.files import replacing
from deeptell.report import words


def environment(
    *, filters: Mapping[str, Callable[..., Any]], names: Mapping[str, Any]
) -> Environment:
    """The templates of the report, which escape every string and know these filters and names."""
    made = Environment(
        loader=PackageLoader("deeptell.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.filters |= filters
    made.globals |= names
    return made


def _visible(value: object) -> object:
    return words.printable(value) if type(value) is str else value


@cache
def style(*sheets: str) -> Markup:
    """The style sheets of these names, one after the other."""
    folder = resources("deeptell.report") / "templates"
    return Markup("\n".join((folder / sheet).read_text(encoding="utf-8") for sheet in sheets))


def style_hash(text: str) -> str:
    """The hash by which a content security policy allows a style sheet."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def write(path: Path, html: str) -> None:
    """Write a page, whole or not at all; raises `OutputError` where that cannot be done."""
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
