"""Watches a model at work, to know which products a piece of work takes however the code batches it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from benchmarks import flops
from benchmarks.flops import Products
from elmo_cli.config import CharCnnConfig
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.char_cnn import trim_columns


@dataclass
class Calls:
    """What a network was called with."""

    bilm: BiLM
    spelled: list[tuple[int, int]] = field(default_factory=list)
    """Word types, and columns that were left of their spellings, of every pass through the character CNN."""
    batch_sizes: list[tuple[int, ...]] = field(default_factory=list)
    """Sequences still going at each step, of every pass through the LSTMs."""

    @property
    def positions(self) -> int:
        """Positions that each direction read."""
        return sum(map(sum, self.batch_sizes))

    @property
    def types(self) -> int:
        """Word types that were spelled."""
        return sum(types for types, _ in self.spelled)

    def forward(self) -> Products:
        """Products of the network's forward passes, softmax aside."""
        config = self.bilm.config
        width, cnn = config.lstm.projection_dim, _character_cnn(self.bilm)
        products = [product for types, columns in self.spelled for product in flops.encoder(cnn, types, columns, width)]
        return products + self.lstms()

    def lstms(self) -> Products:
        """Products of the LSTMs' forward passes, as if every position's inputs were multiplied."""
        return [product for sizes in self.batch_sizes for product in flops.lstm(self.bilm.config.lstm, sizes)]

    def backward(self) -> Products:
        """Products of the backward passes, where every forward pass has one."""
        config = self.bilm.config
        width, cnn = config.lstm.projection_dim, _character_cnn(self.bilm)
        products = [product for types, _ in self.spelled for product in flops.encoder_gradients(cnn, types, width)]
        return products + flops.gradients(self.lstms())


@contextmanager
def recorded(bilm: BiLM) -> Iterator[Calls]:
    """Notes every call of the network's parts. Not for timed work: looking at spellings waits for the device."""
    calls = Calls(bilm)
    widest = max(width for width, _ in _character_cnn(bilm).filters)

    def spell(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        # Where shapes are filled up to repeat, some rows stand there more than once.
        distinct = len(torch.unique(inputs[0], dim=0))
        calls.spelled.append((distinct, trim_columns(inputs[0], widest).shape[1]))

    def read(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        calls.batch_sizes.append(tuple(inputs[3]))  # LstmLayer.forward's batch_sizes

    hooks = [
        bilm.token_encoder.register_forward_pre_hook(spell),
        bilm.layers[0].register_forward_pre_hook(read),
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _character_cnn(bilm: BiLM) -> CharCnnConfig:
    assert bilm.config.char_cnn is not None, "models of word ids have no encoder worth measuring"
    return bilm.config.char_cnn
