"""Packages that only some tokenizers need, loaded when the first text is cut."""

import importlib
from types import ModuleType

from elmo_cli.errors import ElmoError


def import_package(package: str) -> ModuleType:
    """A package that cuts text.

    Raises:
        ElmoError: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ElmoError(
            f"cutting raw text into tokens needs the package {package}, which is not installed",
            hint=f"pip install {package}; or, for one tokenised sentence a line, --tokenizer whitespace",
        ) from error
