"""A sample of a text's sentences, spread over all of it, in bounded memory and by whatever number of processes."""

from collections.abc import Sequence

import numpy as np

from elmo_cli.seeds import derive_seed, uniform_at
from elmo_cli.text.normalization import Normaliser
from elmo_cli.text.pieces import clean_sentences
from elmo_cli.text.sentences import SentenceSplitter

Drawn = list[tuple[float, int, list[str]]]
"""Paragraphs that may be in the sample: its lot, its number in the block, its sentences."""


def draw(
    paragraphs: Sequence[str], block: int, below: float, splitter: SentenceSplitter, normaliser: Normaliser
) -> Drawn:
    """The paragraphs of a block whose lot is small enough, in sentences, normalised and single-spaced.

    Args:
        block: The block's running number. With it, a paragraph's place decides its lot, and nothing else does.
        below: Lots from here on need not be looked at.
    """
    lots = uniform_at(np.arange(len(paragraphs)), derive_seed("pieces", block))
    drawn = []
    for number in np.flatnonzero(lots < below).tolist():
        sentences = clean_sentences(paragraphs[number], splitter, normaliser)
        if sentences:
            drawn.append((float(lots[number]), number, sentences))
    return drawn


class SentenceSample:
    """Keeps the sentences of the paragraphs with the smallest lots, so many that they reach a number of sentences.

    Which ones these are is a matter of the text alone: neither the order nor the company in which blocks come changes
    it. All sentences are kept while there are no more than asked for.

    Args:
        most: Sentences to keep at most; a single paragraph may have more.
    """

    def __init__(self, most: int) -> None:
        self.below = 1.0
        """Lots that can still get into the sample are smaller."""
        self._most = most
        self._count = 0
        self._kept: list[tuple[float, int, int, list[str]]] = []

    def add(self, block: int, drawn: Drawn) -> None:
        """Takes what :func:`draw` found in a block."""
        for lot, number, sentences in drawn:
            if lot < self.below:
                self._kept.append((lot, block, number, sentences))
                self._count += len(sentences)
        if self._count > 2 * self._most:
            self._shrink()

    def sentences(self) -> list[str]:
        """The sample, in the order of the text."""
        self._shrink()
        in_order = sorted((block, number, sentences) for _, block, number, sentences in self._kept)
        return [sentence for _, _, sentences in in_order for sentence in sentences]

    def _shrink(self) -> None:
        if self._count <= self._most:
            return
        self._kept.sort()
        counts = np.cumsum([len(sentences) for *_, sentences in self._kept])
        fitting = max(1, int(np.searchsorted(counts, self._most, side="right")))
        if fitting < len(self._kept):
            self.below = self._kept[fitting][0]
        del self._kept[fitting:]
        self._count = int(counts[fitting - 1])
