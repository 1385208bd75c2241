"""Vectors on their way to the host: all of them arrive, and the device has its next work meanwhile."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from elmo_cli.flows.vectors import host_copies
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.flows.vectors.host_copies import HostCopies
from tests.flows.vectors.test_embedding import make_model, zeros


class Event:
    """Stands for CUDA's."""

    def record(self, _: Any) -> None:
        """Marks a moment."""

    def synchronize(self) -> None:
        """Waits for it."""


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Streams that compute at once, on the CPU; what they were told to wait for."""
    told: list[Any] = []
    for name, value in {
        "Event": Event,
        "Stream": lambda _: SimpleNamespace(wait_event=told.append),
        "stream": lambda _: nullcontext(),
        "current_stream": lambda _: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(Tensor, "pin_memory", lambda values: values)
    return told


@pytest.mark.parametrize("piece", [1, 7, 24, 25, 1000])
def test_every_number_arrives(piece: int, streams: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_copies, "PIECE", piece)
    copies = HostCopies(torch.device("cuda", 0))
    for shape in ((2, 3, 4), (1, 5, 10), (1, 0, 3)):
        values = torch.randn(shape)
        mark = copies.computed()
        found = copies.fetch(values, mark)
        assert np.array_equal(found, values.numpy())
        assert streams.pop() is mark, "vectors are read once they are there"
        values.zero_()
        assert found.size == 0 or found.any(), "the result is a copy"


def test_a_cpu_s_vectors_are_where_they_should_be() -> None:
    values = torch.randn(2, 3)
    copies = HostCopies(torch.device("cpu"))
    assert copies.computed() is None
    assert np.shares_memory(copies.fetch(values, None), values.numpy())


def test_a_batch_is_launched_before_the_one_before_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make_model()
    embedder, order = SentenceEmbedder(model, zeros(model)), []
    run, fetch = embedder._run, embedder._copies.fetch

    def launched(*arguments: Any) -> Any:
        order.append("launched")
        return run(*arguments)

    def fetched(*arguments: Any) -> Any:
        order.append("fetched")
        return fetch(*arguments)

    monkeypatch.setattr(embedder, "_run", launched)
    monkeypatch.setattr(embedder._copies, "fetch", fetched)
    embedder.embed([["a", "b", "c"]] * 3, 4)
    assert order == ["launched", "launched", "fetched", "launched", "fetched", "fetched"]
