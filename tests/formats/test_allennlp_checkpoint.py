"""ELMo out of AllenNLP's checkpoints, and checkpoints that are something else."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats.allennlp_checkpoint import ASSUMED, read_allennlp_archive, read_allennlp_checkpoint
from elmo_cli.formats.options import options_dict
from tests import numpy_elmo as reference
from tests.formats import containers, hostile_archives

CONFIG = containers.CONFIG
PREFIX = "text_field_embedder.token_embedder_elmo._elmo."
TOKENS, STACK = "_elmo_lstm._token_embedder", "_elmo_lstm._elmo_lstm"


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return reference.random_model(CONFIG, seed=1)


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize("prefix", ["", "_elmo.", PREFIX])
def test_the_datasets_are_the_published_ones(tmp_path: Path, weights: dict[str, np.ndarray], prefix: str) -> None:
    state = containers.allennlp_state(weights, CONFIG, prefix=prefix)
    files = read_allennlp_checkpoint(saved(tmp_path / "w.th", state))
    assert files.config == CONFIG
    assert files.weights.keys() == weights.keys()
    for name, array in files.weights.items():
        assert array.dtype == np.float32
        if name.endswith("/B"):  # the forget gate's 1.0, added and taken away, leaves a rounding behind
            np.testing.assert_allclose(array, weights[name], rtol=0, atol=3e-7)
        else:
            assert array.tobytes() == np.ascontiguousarray(weights[name]).tobytes(), name
    assert files.info["module"] == prefix.removesuffix(".")
    assert files.info["assumed"] == ASSUMED


@pytest.mark.parametrize("highways", [0, 1, 3])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_architecture_is_told_by_the_shapes(tmp_path: Path, highways: int, layers: int) -> None:
    config = ModelConfig(
        char_cnn=CharCnnConfig(embedding_dim=2, filters=((2, 6), (1, 5)), highways=highways),
        lstm=LstmConfig(cell_dim=7, projection_dim=3, layers=layers),
    )
    weights = reference.random_model(config, seed=2)
    files = read_allennlp_checkpoint(saved(tmp_path / "w.th", containers.allennlp_state(weights, config)))
    assert files.config == config
    assert {name: array.shape for name, array in files.weights.items()} == {
        name: array.shape for name, array in weights.items()
    }


def test_the_scalar_mixes_come_along(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    state = containers.allennlp_state(weights, CONFIG, prefix=PREFIX, mixes=2)
    info = read_allennlp_checkpoint(saved(tmp_path / "w.th", state)).info
    assert info["scalar_mix"] == [
        {"gamma": 1.5, "scalar_parameters": [0.0, 0.25, 0.5]},
        {"gamma": 2.5, "scalar_parameters": [-1.0, -0.75, -0.5]},
    ]
    json.dumps(info)
    without = containers.allennlp_state(weights, CONFIG, mixes=0)
    assert "scalar_mix" not in read_allennlp_checkpoint(saved(tmp_path / "w.th", without)).info


def test_a_mix_of_other_layers_is_an_error(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    state = containers.allennlp_state(weights, CONFIG)
    del state["scalar_mix_0.scalar_parameters.2"]
    with pytest.raises(
        ModelError, match="scalar_mix_0: expected gamma and 3 scalar_parameters, one for each layer, fou"
    ):
        read_allennlp_checkpoint(saved(tmp_path / "w.th", state))


def test_caches_and_constants_of_the_module_are_left_aside(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    state = containers.allennlp_state(weights, CONFIG)
    state["_elmo_lstm._word_embedding.weight"] = torch.ones(4, 5)
    state[f"scalar_mix_{'9' * 5000}.gamma"] = torch.ones(1)
    state[f"{TOKENS}._beginning_of_sentence_characters"] = torch.ones(50, dtype=torch.int64)
    files = read_allennlp_checkpoint(saved(tmp_path / "w.th", state))
    assert files.weights.keys() == weights.keys()


def test_options_tell_what_tensors_do_not(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    assert CONFIG.char_cnn is not None
    config = replace(
        CONFIG,
        char_cnn=replace(CONFIG.char_cnn, activation="tanh", max_characters=40),
        lstm=replace(CONFIG.lstm, cell_clip=None, projection_clip=5.0, residual=False),
    )
    containers.write_options(tmp_path / "options.json", config)
    path = saved(tmp_path / "w.th", containers.allennlp_state(weights, CONFIG))
    files = read_allennlp_checkpoint(path, options=tmp_path / "options.json")
    assert files.config == config
    assert "assumed" not in files.info
    containers.write_options(tmp_path / "options.json", replace(config, lstm=replace(config.lstm, layers=3)))
    with pytest.raises(
        ModelError, match=r"w\.th: the tensors are of another architecture than .*options\.json says: exp"
    ):
        read_allennlp_checkpoint(path, options=tmp_path / "options.json")
    containers.write_options(tmp_path / "options.json", replace(config, char_cnn=None), 6)
    with pytest.raises(ModelError, match=r"char_cnn=None.*\nHint: options and weights belong together"):
        read_allennlp_checkpoint(path, options=tmp_path / "options.json")


def test_an_archive_may_bring_its_options(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    config = replace(CONFIG, lstm=replace(CONFIG.lstm, cell_clip=1.0))
    named = {"text_field_embedder": {"elmo": {"options_file": "of-someone/options.json"}}}
    members = {
        "./config.json": json.dumps({"model": named, "list": [named]}).encode(),
        "./weights.th": containers.torch_bytes(containers.allennlp_state(weights, CONFIG)),
    }
    options = {"fta/model.text_field_embedder.elmo.options_file": json.dumps(options_dict(config, None)).encode()}
    containers.write_tar(tmp_path / "model.tar.gz", {**members, **options, "vocabulary/tokens.txt": b"x"})
    files = read_allennlp_archive(tmp_path / "model.tar.gz")
    assert files.config == config
    assert "assumed" not in files.info
    containers.write_tar(tmp_path / "model.tar.gz", members)
    files = read_allennlp_archive(tmp_path / "model.tar.gz")
    assert files.config == CONFIG
    assert files.info["assumed"] == ASSUMED
    assert files.info["options_files"] == ["of-someone/options.json"]


def test_a_module_under_two_names_is_one(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    one = containers.allennlp_state(weights, CONFIG)
    tied = {f"{prefix}.{name}": tensor for name, tensor in one.items() for prefix in ("b", "a")}
    assert read_allennlp_checkpoint(saved(tmp_path / "w.th", tied)).info["module"] == "a"
    other = containers.allennlp_state(reference.random_model(CONFIG, seed=2), CONFIG, prefix="c.")
    with pytest.raises(
        ModelError, match=r"expected one Elmo module, found different ones under a., b., c.\nHint: save"
    ):
        read_allennlp_checkpoint(saved(tmp_path / "w.th", {**tied, **other}))


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({name: value})


def _drop(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda state: state.pop(name)


CELL = f"{STACK}.backward_layer_1"
SPOILT = [
    (
        _drop(f"{TOKENS}._char_embedding_weights"),
        "expected a tensor ..._elmo_lstm._token_embedder._char_embedding_weig",
    ),
    (_drop(f"{TOKENS}.char_conv_0.weight"), "char_conv_0.weight: missing, and the architecture cannot be told without"),
    (_drop(f"{CELL}.state_linearity.bias"), r"state_linearity.bias: missing, expected float32 \(36\)"),
    (_set(f"{CELL}.state_linearity.bias", torch.ones(35)), r"bias: expected float32 \(36\), found float32 \(35\)"),
    (
        _set(f"{CELL}.state_linearity.bias", torch.ones(36).double()),
        r"bias: expected float32 \(36\), found float64 \(3",
    ),
    (
        _set(f"{CELL}.state_linearity.bias", torch.ones(36).to_sparse()),
        "bias: expected plain values, found torch.sparse",
    ),
    (_set(f"{CELL}.state_linearity.bias", torch.ones(36, device="meta")), "bias: expected plain values, .* on meta"),
    (_set(f"{CELL}.state_linearity.bias", torch.full((36,), torch.nan)), "bias: expected finite numbers, found 36 NaN"),
    (
        _set(f"{CELL}.more", torch.ones(3)),
        "backward_layer_1.more: superfluous: an Elmo module of this architecture has",
    ),
    (_set(f"{TOKENS}._char_embedding_weights", torch.ones(5)), "expected 2 axes, none of length 0, found the shape"),
    (
        _set(f"{STACK}.forward_layer_0.state_projection.weight", torch.ones(1).expand(50_000, 60_000)),
        "expected at most its own [0-9,]+ bytes of values, found tensors of 12,000,",
    ),
    (
        _set(f"{STACK}.forward_layer_0.state_projection.weight", torch.ones(9, 9)),
        "a projection from 9 to 9, which published weights cannot hold\nHint: bilm-tf leaves a projection away",
    ),
    (
        _set(f"{STACK}.forward_layer_0.state_projection.weight", torch.ones(9, 5)),
        r"not the tensors of an ELMo: .*projection_dim must be from 1 to cell_dim \(5\), not 9",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), SPOILT)
def test_other_tensors_are_refused_with_the_reason(
    tmp_path: Path, weights: dict[str, np.ndarray], spoil: Callable[[dict[str, Any]], Any], message: str
) -> None:
    state = containers.allennlp_state(weights, CONFIG)
    spoil(state)
    path = saved(tmp_path / "w.th", state)
    with pytest.raises(ModelError, match=message) as refusal:
        read_allennlp_checkpoint(path)
    assert refusal.value.message.startswith(str(path))


def test_every_problem_is_listed_at_once(tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    state = containers.allennlp_state(weights, CONFIG)
    for spoil, _ in SPOILT[2:4]:
        spoil(state)
    del state[f"{TOKENS}._projection.bias"]
    with pytest.raises(
        ModelError, match=r"w\.th: 2 problems\n  .*_projection\.bias: missing.*\n  .*found float32 \(35\)"
    ):
        read_allennlp_checkpoint(saved(tmp_path / "w.th", state))


@pytest.mark.parametrize("attack", [hostile_archives.calling_state, hostile_archives.calling_pickle])
def test_a_pickle_that_calls_functions_is_refused_and_not_run(
    tmp_path: Path, attack: Callable[[Path, Path], None]
) -> None:
    attack(tmp_path / "w.th", tmp_path / "trace")
    with pytest.raises(
        ModelError, match=r"w\.th: refused or damaged: it asks for posix\.mkdir, which no state dict needs"
    ):
        read_allennlp_checkpoint(tmp_path / "w.th")
    containers.write_tar(tmp_path / "model.tar.gz", {"weights.th": (tmp_path / "w.th").read_bytes()})
    with pytest.raises(
        ModelError,
        match=r"model\.tar\.gz/weights\.th: refused or damaged: it asks for posix\.mkdir, which no state dict needs",
    ):
        read_allennlp_archive(tmp_path / "model.tar.gz")
    assert not (tmp_path / "trace").exists()


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected tensors by name, found list"):
        read_allennlp_checkpoint(saved(tmp_path / "w.th", [1, 2]))
    with pytest.raises(ModelError, match=r"expected a tensor ..._elmo_lstm.*, found nothing"):
        read_allennlp_checkpoint(saved(tmp_path / "w.th", {"epoch": 3}))
    (tmp_path / "w.th").write_bytes(b"\x80\x02not quite")
    with pytest.raises(
        ModelError, match=r"refused or damaged: its pickle holds more than tensors, or breaks off\nHint: a state"
    ):
        read_allennlp_checkpoint(tmp_path / "w.th")
    with pytest.raises(ModelError, match=r"not a state dict, or damaged: .*No such file"):
        read_allennlp_checkpoint(tmp_path / "nowhere.th")


def test_a_torchscript_program_is_refused(tmp_path: Path) -> None:
    containers.write_zip(tmp_path / "w.th", {"w/data.pkl": b"", "w/constants.pkl": b""})
    with pytest.raises(ModelError, match="expected a state dict, found a TorchScript program"):
        read_allennlp_checkpoint(tmp_path / "w.th")


def test_a_state_dict_that_swells_is_refused(tmp_path: Path) -> None:
    containers.write_zip(tmp_path / "w.th", {"w/data.pkl": b"", "w/data/0": bytes(1 << 20)})
    with pytest.raises(ModelError, match=r"[\d,]+ bytes unpack to 1,048,576; torch.save packs nothing"):
        read_allennlp_checkpoint(tmp_path / "w.th")


ATTACKS = [
    (hostile_archives.tar_bomb, r"[\d,]+ bytes unpack to more than the [\d,]+ that are allowed"),
    (
        hostile_archives.tar_leads_up,
        r"'\.\./\.\./\.bashrc': a name that leads out of the folder\nHint: take the archive",
    ),
    (hostile_archives.tar_named_twice, r"/weights\.th: there are two members of that name, and readers would disagree"),
    (hostile_archives.tar_link, r"/weights\.th: expected a plain file, found a link"),
    (hostile_archives.tar_device, r"/weights\.th: expected a plain file, found a folder or device"),
    (hostile_archives.tar_sparse, r"/weights\.th: expected a plain file, found a sparse one"),
    (hostile_archives.tar_cut, r"not a gzipped tar archive, or damaged: .*\nHint: fetch it again"),
]


@pytest.mark.parametrize(("attack", "message"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_hostile_tar_archive_is_refused_with_the_reason(
    tmp_path: Path,
    weights: dict[str, np.ndarray],
    attack: Callable[[Path, hostile_archives.Members], None],
    message: str,
) -> None:
    path = tmp_path / "model.tar.gz"
    attack(path, {"weights.th": containers.torch_bytes(containers.allennlp_state(weights, CONFIG))})
    with pytest.raises(ModelError, match=message) as refusal:
        read_allennlp_archive(path)
    assert refusal.value.message.startswith(str(path))


def test_an_archive_without_weights_is_an_error(tmp_path: Path) -> None:
    containers.write_tar(tmp_path / "model.tar.gz", {"config.json": b"{}"})
    with pytest.raises(
        ModelError, match=r"expected a member weights\.th, found none\nHint: an AllenNLP model\.tar\.gz"
    ):
        read_allennlp_archive(tmp_path / "model.tar.gz")
