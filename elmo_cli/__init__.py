"""ELMo on today's stack: train, measure and serve contextual word vectors.

The public names are imported when they are first used, so that ``import elmo_cli`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elmo_cli.api.elmo import Elmo as Elmo
    from elmo_cli.api.embedder import ElmoEmbedder as ElmoEmbedder
    from elmo_cli.api.features import FeatureDataset as FeatureDataset
    from elmo_cli.api.features import open_features as open_features
    from elmo_cli.api.features import pad_features as pad_features
    from elmo_cli.api.ids import batch_to_ids as batch_to_ids
    from elmo_cli.api.token_embedder import ElmoTokenEmbedder as ElmoTokenEmbedder
    from elmo_cli.flows.models.loaded import load_model as load_model
    from elmo_cli.model.scalar_mix import ScalarMix as ScalarMix

__version__ = "0.1.0"
__all__ = [
    "Elmo",
    "ElmoEmbedder",
    "ElmoTokenEmbedder",
    "FeatureDataset",
    "ScalarMix",
    "__version__",
    "batch_to_ids",
    "load_model",
    "open_features",
    "pad_features",
]

_HOMES = {
    "Elmo": "elmo_cli.api.elmo",
    "ElmoEmbedder": "elmo_cli.api.embedder",
    "ElmoTokenEmbedder": "elmo_cli.api.token_embedder",
    "FeatureDataset": "elmo_cli.api.features",
    "ScalarMix": "elmo_cli.model.scalar_mix",
    "batch_to_ids": "elmo_cli.api.ids",
    "load_model": "elmo_cli.flows.models.loaded",
    "open_features": "elmo_cli.api.features",
    "pad_features": "elmo_cli.api.features",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
