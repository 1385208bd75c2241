"""The comparison of layers, on a treebank small enough to count by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import vector_layers as bench
from elmo_cli.flows.models.loaded import load_model
from tests.flows.small_model import SmallModel

TREEBANK = """# text = You bank.
1\tYou\t_\tPRON
2\tbank\t_\tVERB
2.1\tever\t_\tADV

1-2\ta bank\t_\t_
1\ta\t_\tDET
2\tbank\t_\tNOUN
"""


def test_the_treebank_is_read_by_its_words(tmp_path: Path) -> None:
    (tmp_path / "en.conllu").write_text(TREEBANK, encoding="utf-8")
    assert list(bench.read_treebank(tmp_path)) == [
        (["You", "bank"], ["PRON", "VERB"]),
        (["a", "bank"], ["DET", "NOUN"]),
    ]


def test_a_word_counts_by_tag_and_a_tag_that_is_rare_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "LEAST", 2)
    words = [["bank", "bank"], ["bank", "bank"], ["bank", "the"], ["the"]]
    tags = [["NOUN", "VERB"], ["NOUN", "VERB"], ["PROPN", "DET"], ["DET"]]
    found = bench.ambiguous(tags, words)
    assert {tag: sorted(places) for tag, places in found["bank"].items()} == {
        "NOUN": [(0, 0), (1, 0)],
        "VERB": [(0, 1), (1, 1)],
    }
    assert list(found) == ["bank"]


def test_neighbours_among_the_same_word_are_counted_by_tag() -> None:
    turns = {(0, 0): 0.0, (1, 0): 0.1, (2, 0): 0.2, (3, 0): 1.5, (4, 0): 1.6, (5, 0): 0.25}
    vectors = {place: np.array([np.cos(turn), np.sin(turn)], np.float32) for place, turn in turns.items()}
    words = {"bank": {"NOUN": [(0, 0), (1, 0), (2, 0)], "VERB": [(3, 0), (4, 0), (5, 0)]}}
    one, five = bench.same_word(vectors, words, np.zeros(2, np.float32))
    # The nearest of the third noun is the third verb and the other way round; all five others are 2 of the same tag.
    assert one == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert five == pytest.approx(2 / 5)


def test_every_layer_has_a_row_with_and_without_the_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "LEAST", 2)
    model = load_model(SmallModel(tmp_path / "model").folder)
    sentences = [(f"the bank {word} it is".split(), ["DET", tag, "ADP", "PRON", "AUX"]) for word, tag in ROWS]
    rows = bench.measure(model, sentences)
    assert [(row["layer"], row["vectors"]) for row in rows] == [
        (layer, name) for layer in ("0", "1", "2", "average") for name in ("as they are", "centred")
    ]
    for row in rows:
        assert min(row["same word, 1"], row["same word, 5"], row["other words, 10"], row["hubs"]) >= 0
        assert abs(row["cosine of any two"]) <= 1


ROWS = [(word, tag) for word in ("on", "off", "in", "by", "near") for tag in ("NOUN", "VERB", "NOUN", "VERB")] * 6
