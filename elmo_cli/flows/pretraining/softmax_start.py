"""A softmax for words that a continued model has no classes for, told from their spelling."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from elmo_cli.flows.models.token_vectors import TokenVectors
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.model.class_rows import RIDGE, ClassMeans, apply_ridge, fit_ridge
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.softmax import Softmax, full_losses_chunked
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import TrainingWindows, Window

POSITIONS = 500_000
"""Of the text, as many positions at most are read to rebuild a softmax."""
TRIED_STEPS = 5
"""Further batches on which it is tried out."""
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""What is tried of it."""


@torch.no_grad()
def class_tokens(trainer: Trainer) -> Tensor:
    """The token encoder's vector (V, D) for each class's word."""
    return TokenVectors(trainer.bilm, trainer.text)(np.arange(len(trainer.text.vocabulary), dtype=np.int64))


def log_shares(counts_V: np.ndarray) -> np.ndarray:
    """The logarithm of each class's share of the targets; half a count for one that never occurs keeps it finite."""
    return np.log(np.maximum(counts_V, 0.5) / counts_V.sum())


def complete_softmax(
    trainer: Trainer, counts_V: np.ndarray, kept_K: Tensor, weight_KD: Tensor, bias_K: Tensor
) -> Iterator[Report]:
    """Puts known classes in their places and finds a beginning for the others, by ``train.softmax_start``.

    Args:
        trainer: With the weights of the model that is continued.
        counts_V: How often each class is a target.
        kept_K: Places of the known classes.
        weight_KD: Their weights.
        bias_K: Their biases.
    """
    if len(kept_K) < len(counts_V):
        yield Progress(stage="beginning the softmax", done=0, total=len(counts_V) - len(kept_K), unit="classes")
        _begin_new(
            trainer, counts_V, kept_K.to(trainer.device), weight_KD.to(trainer.device), bias_K.to(trainer.device)
        )
    with torch.no_grad():
        trainer.softmax.weight_VD[kept_K] = weight_KD.to(trainer.device)
        trainer.softmax.bias_V[kept_K] = bias_K.to(trainer.device)


@torch.no_grad()
def _begin_new(trainer: Trainer, counts_V: np.ndarray, kept_K: Tensor, weight_KD: Tensor, bias_K: Tensor) -> None:
    softmax, start = trainer.softmax, trainer.config.softmax_start
    shares_V = torch.from_numpy(log_shares(counts_V)).to(trainer.device)
    # What a bias is above the logarithm of its word's share.
    above_K = bias_K.double() - shares_V[kept_K]
    if start == "tokens":
        tokens_VD = class_tokens(trainer)
        known_KY = torch.cat([weight_KD.double(), above_K.unsqueeze(1)], 1)
        matrix = fit_ridge(tokens_VD[kept_K], known_KY, torch.ones_like(above_K), RIDGE)
        told_VY = apply_ridge(matrix, tokens_VD)
        weight_VD, above_V = told_VY[:, :-1], told_VY[:, -1]
    else:
        above_V = above_K.mean().expand(len(shares_V))
        mean_D = weight_KD.double().mean(0)
        weight_VD = mean_D.expand(len(shares_V), -1) if start == "mean" else torch.zeros_like(softmax.weight_VD)
    if start != "random":
        softmax.weight_VD.copy_(weight_VD)
    softmax.bias_V.copy_(shares_V + above_V if trainer.config.softmax_bias == "unigram" else torch.zeros_like(shares_V))


def rebased(bias_K: Tensor, before: Vocabulary, ids_K: np.ndarray, counts_K: np.ndarray, targets: float) -> Tensor:
    """Biases of known classes, moved by the logarithm of how much more frequent their words are in the new text.

    A model that knows its text's frequencies expects them in every other text, too; its first steps would overshoot
    to learn the new ones. What is seen of a word is told from what was expected as if both were one more, so that words
    too rare to be seen stay where they are. Without counts of the model's own text nothing moves.

    Args:
        bias_K: The model's biases.
        before: The model's vocabulary.
        ids_K: The classes in it.
        counts_K: How often each is a target of the new text.
        targets: Of the new text, in all.
    """
    if before.counts_V is None:
        return bias_K
    counts_V = before.counts_V.astype(np.float64)
    counts_V[[before.begin_id, before.end_id]] /= 2  # each is a target of one direction only
    expected_K = counts_V[ids_K] / counts_V.sum() * targets
    return bias_K + torch.from_numpy(np.log((counts_K + 1) / (expected_K + 1))).to(bias_K)


def rebuild_softmax(trainer: Trainer, counts_V: np.ndarray, first: LstmState) -> Iterator[Report]:
    """Finds a beginning for all classes, by ``train.softmax_start``.

    Args:
        trainer: With the weights of the model that is continued.
        counts_V: How often each class is a target.
        first: The state of one row that reading begins with.
    """
    config, softmax, start = trainer.config, trainer.softmax, trainer.config.softmax_start
    if start == "random":
        return
    if start != "tokens":
        with torch.no_grad():
            softmax.weight_VD.zero_()
        return
    # Sentences start as they will be evaluated: from zeros, where training teaches that.
    windows = TrainingWindows(
        trainer.text,
        rows=config.rows,
        window=config.window,
        seed=config.seed,
        reset_probability=float(config.reset_probability > 0),
    )
    steps = max(1, min(windows.steps_per_epoch - TRIED_STEPS, POSITIONS // (config.rows * config.window)))
    means = ClassMeans.empty(len(counts_V), softmax.weight_VD.shape[1], trainer.device)
    vectors, state = TokenVectors(trainer.bilm, trainer.text), first.expand(config.rows)
    for step in range(steps):
        hidden_ND, targets_N, state = _read(trainer, windows.batch(step), vectors, state)
        means.add(hidden_ND, targets_N)
        yield Progress(stage="reading for the softmax", done=step + 1, total=steps, unit="steps")
    tried = []
    for step in range(steps, steps + TRIED_STEPS):
        hidden_ND, targets_N, state = _read(trainer, windows.batch(step), vectors, state)
        tried.append((hidden_ND, targets_N))
    _take_best(trainer, means, torch.from_numpy(log_shares(counts_V)).to(trainer.device), tried)


@torch.no_grad()
def _take_best(trainer: Trainer, means: ClassMeans, shares_V: Tensor, tried: list[tuple[Tensor, Tensor]]) -> None:
    """Of the classifier and weaker forms of it, the one with the lowest loss on text that it has not seen.

    Outputs are not as normal as the classifier takes them to be, so that it is too sure of itself.
    """
    softmax = trainer.softmax
    weight_VD, above_V = means.softmax(class_tokens(trainer))
    losses: list[float] = []
    for strength in (*STRENGTHS, None):
        best = STRENGTHS[int(np.argmin(losses))] if strength is None else strength
        softmax.weight_VD.copy_(best * weight_VD)
        softmax.bias_V.copy_(shares_V + best * above_V)
        losses.append(sum(float(_loss(softmax, *one)) for one in tried))


def _loss(softmax: Softmax, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    return full_losses_chunked(hidden_ND, softmax.weight_VD, softmax.bias_V, targets_N).sum()


@torch.no_grad()
def _read(
    trainer: Trainer, window: Window, vectors: TokenVectors, state: LstmState
) -> tuple[Tensor, Tensor, LstmState]:
    """What the model puts out over a batch, what was to be predicted there, and the state after it."""
    # Packed order is step after step: (G, B, T) -> (G, T * B).
    inputs_GN, targets_GN = (ids.swapaxes(1, 2).reshape(2, -1) for ids in (window.inputs_GBT, window.targets_GBT))
    keep_N = torch.from_numpy((~window.resets_BT).T.reshape(-1).astype(np.float32)).to(trainer.device)
    sizes = [len(window.resets_BT)] * window.resets_BT.shape[1]
    outputs, state = trainer.bilm(vectors(inputs_GN), sizes, state, keep_N=keep_N)
    return outputs[-1].flatten(0, 1), torch.from_numpy(targets_GN.reshape(-1)).to(trainer.device), state
