"""Vega-Lite specifications to what a browser draws, or to pictures, by vl-convert, which carries Vega in itself."""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.files import whole_file

PACKAGE, INSTALLED_AS = "vl_convert", "vl-convert-python"

PICTURE_WIDTH, PICTURE_SCALE = 760, 2
"""Width of a chart in a file of its own, and pixels for each unit of it."""


def compiled(spec: dict[str, Any]) -> dict[str, Any]:
    """A Vega-Lite specification as one of Vega, so that a wrong one is found here and not in a browser.

    Raises:
        ElmoError: The package that does it is not installed.
    """
    return _package().vegalite_to_vega(spec)


@cache
def javascript() -> str:
    """The source of Vega, which offers ``vegaEmbed``; some 0.9 MB.

    Raises:
        ElmoError: The package that has it is not installed.
    """
    # The names vega and vegaLite stand for null in version 1.9, so a smaller bundle without vegaEmbed cannot be had.
    return _package().javascript_bundle("window.vegaEmbed = vegaEmbed;")


def write_picture(spec: dict[str, Any], path: Path) -> None:
    """Writes a chart alone, as ``.svg`` or ``.png``.

    Raises:
        ConfigError: The file's name ends in something else.
        ElmoError: The package that draws is not installed.
        OutputError: The file cannot be written.
    """
    package = _package()
    spec = {**spec, "width": PICTURE_WIDTH, "background": "white"}
    match path.suffix:
        case ".svg":
            content = package.vegalite_to_svg(spec).encode()
        case ".png":
            content = package.vegalite_to_png(spec, scale=PICTURE_SCALE)
        case other:
            raise ConfigError(f"{path}: expected a name ending in .svg or .png, found {other or 'no ending'}")
    with whole_file(path) as partial:
        partial.write_bytes(content)


def _package() -> ModuleType:
    try:
        return importlib.import_module(PACKAGE)
    except ImportError as error:
        raise ElmoError(
            f"drawing charts needs the package {INSTALLED_AS}, which is not installed",
            hint=f"pip install {INSTALLED_AS}",
        ) from error
