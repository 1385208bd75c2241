"""The tokens whose vectors are most like those of some queries, of any number that go by."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from elmo_cli.flows.vectors.occurrences import Occurrence
from elmo_cli.flows.vectors.text_sentences import TextSentence

Vectors = npt.NDArray[np.float32]


def unit(vectors_NE: Vectors) -> Vectors:
    """Vectors of length 1; one of zeros stays as it is."""
    lengths_N = np.linalg.norm(vectors_NE, axis=1, keepdims=True)
    return vectors_NE / np.maximum(lengths_N, np.finfo(np.float32).tiny)


class Nearest:
    """Keeps the ``top`` tokens with the largest cosine for each query, in memory that does not grow with the text.

    The same place of the same sentence, word for word, counts once, and never for its own query: a text that says a
    thing ten times would otherwise be its own neighbour ten times.

    Args:
        queries: The tokens that are compared.
        vectors_QE: Their vectors.
        top: How many tokens to keep for each.
        other_words: Whether to leave tokens out that are spelled as the query, case aside.
        mean_E: Subtracted from every vector before it is compared; None subtracts nothing.
    """

    def __init__(
        self,
        queries: Sequence[Occurrence],
        vectors_QE: Vectors,
        *,
        top: int,
        other_words: bool = False,
        mean_E: Vectors | None = None,
    ) -> None:
        self.queries, self.top, self.other_words = queries, top, other_words
        self._mean_E = mean_E
        self._queries_QE = self._prepared(vectors_QE)
        self._found: list[list[tuple[float, Occurrence]]] = [[] for _ in queries]

    def add(self, sentences: Sequence[TextSentence], vectors_NE: Vectors) -> None:
        """Compares a window of the text with all queries.

        Args:
            sentences: In the order of the text.
            vectors_NE: Of all their tokens.
        """
        cosines_QN = self._queries_QE @ self._prepared(vectors_NE).T
        ends_S = np.cumsum([len(sentence.tokens) for sentence in sentences])
        folded = [token.casefold() for one in sentences for token in one.tokens] if self.other_words else []
        for number, query in enumerate(self.queries):
            cosines_N = cosines_QN[number]
            if self.other_words:
                cosines_N = np.where(np.array(folded) == query.word.casefold(), -np.inf, cosines_N)
            self._take(number, cosines_N, sentences, ends_S)

    def found(self) -> list[list[tuple[float, Occurrence]]]:
        """For each query: cosines and tokens, the likest first, of equals the first in the text."""
        return self._found

    def _take(
        self, number: int, cosines_N: Vectors, sentences: Sequence[TextSentence], ends_S: npt.NDArray[np.int64]
    ) -> None:
        kept = self._found[number]
        least = kept[-1][0] if len(kept) == self.top else -np.inf
        places = np.flatnonzero(cosines_N > least)
        places = places[np.argsort(-cosines_N[places], kind="stable")]
        taken = {_key(self.queries[number]), *(_key(occurrence) for _, occurrence in kept)}
        fresh: list[tuple[float, Occurrence]] = []
        for place in places.tolist():
            row = int(np.searchsorted(ends_S, place, side="right"))
            sentence = sentences[row]
            occurrence = Occurrence(sentence, place - int(ends_S[row]) + len(sentence.tokens))
            if (key := _key(occurrence)) not in taken:
                taken.add(key)
                fresh.append((float(cosines_N[place]), occurrence))
                if len(fresh) == self.top:
                    break
        self._found[number] = sorted([*kept, *fresh], key=lambda one: -one[0])[: self.top]

    def _prepared(self, vectors_NE: Vectors) -> Vectors:
        return unit(vectors_NE if self._mean_E is None else vectors_NE - self._mean_E)


def _key(occurrence: Occurrence) -> Hashable:
    return occurrence.place, tuple(occurrence.sentence.tokens)
