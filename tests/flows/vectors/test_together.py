"""How much is embedded at once on which device, and that batches keep to it."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from elmo_cli.config import ORIGINAL
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.flows.vectors.together import usual_together
from elmo_cli.model.bilm import BiLM
from elmo_cli.model.distinct_tokens import DistinctTokens
from elmo_cli.model.lstm import LstmState
from tests.flows.vectors.test_embedding import make_model, zeros

LSTM = ORIGINAL.model.lstm


@pytest.mark.parametrize(("precision", "rows"), [("fp32", 512), ("bf16", 128), ("int8", 128)])
def test_a_cpu_takes_as_many_rows_as_pay(precision: str, rows: int) -> None:
    together = usual_together(LSTM, precision, torch.device("cpu"))
    assert (together.rows, together.chunk) == (rows, 4096)
    assert together.positions > 1_000_000, "a chunk is in memory, however long the sentences are"


@pytest.mark.parametrize(
    ("gigabytes", "least", "most"), [(2, 4096, 4096), (16, 6_000, 13_000), (80, 40_000, 60_000), (143, 65_536, 65_536)]
)
def test_a_gpu_takes_what_an_eighth_of_its_memory_holds(
    gigabytes: int, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def properties(_: Any) -> SimpleNamespace:
        return SimpleNamespace(total_memory=gigabytes * 10**9)

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    together = usual_together(LSTM, "bf16", torch.device("cuda:0"))
    assert least <= together.positions <= most
    assert together.chunk == together.rows == together.positions


def test_batches_keep_to_the_bounds_and_vectors_do_not_depend_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = make_model()
    sentences = [[f"w{number}", "x", "y"][: 1 + number % 3] for number in range(50)]
    whole = SentenceEmbedder(model, zeros(model)).embed(sentences)
    seen: list[tuple[int, int]] = []
    real = BiLM.forward

    def watched(self: BiLM, tokens: Tensor | DistinctTokens, sizes: Sequence[int], state: LstmState) -> Any:
        seen.append((sizes[0], sum(sizes)))
        return real(self, tokens, sizes, state)

    monkeypatch.setattr(BiLM, "forward", watched)
    embedder = SentenceEmbedder(model, zeros(model))
    embedder.together = replace(embedder.together, positions=36, rows=10, chunk=20)
    for one, other in zip(embedder.embed(sentences), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
    assert max(rows for rows, _ in seen) == 10
    assert max(positions for _, positions in seen) == 20
    seen.clear()
    embedder.embed(sentences, 8)
    assert max(positions for _, positions in seen) == 8
