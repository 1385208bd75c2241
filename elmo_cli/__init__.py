"""ELMo on today's stack: train, measure and serve contextual word vectors.

The public names are imported when they are first used, so that ``import elmo_cli`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elmo_cli.flows.models import load_model as load_model

__version__ = "0.1.0"
__all__ = ["__version__", "load_model"]

_HOMES = {"load_model": "elmo_cli.flows.models"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
