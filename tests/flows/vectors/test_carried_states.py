"""A run with carried state goes on from a note of it, and not from the beginning."""

from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_cli.flows.models.loaded import LoadedModel, load_model, start_state
from elmo_cli.flows.vectors import carried_states
from elmo_cli.flows.vectors.carried_states import CarriedStates
from elmo_cli.flows.vectors.embed import embed
from elmo_cli.flows.vectors.embedding import SentenceEmbedder
from elmo_cli.formats import feature_journal
from elmo_cli.formats.feature_reader import read_any
from tests.flows.small_model import SmallModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(SmallModel(tmp_path_factory.mktemp("carried") / "model").folder)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried_states, "SECONDS", 0.0)
    monkeypatch.setattr(feature_journal, "SECONDS", 0.0)


def embedder_of(model: LoadedModel) -> SentenceEmbedder:
    return SentenceEmbedder(model, start_state(model, "zero")[0], carry=True)


def test_the_newest_note_that_is_not_ahead_is_taken_and_older_ones_go(model: LoadedModel, tmp_path: Path) -> None:
    embedder, safe = embedder_of(model), 0
    states, kept = CarriedStates(tmp_path, lambda: safe), {}
    for lines in (2, 4, 6, 8):
        embedder.embed_batch([["a", "bank"], ["the"]])
        kept[lines] = embedder.carried.cell.clone()
        states.note(embedder, lines)
    assert len(list(tmp_path.iterdir())) == 4
    safe = 7
    embedder.embed_batch([["a"], ["the"]])
    states.note(embedder, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state-10.npz", "state-6.npz", "state-8.npz"]
    other = embedder_of(model)
    assert states.restore(other, 7) == 6
    assert torch.equal(other.carried.cell, kept[6])
    assert states.restore(embedder_of(model), 5) == 0


def test_a_damaged_note_is_passed_over_for_the_one_before(model: LoadedModel, tmp_path: Path) -> None:
    embedder = embedder_of(model)
    states = CarriedStates(tmp_path, lambda: 0)
    for lines in (1, 2):
        embedder.embed_batch([["a"]])
        states.note(embedder, lines)
    (tmp_path / "state-2.npz").write_bytes(b"PK\x03\x04 torn")
    assert states.restore(embedder_of(model), 9) == 1


def test_what_was_written_is_not_computed_again(
    model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"line number {n} of the text\n" for n in range(400)))
    options = {"state": "carry", "batch_sentences": 4, "device": "cpu", "threads": 1}
    list(embed(model.path, str(text), tmp_path / "whole.hdf5", **options))  # type: ignore[arg-type]
    flow = embed(model.path, str(text), tmp_path / "out.hdf5", **options)  # type: ignore[arg-type]
    for _ in range(81):
        next(flow)
    flow.close()  # type: ignore[attr-defined]
    computed = []
    real = SentenceEmbedder.embed_batch

    def counted(self: SentenceEmbedder, sentences: list[list[str]]) -> list[np.ndarray]:
        computed.append(sentences)
        return real(self, sentences)

    monkeypatch.setattr(SentenceEmbedder, "embed_batch", counted)
    list(embed(model.path, str(text), tmp_path / "out.hdf5", **options))  # type: ignore[arg-type]
    assert len(computed) < 60
    with read_any(tmp_path / "out.hdf5") as found, read_any(tmp_path / "whole.hdf5") as expected:
        assert len(found) == 400
        for one, other in zip(found, expected, strict=True):
            assert np.array_equal(one, other)
