"""What torch does with modules: compiling, replicas, copies, pickles, other types of numbers."""

import copy
import io
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from elmo_cli import Elmo, batch_to_ids

Files = tuple[Path, Path]
IDS = batch_to_ids([["The", "sentence", "."], ["ELMo", "helps", "disambiguate", "ELMo"], []])
SETTINGS: list[dict[str, object]] = [
    {},
    {"vocab_to_cache": ["The", "ELMo"]},
    {"state": "carry", "keep_sentence_boundaries": True},
    {"requires_grad": {"lstm.1"}},
    {"requires_grad": True, "do_layer_norm": True},
]


def make(files: Files, outputs: int = 1, **settings: object) -> Elmo:
    return Elmo(*files, outputs, dropout=0.0, **settings)  # type: ignore[arg-type]


def vectors(elmo: nn.Module, ids: torch.Tensor = IDS) -> torch.Tensor:
    return elmo(ids)["elmo_representations"][0]


def replica(module: nn.Module) -> nn.Module:
    """What torch.nn.parallel.replicate makes for each device: modules whose parameters are plain tensors."""
    modules = list(module.modules())
    copies = {original: original._replicate_for_data_parallel() for original in modules}
    for original, twin in copies.items():
        twin._former_parameters = {}
        for name, child in original._modules.items():
            twin._modules[name] = None if child is None else copies[child]
        for name, parameter in original._parameters.items():
            if parameter is None:
                twin._parameters[name] = None
            else:
                setattr(twin, name, parameter.clone())
        for name, buffer in original._buffers.items():
            twin._buffers[name] = None if buffer is None else buffer.clone()
    return copies[module]


@pytest.mark.parametrize("settings", SETTINGS)
def test_replicas_give_the_same_vectors_and_gradients(files: Files, settings: dict[str, object]) -> None:
    if settings.get("vocab_to_cache"):
        odd = IDS.clone()
        odd[0, 0, 3] = 0
        assert torch.equal(vectors(replica(make(files, **settings)), odd), vectors(make(files, **settings), odd))
    plain, replicated = make(files, **settings), make(files, **settings)
    for _ in range(2):  # the second batch goes on from the first one's state
        one, other = vectors(plain), vectors(replica(replicated))
        assert torch.equal(one, other)
        one.sum().backward()
        other.sum().backward()
    for one, other in zip(plain.parameters(), replicated.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or torch.equal(one.grad, other.grad)


def test_data_parallel_passes_everything_through(files: Files) -> None:
    # Without a GPU it calls the module itself; its checkpoints have a prefix more.
    elmo = make(files)
    parallel = nn.DataParallel(elmo)
    assert torch.equal(vectors(parallel), vectors(elmo))
    fresh = nn.DataParallel(make(files))
    fresh.load_state_dict(parallel.state_dict(), strict=True)


BACKENDS = ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_module_gives_the_same_vectors_and_gradients(files: Files, backend: str) -> None:
    if backend == "inductor" and not shutil.which("c++") and not shutil.which("g++"):
        pytest.skip("inductor needs a C++ compiler")
    torch._dynamo.reset()
    plain, compiled = make(files, 2, requires_grad=True), make(files, 2, requires_grad=True)
    compiled = torch.compile(compiled, backend=backend)
    for ids in (IDS, batch_to_ids([["other", "lengths"]] * 5), IDS):
        one, other = plain(ids), compiled(ids)
        torch.testing.assert_close(other["elmo_representations"], one["elmo_representations"], rtol=0, atol=1e-6)
        assert torch.equal(other["mask"], one["mask"])
    one["elmo_representations"][0].sum().backward()
    other["elmo_representations"][0].sum().backward()
    for mine, its in zip(plain.parameters(), compiled.parameters(), strict=True):
        none = torch.zeros_like(mine)  # aot_eager gives zeros where there is no gradient
        its_grad, my_grad = (none if parameter.grad is None else parameter.grad for parameter in (its, mine))
        torch.testing.assert_close(its_grad, my_grad, rtol=1e-5, atol=1e-5)
    saved = {name.removeprefix("_orig_mod."): value for name, value in compiled.state_dict().items()}
    make(files, 2).load_state_dict(saved, strict=True)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.filterwarnings("ignore:vocab_to_cache is not used while char_cnn learns")
def test_copies_and_pickles_are_the_same_module(files: Files, settings: dict[str, object]) -> None:
    elmo, memory = make(files, **settings), io.BytesIO()
    elmo(IDS)
    torch.save(elmo, memory)
    memory.seek(0)
    twins = [copy.deepcopy(elmo), pickle.loads(pickle.dumps(elmo)), torch.load(memory, weights_only=False)]
    expected = vectors(elmo)
    for twin in twins:
        assert torch.equal(vectors(twin), expected)
        assert twin.state_dict().keys() == elmo.state_dict().keys()
        twin.load_state_dict(elmo.state_dict(), strict=True)
        with torch.no_grad():  # a copy stands by itself
            twin.scalar_mix_0.gamma.fill_(3.0)
            twin._elmo_lstm.bilm.layers[0].kernel.zero_()
    assert elmo.scalar_mix_0.gamma.item() == 1
    assert elmo._elmo_lstm.bilm.layers[0].kernel.abs().max() > 0
    assert torch.equal(copy.deepcopy(elmo).double()(IDS)["mask"], elmo(IDS)["mask"])


def test_bfloat16_learns(files: Files) -> None:
    elmo = make(files, requires_grad=True).to(torch.bfloat16)
    before = vectors(elmo)
    before.float().sum().backward()
    assert all(parameter.grad.dtype == torch.bfloat16 for parameter in elmo.parameters())
    torch.optim.SGD(elmo.parameters(), lr=0.1).step()
    assert not torch.equal(vectors(elmo), before)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors(make(files, requires_grad=True)).float().sum().backward()
