"""A network's parameters under their published names, and back (reference/bilm-tf.md, section 6).

The modules keep the published orientation, so nothing is transposed: directions are unstacked, convolution kernels get
their leading axis of 1, and that is all.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_cli.model.bilm import BiLM, WordTable

Arrays = dict[str, npt.NDArray[np.float32]]


def to_published(bilm: BiLM) -> Arrays:
    """Float32 copies of all weights, by published dataset name."""
    return {
        name: view.detach().to("cpu", torch.float32).numpy().copy() for name, view in sorted(_views(bilm), key=_name)
    }


def from_published(bilm: BiLM, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Copies weights in. Names and shapes must be those of the architecture, as formats.weights checks them.

    Raises:
        ValueError: They are not.
    """
    views = dict(_views(bilm))
    if views.keys() != arrays.keys():
        raise ValueError(f"names differ from the architecture: {sorted(views.keys() ^ arrays.keys())}")
    with torch.no_grad():
        for name, view in views.items():
            if view.shape != arrays[name].shape:
                raise ValueError(f"{name} is {arrays[name].shape}, the architecture has {tuple(view.shape)}")
            view.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name])))


def _views(bilm: BiLM) -> Iterator[tuple[str, Tensor]]:
    encoder = bilm.token_encoder
    if isinstance(encoder, WordTable):
        yield "embedding", encoder.table_VD
    else:
        yield "char_embed", encoder.embedding
        for number, (kernel, bias) in enumerate(zip(encoder.kernels, encoder.biases, strict=True)):
            yield f"CNN/W_cnn_{number}", kernel.unsqueeze(0)
            yield f"CNN/b_cnn_{number}", bias
        for number, highway in enumerate(encoder.highways):
            yield f"CNN_high_{number}/W_carry", highway.carry_weight
            yield f"CNN_high_{number}/b_carry", highway.carry_bias
            yield f"CNN_high_{number}/W_transform", highway.transform_weight
            yield f"CNN_high_{number}/b_transform", highway.transform_bias
        if encoder.projection is not None:
            yield "CNN_proj/W_proj", encoder.projection.weight
            yield "CNN_proj/b_proj", encoder.projection.bias
    for number, layer in enumerate(bilm.layers):
        for direction in (0, 1):  # the file format numbers them: RNN_0 is forward
            cell = f"RNN_{direction}/RNN/MultiRNNCell/Cell{number}/LSTMCell"
            yield f"{cell}/W_0", layer.kernel[direction]
            yield f"{cell}/B", layer.bias[direction]
            if layer.projection is not None:
                yield f"{cell}/W_P_0", layer.projection[direction]


def _name(entry: tuple[str, Tensor]) -> str:
    return entry[0]
