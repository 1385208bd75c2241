"""How much of a GPU's memory the published model takes in training, counted on a GPU that is not there.

``tests/test_fake_cuda.py`` holds these counts against an allocator's. What CUDA itself and its libraries take, some
hundred megabytes, is not in them.
"""

from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import pytest

from elmo_cli.config.presets import ORIGINAL
from elmo_cli.flows.pretraining.estimates import memory_estimate
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.pretraining.trial import try_evaluation, try_steps
from elmo_cli.text.characters import PADDING
from elmo_cli.text.store import EncodedText
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line
from tests.fake_cuda import CUDA, fake_cuda

CLASSES = 793_471
"""Of the One Billion Word Benchmark."""
Made = TypeVar("Made")


def text_of(tokens: int) -> EncodedText:
    """Words drawn by Zipf's law, in sentences of 25; words of 9 columns, and one in 97 of 22.

    10,240 of them have some 5,600 types, where running text has 3,000: so more memory is taken, not less.
    """
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", *map(str, range(CLASSES - 3))])
    ranks = np.exp(np.random.default_rng(1).random(tokens) * np.log(CLASSES - 3))
    chars_UW = np.full((CLASSES, 50), PADDING, np.int16)
    chars_UW[:, :9] = chars_UW[::97, :22] = 65
    starts = np.arange(0, tokens + 1, 25)
    return EncodedText(vocabulary, ranks.astype(np.uint32) + 2, starts, chars_UW, [])


def made_by(steps: Generator[Any, None, Made]) -> Made:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    ("rows", "most_gigabytes"), [(512, 20), pytest.param(1024, 32, marks=pytest.mark.slow)], ids=["512", "1024"]
)
def test_the_published_model_takes_less_than_40_gib_and_a_dry_run_says_how_much(rows: int, most_gigabytes: int) -> None:
    config = replace(ORIGINAL.train, rows=rows, window=20, negatives=8192, precision="bf16")
    with fake_cuda() as watch:
        watch.has_numbers = False
        trainer = Trainer(ORIGINAL.model, config, text_of(200_000), CUDA)
        watch.has_numbers = True
        steps = made_by(try_steps(trainer, seconds=0, least=1, warm_up=1))
        evaluation = made_by(try_evaluation(trainer, Line(text_of(1000)), seconds=0))
        run: Any = SimpleNamespace(trainer=trainer, config=replace(ORIGINAL, train=config))
        estimate = memory_estimate(run, steps, evaluation, program=0, free=None)
        assert trainer.static is not None
        # What a long run comes to: shapes that have not come before, beside the memory of graphs.
        assert trainer.static.program.num_graphs == 1
        trainer.static.program.captures = False
        trainer.step()
    held = estimate.parameters + estimate.optimizer + estimate.state
    assert held == 2 * 4 * (93_600_848 + CLASSES * 513) + rows * 2 * 2 * (4096 + 512) * 4
    assert held < watch.ever_reserved < min(most_gigabytes * 1e9, 40 * 2**30)
    assert estimate.peak == pytest.approx(watch.ever_reserved, rel=0.1)
