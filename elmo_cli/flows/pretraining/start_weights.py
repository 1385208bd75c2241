"""The first weights of a run that continues a model: the model's own, and a softmax for the run's vocabulary."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmo_cli.errors import ModelError
from elmo_cli.flows.models.loaded import LoadedModel, load_model, start_state
from elmo_cli.flows.pretraining.origin import ORIGIN
from elmo_cli.flows.pretraining.softmax_start import complete_softmax, rebased, rebuild_softmax
from elmo_cli.flows.pretraining.training import Trainer, target_counts
from elmo_cli.flows.reports import Notice, Report
from elmo_cli.model.bilm import WordTable
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.vocabulary import Vocabulary


def begin(trainer: Trainer, run_dir: Path, record: dict[str, Any] | None) -> Iterator[Report]:
    """Gives a new trainer the weights of the model that the run continues; a function of it, text and settings.

    Args:
        trainer: Before its first step.
        run_dir: The run's folder, with a copy of the model.
        record: What the run recorded of the model; None where it continues none.

    Raises:
        ModelError: The model in the run folder is damaged, or not the one that was put there.
    """
    if record is None:
        return
    model = load_origin(run_dir, record)
    yield _what_is_continued(model, record)
    kept = _Kept.of(model.vocabulary, trainer.text.vocabulary)
    weights = model.bilm.state_dict()
    if isinstance(model.bilm.token_encoder, WordTable):
        weights["token_encoder.table_VD"] = _table_for(model, trainer.text.vocabulary, kept)
    trainer.bilm.load_state_dict(weights)
    first = _start(model, trainer.device)
    trainer.state = trainer.dealt.state_of(first.expand(trainer.config.rows))
    yield from _begin_softmax(trainer, model, kept, first)


def keep_start(trainer: Trainer, run_dir: Path, record: dict[str, Any] | None) -> None:
    """Where all LSTM layers are frozen, sentences go on starting from the state that the continued model starts from.

    Training then cannot teach the model any other start, whatever rows are reset to. Called before a run goes on, too.
    """
    names = {f"bilm.{name}" for name, _ in trainer.bilm.named_parameters() if name.startswith("layers.")}
    if record is not None and names <= trainer.freezing.frozen:
        trainer.own_start = _start(load_origin(run_dir, record), trainer.device)


def _start(model: LoadedModel, device: torch.device) -> LstmState:
    """The state of one row that the model's sentences start from."""
    state, _ = start_state(model, "model")
    return LstmState(*(part.to(device) for part in state))


def _begin_softmax(trainer: Trainer, model: LoadedModel, kept: "_Kept", first: LstmState) -> Iterator[Report]:
    text, counts_V = trainer.text, target_counts(trainer.text)
    V, known = len(text.vocabulary), len(kept.new_K)
    inside = 1 - counts_V[text.vocabulary.unknown_id] / text.num_tokens
    if model.softmax is not None:
        assert model.vocabulary is not None
        weight_KD, bias_K = (rows[torch.from_numpy(kept.old_K)] for rows in model.softmax.parameters())
        if trainer.config.softmax_bias == "unigram":
            bias_K = rebased(bias_K, model.vocabulary, kept.old_K, counts_V[kept.new_K], counts_V.sum())
        yield from complete_softmax(trainer, counts_V, torch.from_numpy(kept.new_K), weight_KD, bias_K)
        said = f"{known:,} of its {V:,} classes are the model's own" + (f", {V - known:,} are new" if known < V else "")
    elif trainer.bilm.config.share_embedding_softmax:
        said = f"its {V:,} classes are the word table's rows"
    else:
        yield from rebuild_softmax(trainer, counts_V, first)
        said = f"the model came without one, and begins anew with {V:,} classes"
    yield Notice(text=f"softmax: {said}; {inside:.1%} of the text's tokens are in the vocabulary")


def load_origin(run_dir: Path, record: dict[str, Any]) -> LoadedModel:
    """The model that a run took into its folder, checked to be that.

    Raises:
        ModelError: It is damaged or another one.
    """
    folder = run_dir / ORIGIN
    model = load_model(folder)
    if model.fingerprint != record["sha256"]:
        raise ModelError(
            f"{folder}: expected the model that the run began with, weights of SHA-256 {record['sha256']}, "
            f"found {model.fingerprint}",
            hint="put the folder back, or begin another run with another --out",
        )
    return model


class _Kept:
    """Classes that are the same word before and after."""

    def __init__(self, new_K: np.ndarray, old_K: np.ndarray) -> None:
        self.new_K, self.old_K = new_K, old_K

    @classmethod
    def of(cls, before: Vocabulary | None, after: Vocabulary) -> "_Kept":
        ids = {} if before is None else before.ids
        pairs = [(new, ids[word]) for new, word in enumerate(after.words) if word in ids]
        both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return cls(both[:, 0], both[:, 1])


def _table_for(model: LoadedModel, vocabulary: Vocabulary, kept: _Kept) -> torch.Tensor:
    """The word table for another vocabulary. New words are read as before: as the model's ``<UNK>``."""
    assert isinstance(model.bilm.token_encoder, WordTable)
    assert model.vocabulary is not None
    table_VD = model.bilm.token_encoder.table_VD.detach()
    rows_V = np.full(len(vocabulary), model.vocabulary.unknown_id)
    rows_V[kept.new_K] = kept.old_K
    return table_VD[torch.from_numpy(rows_V)]


def _what_is_continued(model: LoadedModel, record: dict[str, Any]) -> Notice:
    words = f", trained on {record['words']:,} words for {record['steps']:,} steps" if record.get("steps") else ""
    return Notice(
        text=f"continuing {record['path']} (weights {record['sha256'][:12]}{words}); the optimizer starts afresh"
    )
