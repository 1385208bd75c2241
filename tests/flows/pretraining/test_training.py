"""Training learns what the reference's own tests ask of it, and goes on exactly where it stopped."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_cli.config import (
    RATES,
    CharCnnConfig,
    LstmConfig,
    ModelConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainConfig,
)
from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences, stream_sequences
from elmo_cli.flows.pretraining.training import Trainer, target_counts
from elmo_cli.model.sampler import draw_negatives
from elmo_cli.model.softmax import TouchedRows, sampled_losses
from elmo_cli.seeds import derive_seed
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line
from elmo_cli.train.penalties import Penalties

CPU = torch.device("cpu")
LSTM = LstmConfig(cell_dim=16, projection_dim=8, cell_clip=None, projection_clip=None, residual=False)
CHARS = CharCnnConfig(
    embedding_dim=4,
    filters=((1, 8), (2, 8), (3, 16), (4, 32), (5, 64)),
    highways=1,
    activation="tanh",
    max_characters=10,
)
REFERENCE = TrainConfig(
    rows=2,
    window=10,
    negatives=16,
    clip_norm=1.0,
    warmup_steps=0,
    reset_probability=0.0,
    softmax_bias="zero",
)
"""bilm-tf's training test: rate 0.2, dropout 0.1 (reference/bilm-tf.md, 8.2)."""
VARIANTS = {
    "words": ModelConfig(char_cnn=None, lstm=LSTM),
    "words, shared softmax": ModelConfig(char_cnn=None, lstm=LSTM, share_embedding_softmax=True),
    "words, residual": ModelConfig(char_cnn=None, lstm=replace(LSTM, residual=True)),
    "characters": ModelConfig(char_cnn=CHARS, lstm=LSTM),
}


def five_lines(shared: Path, max_characters: int) -> EncodedText:
    vocabulary = Vocabulary.read(shared / "fixtures/bilm-train/vocab.txt")
    lines = (shared / "fixtures/bilm-train/data.txt").read_text(encoding="utf-8").split("\n")
    return encode([line.split() for line in lines], vocabulary, max_characters)


def perplexities(trainer: Trainer, text: EncodedText) -> tuple[float, float]:
    """Forward and backward, over the text as one stream that goes on from the state training ended with."""
    line = Line(text)
    losses = LineLosses(line)
    for _ in score(trainer.bilm, trainer.softmax, stream_sequences(line, 1), trainer.start_state(), losses):
        pass
    forward, backward = np.exp(losses.mean_losses_G)
    return float(forward), float(backward)


@pytest.mark.parametrize("recipe", ["bilm-tf's", "ours"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_three_hundred_steps_on_five_lines_reach_a_perplexity_under_20(variant: str, recipe: str, shared: Path) -> None:
    text = five_lines(shared, 10)
    defaults = TrainConfig()
    ours = replace(
        REFERENCE,
        reset_probability=defaults.reset_probability,
        softmax_bias=defaults.softmax_bias,
    )
    trainer = Trainer(VARIANTS[variant], REFERENCE if recipe == "bilm-tf's" else ours, text, CPU)
    assert trainer.sampled
    for _ in range(300):
        trainer.step()
    forward, backward = perplexities(trainer, text)
    assert forward < 20
    assert backward < 20


def small_text() -> EncodedText:
    words = [f"w{number}" for number in range(40)]
    generator = np.random.default_rng(4)
    sentences = [[words[i] for i in generator.integers(0, 40, size=generator.integers(1, 9))] for _ in range(60)]
    return encode(sentences, Vocabulary(["<S>", "</S>", "<UNK>", *words[:30]]), 10)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("negatives", [16, 100])
def test_a_restored_trainer_goes_on_bit_for_bit(variant: str, negatives: int) -> None:
    config = replace(REFERENCE, negatives=negatives, reset_probability=0.2, softmax_bias="unigram")
    text = small_text()
    whole = Trainer(VARIANTS[variant], config, text, CPU)
    losses = [whole.step().loss.item() for _ in range(8)]

    first = Trainer(VARIANTS[variant], config, text, CPU)
    for _ in range(5):
        first.step()
    second = Trainer(VARIANTS[variant], config, text, CPU)
    second.restore(first.tensors())
    assert [second.step().loss.item() for _ in range(3)] == losses[5:]
    for name, value in whole.parameters.items():
        assert torch.equal(value, second.parameters[name]), name


@pytest.mark.parametrize("variant", ["words", "characters"])
def test_updating_touched_rows_equals_updating_whole_tables(variant: str) -> None:
    text = small_text()
    by_rows = Trainer(VARIANTS[variant], REFERENCE, text, CPU)
    whole = Trainer(VARIANTS[variant], REFERENCE, text, CPU)
    whole._tables = frozenset()  # every gradient as large as its parameter
    whole._losses = _dense_losses.__get__(whole)  # type: ignore[method-assign]
    for _ in range(5):
        by_rows.step()
        whole.step()
    for name, value in by_rows.parameters.items():
        torch.testing.assert_close(value, whole.parameters[name], rtol=1e-5, atol=1e-6)


def _dense_losses(self: Trainer, hidden_ND: torch.Tensor, targets_N: np.ndarray, touched: object) -> torch.Tensor:
    seed = derive_seed(self.config.seed, "negatives", self.step_number)
    rows = TouchedRows.of(targets_N, draw_negatives(self.config.negatives, len(self.text.vocabulary), seed), CPU)
    return sampled_losses(hidden_ND, self.softmax.weight_VD[rows.ids_R], self.softmax.bias_V[rows.ids_R], rows)


def test_a_vocabulary_no_larger_than_the_negatives_is_trained_with_the_full_softmax() -> None:
    trainer = Trainer(VARIANTS["characters"], replace(REFERENCE, negatives=33), small_text(), CPU)
    assert not trainer.sampled
    assert trainer.step().loss.item() == pytest.approx(np.log(33), rel=0.05)


def test_seeds_decide_the_weights() -> None:
    text = small_text()
    one, same, other = (
        Trainer(VARIANTS["characters"], replace(REFERENCE, seed=seed), text, CPU).step().loss.item()
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_the_default_recipe_does_not_leap_up_at_the_start() -> None:
    text = small_text()
    config = replace(REFERENCE, softmax_bias="unigram", learning_rate=TrainConfig().learning_rate)
    trainer = Trainer(VARIANTS["characters"], config, text, CPU)
    losses = [trainer.step().loss.item() for _ in range(10)]
    assert max(losses) < losses[0] + 0.5


def test_target_counts_are_those_of_both_directions() -> None:
    vocabulary = Vocabulary(["<S>", "</S>", "<UNK>", "a"])
    counts = target_counts(encode([["a", "b"], ["a"], ["<UNK>"]], vocabulary, 10))
    assert counts.tolist() == [1.5, 1.5, 2.0, 2.0]


def test_scores_do_not_depend_on_batches() -> None:
    text = small_text()
    trainer = Trainer(VARIANTS["characters"], REFERENCE, text, CPU)
    for _ in range(5):
        trainer.step()
    line = Line(text)
    totals = []
    for budget in (1, 7, 50, 10_000):
        losses = LineLosses(line)
        start = trainer.start_state()
        done = list(score(trainer.bilm, trainer.softmax, sentence_sequences(line), start, losses, budget))
        assert done[-1] == line.num_positions == losses.targets
        assert losses.complete
        totals.append(losses.mean_loss)
    assert max(totals) - min(totals) < 1e-6 * totals[0]


def test_a_stream_is_cut_at_sentence_ends_and_loses_nothing() -> None:
    line = Line(small_text())
    for stretches in (1, 7, 60, 500):
        begins, lengths = stream_sequences(line, stretches)
        assert begins[0] == 0
        assert (begins[1:] == begins[:-1] + lengths[:-1]).all()
        assert lengths.sum() == line.num_positions
        assert set(begins[1:].tolist()) <= set(line.ends_S.tolist())
        assert (lengths > 0).all()


OPTIMIZERS = {name: replace(REFERENCE, optimizer=OptimizerConfig(name=name), learning_rate=0.01) for name in RATES}
RECIPES = OPTIMIZERS | {
    "decay, cosine, parts": replace(
        OPTIMIZERS["adamw"],
        optimizer=OptimizerConfig(name="adamw", weight_decay=0.5),
        schedule=ScheduleConfig(name="cosine"),
        warmup_steps=2,
        accumulate=2,
        recurrent_dropout=0.3,
    ),
    "l1, plateau": replace(
        OPTIMIZERS["rmsprop"],
        optimizer=OptimizerConfig(name="rmsprop", l1=0.1),
        schedule=ScheduleConfig(name="plateau", factor=0.3),
    ),
    "adagrad with decay": replace(REFERENCE, optimizer=OptimizerConfig(weight_decay=0.1)),
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("variant", ["characters", "words, shared softmax"])
def test_every_optimizer_goes_on_bit_for_bit(recipe: str, variant: str) -> None:
    def trainer() -> Trainer:
        made = Trainer(VARIANTS[variant], replace(RECIPES[recipe], reset_probability=0.2), small_text(), CPU)
        made.total_steps = 9
        return made

    def steps(one: Trainer, number: int) -> list[tuple[float, float]]:
        taken = []
        for _ in range(number):
            result = one.step()
            taken.append((result.loss.item(), result.learning_rate))
            one.evaluated(5.0)  # never better than the first time
        return taken

    whole, first, second = trainer(), trainer(), trainer()
    expected = steps(whole, 9)
    steps(first, 5)
    with first.up_to_date():  # an evaluation leaves no trace
        pass
    second.restore(copy.deepcopy(first.tensors()))
    assert steps(second, 4) == expected[5:]
    for name, value in whole.parameters.items():
        assert torch.equal(value, second.parameters[name]), name


@pytest.mark.parametrize("recipe", OPTIMIZERS)
def test_every_optimizer_learns(recipe: str) -> None:
    config = replace(REFERENCE, optimizer=OptimizerConfig(name=recipe))  # at its usual rate
    trainer = Trainer(VARIANTS["characters"], config, small_text(), CPU)
    losses = [trainer.step().loss.item() for _ in range(80)]
    assert np.mean(losses[-20:]) < np.mean(losses[:5]) - 0.1


@pytest.mark.parametrize("variant", ["characters", "words, shared softmax"])
@pytest.mark.parametrize("negatives", [16, 100])
def test_a_step_in_parts_is_the_step_of_all_rows_at_once(variant: str, negatives: int) -> None:
    config = replace(REFERENCE, rows=5, dropout=0.0, negatives=negatives, reset_probability=0.2)
    at_once = Trainer(VARIANTS[variant], config, small_text(), CPU)
    in_parts = Trainer(VARIANTS[variant], replace(config, accumulate=3), small_text(), CPU)
    for _ in range(6):
        one, other = at_once.step(), in_parts.step()
        torch.testing.assert_close(one.loss, other.loss, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(one.gradient_norm, other.gradient_norm, rtol=1e-4, atol=1e-6)
    for name, value in at_once.parameters.items():
        torch.testing.assert_close(value, in_parts.parameters[name], rtol=1e-4, atol=1e-5)
    for one_state, other_state in zip(at_once.state, in_parts.state, strict=True):
        torch.testing.assert_close(one_state, other_state, rtol=1e-4, atol=1e-5)


def test_recurrent_dropout_drops_by_seed_and_step_and_only_what_recurs() -> None:
    def losses(share: float, window: int, seed: int = 1) -> list[float]:
        config = replace(REFERENCE, dropout=0.0, recurrent_dropout=share, window=window, seed=seed)
        trainer = Trainer(VARIANTS["characters"], config, small_text(), CPU)
        return [trainer.step().loss.item() for _ in range(2)]

    assert losses(0.5, 10) == losses(0.5, 10)
    assert losses(0.5, 10)[0] != losses(0.0, 10)[0]
    # With windows of one position the first step has nothing that recurs, since it begins with zeros.
    assert losses(0.5, 1)[0] == losses(0.0, 1)[0]
    assert losses(0.5, 1)[1] != losses(0.0, 1)[1]


@pytest.mark.parametrize("optimizer", [OptimizerConfig(weight_decay=0.2), OptimizerConfig(l1=0.02)])
def test_rows_that_no_step_reads_are_penalised_as_in_a_dense_run(optimizer: OptimizerConfig) -> None:
    config = replace(REFERENCE, negatives=4, optimizer=optimizer)
    by_rows, whole = (Trainer(VARIANTS["characters"], config, small_text(), CPU) for _ in range(2))
    whole._tables = frozenset()
    whole.penalties = Penalties(whole.parameters, frozenset(), optimizer)
    whole._losses = _dense_losses.__get__(whole)  # type: ignore[method-assign]
    for _ in range(6):
        by_rows.step()
        whole.step()
    behind = by_rows.softmax.weight_VD.detach().clone()
    with by_rows.up_to_date():
        for name, value in by_rows.parameters.items():
            torch.testing.assert_close(value, whole.parameters[name], rtol=1e-5, atol=1e-6)
    assert torch.equal(by_rows.softmax.weight_VD, behind)
    assert not torch.allclose(behind, whole.softmax.weight_VD, atol=1e-3)


def test_l2_is_refused_with_a_sampled_softmax_and_taken_with_the_full_one() -> None:
    config = replace(REFERENCE, optimizer=OptimizerConfig(name="adam", l2=0.1))
    with pytest.raises(ConfigError, match=r"train.optimizer.l2: not defined where steps read only some rows"):
        Trainer(VARIANTS["characters"], config, small_text(), CPU)
    assert not Trainer(VARIANTS["characters"], replace(config, negatives=100), small_text(), CPU).sampled


def test_l2_is_added_to_gradients_after_the_clip() -> None:
    l2 = OptimizerConfig(name="sgd", momentum=0.0, l2=0.1)
    config = replace(REFERENCE, optimizer=l2, negatives=100, clip_norm=1e-6, warmup_steps=0)
    trainer = Trainer(VARIANTS["characters"], config, small_text(), CPU)
    before = trainer.softmax.weight_VD.detach().clone()
    rate = trainer.step().learning_rate
    torch.testing.assert_close(trainer.softmax.weight_VD.detach(), before * (1 - rate * 0.1), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(trainer.softmax.weight_VD.detach(), before, rtol=1e-4, atol=1e-5)
