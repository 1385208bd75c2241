"""AllenNLP's ``ElmoTokenEmbedder`` (reference/allennlp.md, 1.4 and 7.2)."""

import inspect
from pathlib import Path

import pytest
import torch

from elmo_cli import Elmo, ElmoTokenEmbedder, batch_to_ids
from elmo_cli.errors import ConfigError
from tests.formats import containers

Files = tuple[Path, Path]
IDS = batch_to_ids([["The", "sentence"], ["a"]])


def test_arguments_have_allennlps_names_order_and_defaults() -> None:
    parameters = inspect.signature(ElmoTokenEmbedder).parameters.values()
    assert [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == [
        ("options_file", None),
        ("weight_file", None),
        ("do_layer_norm", False),
        ("dropout", 0.5),
        ("requires_grad", False),
        ("projection_dim", None),
        ("vocab_to_cache", None),
        ("scalar_mix_parameters", None),
    ]
    with pytest.raises(ConfigError, match="options_file and weight_file: expected a path, found None"):
        ElmoTokenEmbedder()


def test_without_a_projection_it_is_the_module_s_one_mix(files: Files) -> None:
    embedder = ElmoTokenEmbedder(*files, dropout=0.0)
    assert torch.equal(embedder(IDS), Elmo(*files, 1, dropout=0.0)(IDS)["elmo_representations"][0])
    assert embedder.get_output_dim() == 10


def test_a_projection_maps_the_last_dimension_whatever_the_rank(files: Files) -> None:
    embedder = ElmoTokenEmbedder(*files, projection_dim=20, vocab_to_cache=["a"], state="carry")
    assert embedder.get_output_dim() == 20
    assert embedder(IDS, torch.zeros(2, 2, dtype=torch.long)).shape == (2, 2, 20)
    embedder.reset_states()
    assert embedder(IDS[:1, :1].unsqueeze(0)).shape == (1, 1, 1, 20)


def test_an_allennlp_tagger_s_embedder_loads_under_its_prefix(files: Files, config, weights) -> None:
    state = containers.allennlp_state(weights, config, prefix="_elmo.")
    ElmoTokenEmbedder(*files).load_state_dict(state, strict=True)
