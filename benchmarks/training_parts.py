"""A training step, whole and by stage."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import flops
from benchmarks.figures import Figure
from benchmarks.lab import Lab
from benchmarks.recorder import recorded
from elmo_cli.flows.pretraining.training import CLASS_BIASES, CLASS_TABLE, Trainer
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import TouchedRows, sampled_losses
from elmo_cli.train.gradients import Touched, clip_factor

RECORDED_STEPS = 3
"""Steps whose products are averaged: the number of word types differs from step to step."""
SETTLED_STEPS, MOST_STEPS = 20, 500
"""Steps without a new graph after which those of a GPU are timed, and those before that at most."""


def step(lab: Lab) -> Iterator[Figure]:
    """A whole training step: the figure that everything else explains."""
    trainer, limits = lab.trainer, lab.limits
    with recorded(trainer.bilm) as calls, _called(trainer):
        for _ in range(RECORDED_STEPS):
            trainer.step()
    logits = _logits(lab)
    products = calls.forward() + calls.backward() + (logits + flops.gradients(logits)) * RECORDED_STEPS
    settle(trainer)
    timing = lab.time(trainer.step)
    yield lab.figure(
        timing,
        part="step",
        name="training step",
        unit="words/s",
        units=lab.words_per_step,
        products=products,
        runs=RECORDED_STEPS,
        in_step=True,
        explanation="the whole of it: batch, forward, backward, clip, update",
        details=lab.sizes
        | {
            "types_per_step": calls.types / RECORDED_STEPS,
            "positions_per_second": timing.rates(lab.train.rows * lab.train.window)[0],
        },
    )
    operations = flops.total_flops(products) / 1e9
    median, low, high = limits.rates(products, operations)
    yield Figure(
        part="step",
        case=lab.case.title,
        name="products of a training step",
        unit="GFLOP/s",
        median=median,
        low=low,
        high=high,
        repeats=RECORDED_STEPS,
        explanation="what the matrix products of its step reach by themselves, shape by shape",
        details={"gflop_per_step": operations / RECORDED_STEPS},
    )


def settle(trainer: Trainer) -> None:
    """Steps until the shapes that come often have their graphs: to capture one takes longer than many steps."""
    if trainer.static is None or not trainer.static.program.captures:
        return
    program, since = trainer.static.program, 0
    for _ in range(MOST_STEPS):
        graphs = program.num_graphs
        trainer.step()
        since = since + 1 if program.num_graphs == graphs else 0
        if since == SETTLED_STEPS:
            return


def batches(lab: Lab) -> Iterator[Figure]:
    """Ids of a step's words and targets out of the store, and its distinct word types."""
    numbers = count()

    def work() -> None:
        np.unique(lab.trainer.windows.batch(next(numbers)).inputs_GBT, return_inverse=True)

    yield lab.figure(
        lab.time(work),
        part="batches",
        name="batch assembly",
        unit="words/s",
        units=lab.words_per_step,
        in_step=True,
        explanation="a window of both directions read out of the text, its distinct word types found; on the host",
        details=lab.sizes,
    )


def char_cnn(lab: Lab) -> Iterator[Figure]:
    """The character CNN over the distinct word types of a batch."""
    encoder, chars_UW = lab.bilm.token_encoder, lab.batch.chars_UW
    with recorded(lab.bilm) as calls:
        vectors_UD = encoder(chars_UW)
    parameters, slope_UD = list(encoder.parameters()), torch.ones_like(vectors_UD)
    common: dict[str, Any] = {
        "part": "char-cnn",
        "unit": "types/s",
        "units": calls.types,
        "in_step": True,
        "details": {"types": calls.types, "columns": calls.spelled[0][1]},
    }
    yield lab.figure(
        lab.time(lambda: encoder(chars_UW)),
        name="character CNN, forward",
        products=calls.forward(),
        explanation="spellings of a batch's distinct word types to token vectors",
        **common,
    )
    yield lab.figure(
        lab.time(lambda: torch.autograd.grad(vectors_UD, parameters, slope_UD, retain_graph=True)),
        name="character CNN, backward",
        products=calls.backward(),
        explanation="gradients of its weights; maximum pooling makes those of the convolutions cheap",
        **common,
    )


def lstm(lab: Lab) -> Iterator[Figure]:
    """All LSTM layers in both directions over a training window, dropout aside."""
    bilm, train, state = lab.bilm, lab.train, lab.trainer.state
    sizes, keep_N = [train.rows] * train.window, lab.batch.keep_N
    tokens_GND = torch.randn(2, sum(sizes), bilm.config.lstm.projection_dim, device=lab.bench.device)
    tokens_GND.requires_grad_()
    leaves = [tokens_GND, *(parameter for layer in bilm.layers for parameter in layer.parameters())]
    slope_GND = torch.ones_like(tokens_GND, requires_grad=False)

    @torch.no_grad()
    def forward() -> None:
        bilm(tokens_GND, sizes, state)

    def both() -> None:
        outputs, _ = bilm(tokens_GND, sizes, state, keep_N=keep_N)
        torch.autograd.grad(outputs[-1], leaves, slope_GND)

    products = flops.lstm(bilm.config.lstm, sizes)
    common: dict[str, Any] = {
        "part": "lstm",
        "unit": "positions/s",
        "units": sum(sizes),
        "details": {"rows": train.rows, "window": train.window, "layers": bilm.config.lstm.layers},
    }
    yield lab.figure(
        lab.time(forward),
        name="LSTM, forward",
        products=products,
        explanation="all layers, both directions; a position is a word or a sentence's end",
        **common,
    )
    yield lab.figure(
        lab.time(both),
        name="LSTM, forward and backward",
        products=products + flops.gradients(products),
        in_step=True,
        explanation="the same with gradients of weights, inputs and state",
        **common,
    )


def softmax(lab: Lab) -> Iterator[Figure]:
    """The sampled softmax of a training step."""
    trainer, targets_N = lab.trainer, lab.batch.targets_N
    classes, seeds = len(lab.text.vocabulary), count()
    assert trainer.sampled, "the plan's vocabularies are larger than their samples"
    hidden_ND = torch.randn(len(targets_N), trainer.bilm.config.lstm.projection_dim, device=lab.bench.device)
    hidden_ND.requires_grad_()

    def negatives() -> TouchedRows:
        drawn = draw_negatives(lab.train.negatives, classes, next(seeds))
        return TouchedRows.of(targets_N, drawn, lab.bench.device)

    rows = negatives()

    def loss() -> None:
        touched = Touched({CLASS_TABLE: trainer.softmax.weight_VD, CLASS_BIASES: trainer.softmax.bias_V}, _TABLES)
        weight_RD, bias_R = touched.rows(CLASS_TABLE, rows.ids_R), touched.rows(CLASS_BIASES, rows.ids_R)
        mean = sampled_losses(hidden_ND, weight_RD, bias_R, rows).mean()
        torch.autograd.grad(mean, [hidden_ND, weight_RD, bias_R])

    common: dict[str, Any] = {
        "part": "softmax",
        "unit": "positions/s",
        "units": len(targets_N) // 2,
        "in_step": True,
        "details": lab.sizes | {"touched_rows": len(rows.ids_R)},
    }
    yield lab.figure(
        lab.time(negatives),
        name="draw negatives",
        explanation="log-uniform classes without repetition, and the rows that a step touches; on the host",
        **common,
    )
    logits = _logits(lab)
    yield lab.figure(
        lab.time(loss),
        name="sampled softmax, forward and backward",
        products=logits + flops.gradients(logits),
        explanation="rows gathered, loss of both directions, gradients of rows and outputs",
        **common,
    )


def optimizer(lab: Lab) -> Iterator[Figure]:
    """Clipping and Adagrad, over made-up gradients of the right shapes."""
    trainer, train = lab.trainer, lab.train
    drawn = draw_negatives(train.negatives, len(lab.text.vocabulary), 1)
    rows = TouchedRows.of(lab.batch.targets_N, drawn, trainer.device)
    whole = {name: torch.full_like(value, 1e-6) for name, value in trainer.parameters.items() if name not in _TABLES}
    by_row = {name: torch.full_like(trainer.parameters[name][rows.ids_R], 1e-6) for name in sorted(_TABLES)}
    slopes: list[Tensor] = [*whole.values(), *by_row.values()]

    def work() -> None:
        _, factor = clip_factor(slopes, train.clip_norm)
        trainer.optimizer.update(whole, 1e-9, 0, factor)
        for name, values in by_row.items():
            trainer.optimizer.update_rows(name, rows.ids_R, values, 1e-9, 0, factor)

    updated = sum(values.numel() for values in slopes)
    timing = lab.time(work)
    yield lab.figure(
        timing,
        part="optimizer",
        name="clip and update",
        unit="words/s",
        units=lab.words_per_step,
        in_step=True,
        explanation="gradient norm and scaling, Adagrad on all weights and on the touched rows of the softmax",
        details={"parameters_updated": updated, "million_parameters_per_second": updated / timing.median / 1e6},
    )


def cudnn(lab: Lab) -> Iterator[Figure]:
    """torch's own LSTM with a projection, which on a GPU is cuDNN's: a candidate where both clips are off."""
    train, config, device = lab.train, lab.case.config.model.lstm, lab.bench.device
    kind = torch.bfloat16 if train.precision == "bf16" else torch.float32
    sizes = [train.rows] * train.window
    layers = nn.LSTM(
        config.projection_dim,
        config.cell_dim,
        config.layers,
        proj_size=config.projection_dim if config.projected else 0,
        device=device,
        dtype=kind,
    )
    inputs_TBD = torch.randn(train.window, train.rows, config.projection_dim, device=device, dtype=kind)
    inputs_TBD.requires_grad_()

    def both() -> None:
        # On a CPU torch warns that oneDNN has no such projection.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            run()

    def run() -> None:
        # It has no two directions that do not see each other's outputs; each is run by itself.
        for _ in range(flops.DIRECTIONS):
            outputs, _ = layers(inputs_TBD)
            torch.autograd.grad(outputs.sum(), [inputs_TBD, *layers.parameters()])

    products = flops.lstm(config, sizes)
    yield lab.figure(
        lab.time(both),
        part="cudnn",
        name="torch.nn.LSTM, forward and backward",
        unit="positions/s",
        units=sum(sizes),
        products=products + flops.gradients(products),
        explanation="without clips, resets and residual, all in one type: a candidate where clips are off",
        details={"rows": train.rows, "window": train.window, "layers": config.layers, "precision": train.precision},
    )


_TABLES = frozenset({CLASS_TABLE, CLASS_BIASES})


@contextmanager
def _called(trainer: Trainer) -> Iterator[None]:
    """Has steps call the network, where they would otherwise replay what it launched."""
    if trainer.static is None:
        yield
        return
    program = trainer.static.program
    before, program.captures = program.captures, False
    try:
        yield
    finally:
        program.captures = before


def _logits(lab: Lab) -> flops.Products:
    train, width = lab.train, lab.case.config.model.lstm.projection_dim
    return flops.softmax(train.rows * train.window, width, train.negatives)
