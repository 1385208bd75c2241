"""Batches against the reference's packing rule, and against a plain walk over the sentences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.errors import TextError
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line, TrainingWindows

# reference/bilm-tf.md, 8.2: the corpus and vocabulary of its LMDataset tests.
VOCABULARY = Vocabulary(["<S>", "</S>", "<UNK>", "the", ".", "Āt"])
SENTENCES = [["the", "unknown", "."], ["th", "."], ["the"]]


def walk(sentences: list[list[str]], ids: dict[str, int]) -> tuple[list[list[int]], list[list[int]]]:
    """Inputs and targets of both directions by the reference's rule for one row: plain Python, word by word."""
    inputs: list[list[int]] = [[], []]
    targets: list[list[int]] = [[], []]
    for sentence in sentences:
        words = [ids.get(word, 2) for word in sentence]
        for direction, line in ((0, [0, *words, 1]), (1, [1, *words[::-1], 0])):
            inputs[direction] += line[:-1]
            targets[direction] += line[1:]
    return inputs, targets


def test_the_references_packing_table_for_one_row() -> None:
    text = encode(SENTENCES, VOCABULARY, 5)
    read = Line(text).read(np.arange(9))
    known = np.where(read.inputs_GX < len(VOCABULARY), read.inputs_GX, VOCABULARY.unknown_id)
    assert known[0].tolist() == [0, 3, 2, 4, 0, 2, 4, 0, 3]
    assert read.targets_GX[0].tolist() == [3, 2, 4, 1, 2, 4, 1, 3, 1]
    assert known[1].tolist() == [1, 4, 2, 3, 1, 4, 2, 1, 3]
    assert read.targets_GX[1].tolist() == [4, 2, 3, 0, 4, 2, 0, 3, 0]
    assert read.starts_X.tolist() == [True, False, False, False, True, False, False, True, False]
    # At the input an unknown word is itself, spelled from its own bytes: "th" and "unknown" have rows of their own.
    assert [text.lexicon[i] for i in read.inputs_GX[0, [2, 5]]] == ["unknown", "th"]
    assert text.chars_UW[read.inputs_GX[0, 5]].tolist() == [258, 116, 104, 259, 260]


sentence_lists = st.lists(st.lists(st.sampled_from(["the", ".", "Āt", "x", "y"]), max_size=7), min_size=1, max_size=12)


@given(sentence_lists)
@settings(deadline=None)
def test_any_line_is_the_plain_walk(sentences: list[list[str]]) -> None:
    line = Line(encode(sentences, VOCABULARY, 5))
    inputs, targets = walk(sentences, VOCABULARY.ids)
    assert line.num_positions == len(inputs[0])
    read = line.read(np.arange(line.num_positions))
    assert np.where(read.inputs_GX < 6, read.inputs_GX, 2).tolist() == inputs
    assert read.targets_GX.tolist() == targets


@given(sentence_lists, st.permutations(range(12)))
@settings(deadline=None)
def test_an_order_permutes_the_sentences(sentences: list[list[str]], permutation: list[int]) -> None:
    order = [number for number in permutation if number < len(sentences)]
    line = Line(encode(sentences, VOCABULARY, 5), np.array(order))
    read = line.read(np.arange(line.num_positions))
    assert read.targets_GX.tolist() == walk([sentences[number] for number in order], VOCABULARY.ids)[1]


def many(count: int = 200) -> EncodedText:
    rng = np.random.default_rng(1)
    words = [f"w{number}" for number in range(50)]
    sentences = [[words[i] for i in rng.integers(0, 50, rng.integers(1, 12))] for _ in range(count)]
    return encode(sentences, Vocabulary(["<S>", "</S>", "<UNK>", *words]), 5)


def test_rows_are_contiguous_stretches_of_one_line_and_windows_follow_one_another() -> None:
    text = many()
    windows = TrainingWindows(text, rows=4, window=7, seed=3)
    steps = windows.steps_per_epoch
    batches = [windows.batch(step) for step in range(steps)]
    rows_GBX = np.concatenate([batch.targets_GBT for batch in batches], axis=2)
    line = windows._line(0)
    expected = line.read(np.arange(4 * steps * 7).reshape(4, -1)).targets_GX
    assert np.array_equal(rows_GBX, expected)
    assert line.num_positions - rows_GBX[0].size < 4 * 7


def test_a_batch_depends_on_nothing_but_its_number() -> None:
    text = many()
    one, other = (TrainingWindows(text, rows=4, window=7, seed=3, reset_probability=0.5) for _ in range(2))
    wanted = [0, 1, one.steps_per_epoch, 5 * one.steps_per_epoch + 2]
    forth = {step: one.batch(step) for step in wanted}
    back = {step: other.batch(step) for step in reversed(wanted)}
    for step in wanted:
        assert np.array_equal(forth[step].inputs_GBT, back[step].inputs_GBT)
        assert np.array_equal(forth[step].resets_BT, back[step].resets_BT)


def test_every_epoch_has_an_order_of_its_own_and_so_has_every_seed() -> None:
    text = many()
    windows = TrainingWindows(text, rows=4, window=7, seed=3)
    epochs = [windows.batch(epoch * windows.steps_per_epoch).inputs_GBT for epoch in range(3)]
    other_seed = TrainingWindows(text, rows=4, window=7, seed=4).batch(0).inputs_GBT
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(epochs[0], other_seed)


def test_resets_fall_on_sentence_starts_with_the_given_frequency() -> None:
    text = many(2000)
    windows = TrainingWindows(text, rows=8, window=10, seed=3, reset_probability=0.3)
    resets = starts = 0
    for step in range(windows.steps_per_epoch):
        batch = windows.batch(step)
        at_start = (batch.inputs_GBT[0] == 0) & (batch.inputs_GBT[1] == 1)
        assert not (batch.resets_BT & ~at_start).any()
        resets += int(batch.resets_BT.sum())
        starts += int(at_start.sum())
    assert resets / starts == pytest.approx(0.3, abs=0.04)
    assert not TrainingWindows(text, rows=8, window=10, seed=3).batch(0).resets_BT.any()


def test_a_text_that_does_not_fill_a_batch_says_what_would() -> None:
    with pytest.raises(TextError, match=r"9 positions .* one step needs 4 rows x 20 = 80") as caught:
        TrainingWindows(encode(SENTENCES, VOCABULARY, 5), rows=4, window=20, seed=1)
    assert "--rows 1" in caught.value.hint
