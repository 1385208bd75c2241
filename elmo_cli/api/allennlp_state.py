"""State dicts under AllenNLP's parameter names: a checkpoint of a program that used AllenNLP loads, and the way back.

The network's own parameters are laid out otherwise (both directions stacked, published orientation and gate order), so
``state_dict()`` holds copies that are rearranged, and ``load_state_dict()`` puts them back. Only one number of them is
computed: AllenNLP adds the forget gate's 1 to its bias. What that sum rounds off travels in the state dict's metadata,
which AllenNLP passes over; without it (a dict made anew, a file that only has tensors) the bias is right to the last
digit of the sum.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elmo_cli.formats.allennlp_names import DIRECTIONS, NOT_OURS, STACK, TOKENS, expected_tensors
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.char_cnn import CharCnn

MODULE = "_elmo_lstm."
"""What the names of :mod:`elmo_cli.formats.allennlp_names` begin with; in the hooks the prefix has it already."""
CACHE = "_word_embedding.weight"
"""AllenNLP's cache of word vectors; it follows from the rest."""
EXACT = "forget_bias"
"""Key of the metadata: each layer's forget bias (G, H) without the 1."""


def write_names(module: nn.Module, state_dict: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Hook behind ``state_dict()`` of a module with the network as ``bilm``: puts AllenNLP's tensors in its place."""
    bilm: Any = module.bilm
    if not _is_allennlps(bilm):
        return
    for name in [name for name in state_dict if name.startswith(f"{prefix}bilm.")]:
        del state_dict[name]
    with torch.no_grad():
        for name, tensor in _tensors(bilm):
            state_dict[prefix + name.removeprefix(MODULE)] = tensor.clone(memory_format=torch.contiguous_format)
        metadata[EXACT] = [_forget(layer.bias).clone() for layer in bilm.layers]
        cache: Any = module.cache
        if cache is not None:
            vectors_VD = cache.vectors_VD.clone()
            vectors_VD[:1] = 0  # AllenNLP's padding word
            state_dict[prefix + CACHE] = vectors_VD


def read_names(
    module: nn.Module,
    state_dict: dict[str, Any],
    prefix: str,
    metadata: dict[str, Any],
    strict: bool,
    missing_keys: list[str],
    unexpected_keys: list[str],
    error_msgs: list[str],
) -> None:
    """Hook before ``load_state_dict()``: AllenNLP's tensors become the network's own; other dicts pass through.

    What is missing or of another shape is reported under AllenNLP's name, and the network keeps what it has there.
    """
    bilm: Any = module.bilm
    expected = (
        {name.removeprefix(MODULE): name for name in expected_tensors(bilm.config)} if _is_allennlps(bilm) else {}
    )
    if not any(prefix + name in state_dict for name in expected):
        return
    for name in NOT_OURS:
        state_dict.pop(prefix + name.removeprefix(MODULE), None)
    with torch.no_grad():
        tensors = dict(_tensors(bilm))
        for short, name in expected.items():
            if prefix + short not in state_dict:
                missing_keys.append(prefix + short)
                continue
            found = state_dict.pop(prefix + short)
            if found.shape != tensors[name].shape:
                error_msgs.append(
                    f"size mismatch for {prefix}{short}: expected {tuple(tensors[name].shape)}, "
                    f"found {tuple(found.shape)} in the state dict"
                )
                continue
            tensors[name] = found
        for name, tensor in _parameters(bilm, tensors, metadata.get(EXACT)):
            state_dict[f"{prefix}bilm.{name}"] = tensor


def _is_allennlps(bilm: BiLM) -> bool:
    """Whether AllenNLP has names for all of the network."""
    return type(bilm.token_encoder) is CharCnn


def _tensors(bilm: BiLM) -> Iterator[tuple[str, Tensor]]:
    """AllenNLP's tensors of a network, some of them views (reference/allennlp.md, 2.2)."""
    encoder = bilm.token_encoder
    assert isinstance(encoder, CharCnn)
    table = encoder.embedding
    yield f"{TOKENS}._char_embedding_weights", torch.cat([table.new_zeros(1, table.shape[1]), table])
    for number, (kernel, bias) in enumerate(zip(encoder.kernels, encoder.biases, strict=True)):
        yield f"{TOKENS}.char_conv_{number}.weight", kernel.permute(2, 1, 0)
        yield f"{TOKENS}.char_conv_{number}.bias", bias
    for number, highway in enumerate(encoder.highways):
        both = f"{TOKENS}._highways._layers.{number}"
        yield f"{both}.weight", torch.cat([highway.transform_weight.t(), -highway.carry_weight.t()])
        yield f"{both}.bias", torch.cat([highway.transform_bias, -highway.carry_bias])
    if encoder.projection is not None:
        yield f"{TOKENS}._projection.weight", encoder.projection.weight.t()
        yield f"{TOKENS}._projection.bias", encoder.projection.bias
    for direction, way in enumerate(DIRECTIONS):
        for number, layer in enumerate(bilm.layers):
            cell, inputs = f"{STACK}.{way}_layer_{number}", bilm.config.lstm.projection_dim
            kernel, bias = _swapped(layer.kernel[direction].t()), _swapped(layer.bias[direction])
            bias[len(bias) // 4 : len(bias) // 2] += 1
            yield f"{cell}.input_linearity.weight", kernel[:, :inputs]
            yield f"{cell}.state_linearity.weight", kernel[:, inputs:]
            yield f"{cell}.state_linearity.bias", bias
            if layer.projection is not None:
                yield f"{cell}.state_projection.weight", layer.projection[direction].t()


def _parameters(bilm: BiLM, tensors: Mapping[str, Tensor], exact: Any) -> Iterator[tuple[str, Tensor]]:
    """The network's parameters by their own names, out of AllenNLP's tensors."""
    encoder = bilm.token_encoder
    assert isinstance(encoder, CharCnn)
    yield "token_encoder.embedding", tensors[f"{TOKENS}._char_embedding_weights"][1:]
    for number in range(len(encoder.kernels)):
        yield f"token_encoder.kernels.{number}", tensors[f"{TOKENS}.char_conv_{number}.weight"].permute(2, 1, 0)
        yield f"token_encoder.biases.{number}", tensors[f"{TOKENS}.char_conv_{number}.bias"]
    for number in range(len(encoder.highways)):
        ours, both = f"token_encoder.highways.{number}", f"{TOKENS}._highways._layers.{number}"
        weight, bias = (tensors[f"{both}.{part}"].chunk(2) for part in ("weight", "bias"))
        yield f"{ours}.transform_weight", weight[0].t()
        yield f"{ours}.carry_weight", -weight[1].t()
        yield f"{ours}.transform_bias", bias[0]
        yield f"{ours}.carry_bias", -bias[1]
    if encoder.projection is not None:
        yield "token_encoder.projection.weight", tensors[f"{TOKENS}._projection.weight"].t()
        yield "token_encoder.projection.bias", tensors[f"{TOKENS}._projection.bias"]
    for number, layer in enumerate(bilm.layers):
        cells = [f"{STACK}.{way}_layer_{number}" for way in DIRECTIONS]
        halves = ([tensors[f"{cell}.{part}_linearity.weight"] for part in ("input", "state")] for cell in cells)
        yield f"layers.{number}.kernel", torch.stack([_swapped(torch.cat(both, dim=1)).t() for both in halves])
        bias_G4H = torch.stack([_swapped(tensors[f"{cell}.state_linearity.bias"]) for cell in cells])
        known = exact[number] if isinstance(exact, list) and number < len(exact) else None
        yield f"layers.{number}.bias", _without_one(bias_G4H, [known, _forget(layer.bias)])
        if layer.projection is not None:
            projections = [tensors[f"{cell}.state_projection.weight"].t() for cell in cells]
            yield f"layers.{number}.projection", torch.stack(projections)


def _without_one(bias_G4H: Tensor, exact: list[Any]) -> Tensor:
    """The forget gate's 1 taken away: by what it was before, where that gives the same sum, else by subtraction."""
    sum_GH = _forget(bias_G4H)
    forget_GH = sum_GH - 1
    for known_GH in reversed(exact):
        if isinstance(known_GH, Tensor) and known_GH.shape == sum_GH.shape:
            known_GH = known_GH.to(sum_GH)
            forget_GH = torch.where(known_GH + 1 == sum_GH, known_GH, forget_GH)
    _forget(bias_G4H).copy_(forget_GH)
    return bias_G4H


def _forget(bias_G4H: Tensor) -> Tensor:
    """The forget gate's part of biases in our order, as a view."""
    return bias_G4H.detach().chunk(4, dim=-1)[2]


def _swapped(rows: Tensor) -> Tensor:
    """Gate blocks i, j, f, o as i, f, j, o, or back: a copy."""
    first, second, third, last = rows.chunk(4)
    return torch.cat([first, third, second, last])
