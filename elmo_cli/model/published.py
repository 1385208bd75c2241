"""A network's parameters under their published names, and back (reference/bilm-tf.md, section 6).

The modules keep the published orientation, so nothing is transposed: directions are unstacked, convolution kernels get
their leading axis of 1, and that is all.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elmo_cli.model.bilm import BiLM, WordTable
from elmo_cli.model.char_cnn import CharCnn
from elmo_cli.model.own_lists import OwnListsEncoder

Arrays = dict[str, npt.NDArray[np.float32]]


def to_published(bilm: BiLM) -> Arrays:
    """Float32 copies of all weights, by published dataset name."""
    return {name: array.copy() for name, array in each_published(bilm)}


def each_published(bilm: BiLM) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """All weights one after another, sorted by published dataset name; on a CPU they are the network's own memory."""
    for name, view in sorted(_views(bilm), key=_name):
        yield name, view.detach().to("cpu", torch.float32).numpy()


def from_published(bilm: BiLM, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Copies weights in. Names and shapes must be those of the architecture, as formats.weights checks them.

    Raises:
        ValueError: They are not.
    """
    views = dict(_views(bilm))
    _require_same({name: tuple(view.shape) for name, view in views.items()}, arrays)
    with torch.no_grad():
        for name, view in views.items():
            view.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name])))


def adopt_published(bilm: BiLM, arrays: Arrays) -> None:
    """Makes weights the network's parameters, without copying where they lie as the network has them.

    That is the case for float32 arrays in C order, and for the two directions of a layer, if they are the halves of one
    array. Network and arrays then share their memory, and whatever is copied is let go at once: ``arrays`` is emptied.

    Raises:
        ValueError: Names or shapes are not those of the architecture.
    """
    shapes = {name: tuple(view.shape) for name, view in _views(bilm)}
    _require_same(shapes, arrays)
    for names, parameter in _parts(bilm):
        parts = [np.require(arrays.pop(name), np.float32, ("C", "W")) for name in names]
        whole = _joined(parts) if len(parts) == 2 else parts[0]
        parameter.data = torch.from_numpy(whole.reshape(parameter.shape))


def _joined(halves: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """What two arrays are the halves of, or a new array of both."""
    whole, (first, second) = halves[0].base, halves
    if isinstance(whole, np.ndarray) and second.base is whole and whole.flags.c_contiguous:
        starts = [half.__array_interface__["data"][0] - whole.__array_interface__["data"][0] for half in halves]
        if whole.shape == (2, *first.shape) and starts == [0, first.nbytes]:
            return whole
    return np.stack(halves)


def _require_same(shapes: Mapping[str, tuple[int, ...]], arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    if shapes.keys() != arrays.keys():
        raise ValueError(f"names differ from the architecture: {sorted(shapes.keys() ^ arrays.keys())}")
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} is {arrays[name].shape}, the architecture has {shape}")


def _views(bilm: BiLM) -> Iterator[tuple[str, Tensor]]:
    """Every dataset's name, and the part of a parameter that it is."""
    for names, parameter in _parts(bilm):
        if len(names) == 2:
            yield names[0], parameter[0]
            yield names[1], parameter[1]
        else:
            yield names[0], parameter.unsqueeze(0) if names[0].startswith("CNN/W_cnn_") else parameter


def _parts(bilm: BiLM) -> Iterator[tuple[tuple[str, ...], nn.Parameter]]:
    """Every parameter, and the dataset that it is, or the two of both directions."""
    encoder = bilm.token_encoder
    if isinstance(encoder, WordTable):
        yield ("embedding",), encoder.table_VD
    elif isinstance(encoder, OwnListsEncoder):
        if encoder.word_table is not None:
            yield ("word_embed",), encoder.word_table
        if encoder.char_cnn is not None:
            yield from _char_cnn_parts(encoder.char_cnn)
        yield ("CNN_proj/W_proj",), encoder.projection.weight
        yield ("CNN_proj/b_proj",), encoder.projection.bias
    else:
        yield from _char_cnn_parts(encoder)
    for number, layer in enumerate(bilm.layers):
        # The file format numbers directions: RNN_0 is forward.
        cells = [f"RNN_{direction}/RNN/MultiRNNCell/Cell{number}/LSTMCell" for direction in (0, 1)]
        yield tuple(f"{cell}/W_0" for cell in cells), layer.kernel
        yield tuple(f"{cell}/B" for cell in cells), layer.bias
        if layer.projection is not None:
            yield tuple(f"{cell}/W_P_0" for cell in cells), layer.projection


def _char_cnn_parts(char_cnn: CharCnn) -> Iterator[tuple[tuple[str, ...], nn.Parameter]]:
    yield ("char_embed",), char_cnn.embedding
    for number, (kernel, bias) in enumerate(zip(char_cnn.kernels, char_cnn.biases, strict=True)):
        yield (f"CNN/W_cnn_{number}",), kernel
        yield (f"CNN/b_cnn_{number}",), bias
    for number, highway in enumerate(char_cnn.highways):
        yield (f"CNN_high_{number}/W_carry",), highway.carry_weight
        yield (f"CNN_high_{number}/b_carry",), highway.carry_bias
        yield (f"CNN_high_{number}/W_transform",), highway.transform_weight
        yield (f"CNN_high_{number}/b_transform",), highway.transform_bias
    if char_cnn.projection is not None:
        yield ("CNN_proj/W_proj",), char_cnn.projection.weight
        yield ("CNN_proj/b_proj",), char_cnn.projection.bias


def _name(entry: tuple[str, Tensor]) -> str:
    return entry[0]
