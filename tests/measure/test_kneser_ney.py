"""The n-gram baseline, against the smoothing written out in dictionaries, and as a distribution."""

import itertools
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.measure.kneser_ney import FALLBACK_DISCOUNTS, KneserNey, Sequences

BEGIN, END, UNKNOWN = 0, 1, 2
SHARED = Path(__file__).parents[3] / "shared" / "data"


def _sequences(sentences: list[list[int]], *, backward: bool = False) -> Sequences:
    words = np.array(list(itertools.chain(*sentences)), dtype=np.int64)
    starts = np.cumsum([0, *map(len, sentences)])
    begin, end = (END, BEGIN) if backward else (BEGIN, END)
    return Sequences.of(words, starts, begin=begin, end=end, backward=backward)


def _random_sentences(seed: int, count: int, vocabulary_size: int) -> list[list[int]]:
    generator = np.random.default_rng(seed)
    frequencies = 1 / np.arange(1, vocabulary_size - 1)
    return [
        (generator.choice(vocabulary_size - 2, size=generator.integers(0, 9), p=frequencies / frequencies.sum()) + 2)
        .astype(int)
        .tolist()
        for _ in range(count)
    ]


class _Plain:
    """Chen and Goodman's recursion over tuples, one n-gram at a time."""

    def __init__(self, sentences: list[list[int]], vocabulary_size: int, order: int) -> None:
        self.size = vocabulary_size
        raw: dict[int, Counter[tuple[int, ...]]] = defaultdict(Counter)
        for sentence in sentences:
            marked = (BEGIN, *sentence, END)
            for length in range(1, order + 1):
                raw[length].update(marked[at : at + length] for at in range(len(marked) - length + 1))
        self.counts = {order: raw[order]}
        for length in range(1, order):
            before: Counter[tuple[int, ...]] = Counter(gram[1:] for gram in raw[length + 1])
            own = {gram: count for gram, count in raw[length].items() if gram[0] == BEGIN}
            self.counts[length] = Counter({**before, **own})
        del self.counts[1][(BEGIN,)]
        self.order = order

    def probability(self, context: tuple[int, ...], word: int) -> float:
        if len(context) >= self.order:
            context = context[len(context) - self.order + 1 :]
        shorter = self.probability(context[1:], word) if context else 1 / (self.size - 1)
        counts = self.counts[len(context) + 1]
        after = {gram: count for gram, count in counts.items() if gram[:-1] == context}
        total = sum(after.values())
        if not total:
            return shorter
        discounts = self._discounts(counts)
        left = sum(discounts[min(count, 3) - 1] for count in after.values())
        count = after.get((*context, word), 0)
        return (count - discounts[min(count, 3) - 1] if count else 0) / total + left / total * shorter

    def _discounts(self, counts: Counter[tuple[int, ...]]) -> tuple[float, ...]:
        n1, n2, n3, n4 = (sum(count == times for count in counts.values()) for times in (1, 2, 3, 4))
        if not (n1 and n2 and n3 and n4):
            return FALLBACK_DISCOUNTS
        y = n1 / (n1 + 2 * n2)
        found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        fits = all(0 <= discount <= times for times, discount in enumerate(found, start=1))
        return found if fits else FALLBACK_DISCOUNTS


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("training", [3, 40])
def test_it_is_the_published_recursion(order: int, training: int) -> None:
    train, test = _random_sentences(1, training, 12), _random_sentences(2, 15, 12)
    plain = _Plain(train, 12, order)
    expected = [
        -math.log(plain.probability((BEGIN, *sentence)[: at + 1], word))
        for sentence in test
        for at, word in enumerate([*sentence, END])
    ]
    losses = KneserNey(_sequences(train), 12, order=order).losses(_sequences(test))
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


@pytest.mark.parametrize("context", [[], [3], [2, 5], [11, 11, 11], [4, 3, 2, 3]])
def test_after_any_context_the_probabilities_sum_to_one(context: list[int]) -> None:
    model = KneserNey(_sequences(_random_sentences(3, 60, 12)), 12, order=4)
    continued = [[*context, word] for word in range(2, 12)]
    each = [model.losses(_sequences([sentence]))[len(context)] for sentence in [*continued, context]]
    assert math.isclose(sum(math.exp(-loss) for loss in each), 1, rel_tol=1e-12)


def test_the_backward_direction_reads_the_sentences_reversed() -> None:
    train, test = _random_sentences(4, 30, 10), _random_sentences(5, 10, 10)
    backward = KneserNey(_sequences(train, backward=True), 10, order=3).losses(_sequences(test, backward=True))
    # Reversed by hand, with the two markers' classes exchanged.
    swapped = [[sentence[::-1] for sentence in text] for text in (train, test)]
    forward = KneserNey(_sequences(swapped[0]), 10, order=3).losses(_sequences(swapped[1]))
    np.testing.assert_allclose(backward, forward, rtol=1e-12)


def test_a_text_without_words_has_sentence_ends_alone() -> None:
    empty = _sequences([[], []])
    losses = KneserNey(empty, 4, order=3).losses(empty)
    assert len(losses) == 2
    assert np.isfinite(losses).all()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared texts are not on this machine")
def test_longer_contexts_help_on_real_text_and_only_so_far() -> None:
    lines = (SHARED / "wikitext-2" / "valid.sentences.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line.split() for line in lines]
    counts = Counter(itertools.chain(*sentences[:7000]))
    known = [word for word, count in counts.most_common() if count >= 2 and word != "<UNK>"]
    ids = {word: number for number, word in enumerate(known, start=3)}
    train, test = (
        _sequences([[ids.get(word, UNKNOWN) for word in sentence] for sentence in part])
        for part in (sentences[:7000], sentences[7000:])
    )
    perplexities = [math.exp(KneserNey(train, len(ids) + 3, order=order).losses(test).mean()) for order in (1, 2, 3, 5)]
    unigram, bigram, trigram, five = perplexities
    assert unigram > 2 * bigram > 2 * trigram * 0.9
    assert five < 1.02 * trigram
