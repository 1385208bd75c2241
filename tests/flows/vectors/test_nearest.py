"""The likest of any number that go by, against sorting all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.flows.vectors.nearest import Nearest
from elmo_cli.flows.vectors.occurrences import Occurrence
from elmo_cli.flows.vectors.text_sentences import TextSentence

DIRECTIONS = np.array([[np.cos(turn), np.sin(turn)] for turn in np.linspace(0, 3, 7)], np.float32)


@given(
    st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=1, max_size=12),
    st.integers(1, 8),
    st.integers(1, 4),
)
def test_the_likest_are_kept_and_of_equals_the_first(turns: list[list[int]], top: int, window: int) -> None:
    sentences = [TextSentence(n, "a", n, [f"{n}-{place}" for place in range(len(row))]) for n, row in enumerate(turns)]
    query = Occurrence(TextSentence(-1, "", 0, ["query"]), 0)
    nearest = Nearest([query], DIRECTIONS[:1] * 3, top=top)
    for first in range(0, len(turns), window):
        part = slice(first, first + window)
        nearest.add(sentences[part], DIRECTIONS[np.concatenate(turns[part])] * 2)
    [found] = nearest.found()
    order = sorted((turn, n, place) for n, row in enumerate(turns) for place, turn in enumerate(row))
    assert [(one.sentence.number, one.place) for _, one in found] == [(n, place) for _, n, place in order[:top]]
    np.testing.assert_allclose([cosine for cosine, _ in found], np.cos([t * 0.5 for t, _, _ in order[:top]]), atol=1e-6)


def test_a_vector_of_zeros_is_like_nothing() -> None:
    query = Occurrence(TextSentence(0, "", 0, ["q"]), 0)
    nearest = Nearest([query], DIRECTIONS[:1], top=2)
    nearest.add([TextSentence(1, "a", 1, ["x", "y"])], np.stack([np.zeros(2, np.float32), DIRECTIONS[1]]))
    assert [(one.word, round(cosine, 4)) for cosine, one in nearest.found()[0]] == [("y", 0.8776), ("x", 0.0)]
