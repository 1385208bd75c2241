"""State dicts under AllenNLP's names, both ways, against a writer of its own (reference/allennlp.md, 1.1 and 2.2)."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor, nn

from elmo_cli import Elmo, batch_to_ids
from elmo_cli.api.allennlp_state import _forget, _without_one
from elmo_cli.config import ModelConfig
from elmo_cli.flows.models.loaded import load_model
from elmo_cli.model.published import to_published
from tests import numpy_elmo as reference
from tests.formats import containers

Files = tuple[Path, Path]
IDS = batch_to_ids([["The", "sentence", "."], ["ELMo", "helps"]])


class Tagger(nn.Module):
    """What somebody's program looks like."""

    def __init__(self, files: Files, **settings: object) -> None:
        super().__init__()
        self.elmo = Elmo(*files, 2, dropout=0.0, **settings)  # type: ignore[arg-type]
        self.tags = nn.Linear(self.elmo.get_output_dim(), 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.tags(self.elmo(ids)["elmo_representations"][1])


@pytest.fixture
def theirs(config: ModelConfig) -> dict[str, Tensor]:
    """A tagger's checkpoint as AllenNLP wrote it, of other weights than the files have."""
    state = containers.allennlp_state(reference.random_model(config, seed=7), config, prefix="elmo.", mixes=2)
    return {**state, "tags.weight": torch.randn(3, 10), "tags.bias": torch.zeros(3)}


def saved(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    memory = io.BytesIO()
    torch.save(state, memory)
    memory.seek(0)
    return torch.load(memory, weights_only=True)


def test_a_tagger_saved_under_allennlp_loads_unchanged(
    files: Files, theirs: dict[str, Tensor], config: ModelConfig
) -> None:
    tagger, before = Tagger(files), dict(theirs)
    assert str(tagger.load_state_dict(theirs, strict=True)) == "<All keys matched successfully>"
    assert theirs.keys() == before.keys()
    expected = reference.random_model(config, seed=7)
    for name, array in to_published(tagger.elmo._elmo_lstm.bilm).items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1.2e-7 if name.endswith("/B") else 0)
    assert tagger.elmo.scalar_mixes[1].gamma.item() == 2.5


def test_the_state_dict_has_allennlps_names_shapes_and_values(files: Files, theirs: dict[str, Tensor]) -> None:
    tagger = Tagger(files)
    assert {name: value.shape for name, value in tagger.state_dict().items()} == {
        name: value.shape for name, value in theirs.items()
    }
    tagger.load_state_dict(theirs)
    for name, value in tagger.state_dict().items():
        # Row 0 of the table and every number are theirs; a forget bias below 0.5 has lost a last digit when 1 is taken.
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=1.2e-7 if name.endswith("linearity.bias") else 0)


def test_what_allennlp_saves_beside_the_weights_is_no_surplus(files: Files, theirs: dict[str, Tensor]) -> None:
    theirs["elmo._elmo_lstm._word_embedding.weight"] = torch.ones(9, 5)
    theirs["elmo._elmo_lstm._token_embedder._beginning_of_sentence_characters"] = torch.ones(50)
    Tagger(files).load_state_dict(theirs, strict=True)


def test_a_cache_is_saved_as_allennlp_saves_it(files: Files) -> None:
    tagger = Tagger(files, vocab_to_cache=["@@PADDING@@", "The"])
    cached = tagger.state_dict()["elmo._elmo_lstm._word_embedding.weight"]
    assert cached.shape == (2, 5)
    assert cached[0].abs().max() == 0 < cached[1].abs().max()
    Tagger(files).load_state_dict(tagger.state_dict(), strict=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_saving_and_loading_here_is_exact_to_the_bit(files: Files, dtype: torch.dtype) -> None:
    one, other = Tagger(files, requires_grad=True).to(dtype), Tagger(files).to(dtype)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.01)
    other.load_state_dict(saved(one.state_dict()))
    for name, value in other.named_parameters():
        assert torch.equal(value, one.get_parameter(name)), name
    assert torch.equal(other(IDS), one(IDS))


def test_the_saved_checkpoint_is_one_that_every_command_reads(files: Files, tmp_path: Path) -> None:
    tagger = Tagger(files)
    torch.save(tagger.state_dict(), tmp_path / "best.th")
    model = load_model(tmp_path / "best.th")
    assert model.info["module"] == "elmo"
    expected = to_published(tagger.elmo._elmo_lstm.bilm)
    for name, array in to_published(model.bilm).items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1.2e-7 if name.endswith("/B") else 0)


@pytest.mark.parametrize("form", ["best.th", "model.tar.gz"])
def test_a_checkpoint_s_learned_mixes_come_along(
    files: Files, theirs: dict[str, Tensor], tmp_path: Path, form: str
) -> None:
    path = tmp_path / form
    if form == "best.th":
        torch.save(theirs, path)
    else:
        containers.write_tar(path, {"config.json": b"{}", "weights.th": containers.torch_bytes(theirs)})
    tagger = Tagger(files, state="zero")
    tagger.load_state_dict(theirs)
    elmo = Elmo.from_pretrained(path, dropout=0.0, state="zero")
    assert [mix.gamma.item() for mix in elmo.scalar_mixes] == [1.5, 2.5]
    # Clips are told by options alone: a checkpoint without them is read with those of the published models.
    assert elmo._elmo_lstm.config.lstm.cell_clip == 3
    for name, value in elmo.state_dict().items():
        torch.testing.assert_close(value, tagger.elmo.state_dict()[name], rtol=0, atol=1.2e-7)


def test_missing_surplus_and_misshapen_tensors_are_named_as_allennlp_names_them(
    files: Files, theirs: dict[str, Tensor]
) -> None:
    stack = "elmo._elmo_lstm._elmo_lstm"
    absent = f"{stack}.forward_layer_1.state_linearity.bias"
    tagger = Tagger(files)
    before = tagger.state_dict()[absent]
    del theirs[absent]
    theirs[f"{stack}.forward_layer_9.state_linearity.bias"] = torch.zeros(36)
    result = tagger.load_state_dict(theirs, strict=False)
    assert result.missing_keys == [absent]
    assert result.unexpected_keys == [f"{stack}.forward_layer_9.state_linearity.bias"]
    assert torch.equal(tagger.state_dict()[absent], before)
    theirs["elmo._elmo_lstm._token_embedder.char_conv_1.bias"] = torch.zeros(7)
    with pytest.raises(RuntimeError) as error:
        tagger.load_state_dict(theirs)
    assert f'Missing key(s) in state_dict: "{absent}"' in str(error.value)
    assert f'Unexpected key(s) in state_dict: "{stack}.forward_layer_9.state_linearity.bias"' in str(error.value)
    assert "char_conv_1.bias: expected (4,), found (7,) in the state dict" in str(error.value)
    assert "bilm" not in str(error.value)


def test_values_are_copies_that_training_leaves_alone(files: Files) -> None:
    tagger = Tagger(files, requires_grad=True)
    state = tagger.elmo._elmo_lstm.state_dict()
    before = {name: value.clone() for name, value in state.items()}
    with torch.no_grad():
        for parameter in tagger.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(state[name], value) for name, value in before.items())


@pytest.mark.parametrize("variant", ["no LSTM projection", "no CNN projection", "no highways", "one layer"])
def test_architectures_that_allennlp_cannot_load_are_saved_as_well(tmp_path: Path, variant: str) -> None:
    for seed in (1, 2):
        containers.write_published(tmp_path / str(seed), containers.VARIANTS[variant], seed=seed)
    one, other = (Elmo.from_pretrained(tmp_path / str(seed), dropout=0.0, state="zero") for seed in (1, 2))
    other.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(other(IDS)["elmo_representations"][0], one(IDS)["elmo_representations"][0])


def test_parameters_learn_under_names_that_tell_the_model_from_the_mix(files: Files) -> None:
    names = [name for name, _ in Tagger(files).named_parameters()]
    assert "elmo.scalar_mix_0.scalar_parameters.0" in names and "elmo.scalar_mix_1.gamma" in names
    assert {name.split(".")[1] for name in names if name.startswith("elmo.")} == {
        "_elmo_lstm",
        "scalar_mix_0",
        "scalar_mix_1",
    }


@given(arrays.arrays(np.float32, (2, 8), elements=st.floats(-20, 20, width=32)))
def test_a_forget_bias_of_half_or_more_survives_without_the_record(sum_G4H: np.ndarray) -> None:
    theirs = torch.from_numpy(sum_G4H.copy())
    ours = _without_one(theirs.clone(), [None])
    back = _forget(ours) + 1
    large = _forget(theirs) >= 0.5
    assert torch.equal(back[large], _forget(theirs)[large])
    torch.testing.assert_close(back, _forget(theirs), rtol=0, atol=1.2e-6)
