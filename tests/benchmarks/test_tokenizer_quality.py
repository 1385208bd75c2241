"""The comparison of tokenizers, on a treebank small enough to count by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import tokenizer_quality as quality
from benchmarks.tokenizer_quality import Sentence

TREEBANK = """# newdoc id = a
# newpar id = p1
# text = You don't go.
1\tYou\t_
2-3\tdon't\t_\tSpaceAfter=No
2\tdo\t_
3\tn't\t_
3.1\tever\t_
4\tgo\t_\tSpaceAfter=No
5\t.\t_

# text = A well-known one.
1\tA\t_
2\twell\t_
3\t-\t_
4\tknown\t_
5\tone\t_
6\t.\t_

# newpar id = p2
# text = No.
1\tNo\t_
2\t.\t_
"""


def test_the_treebank_is_read_by_its_surface_tokens(tmp_path: Path) -> None:
    path = tmp_path / "en.conllu"
    path.write_text(TREEBANK, encoding="utf-8")
    first, second, third = quality.read_treebank(path)
    assert first == Sentence("You don't go.", ["You", "don't", "go", "."], True)
    assert (second.tokens, second.begins_paragraph) == (["A", "well", "-", "known", "one", "."], False)
    assert quality.join_hyphens(second) == ["A", "well-known", "one", "."]
    assert third.begins_paragraph


@pytest.mark.parametrize(
    ("text", "tokens", "joined"),
    [
        ("a-b-c d", ["a", "-", "b", "-", "c", "d"], ["a-b-c", "d"]),
        ("- a -b c-", ["-", "a", "-", "b", "c", "-"], ["-", "a", "-", "b", "c", "-"]),
        ("(a)-b", ["(", "a", ")", "-", "b"], ["(", "a", ")", "-", "b"]),
    ],
)
def test_hyphens_join_only_what_they_stand_between(text: str, tokens: list[str], joined: list[str]) -> None:
    assert quality.join_hyphens(Sentence(text, tokens, True)) == joined


def test_f1_is_that_of_all_sentences_together() -> None:
    found = [quality.spans(["do", "n't", "go"]), quality.spans(["a"])]
    expected = [quality.spans(["don't", "go"]), quality.spans(["a"])]
    assert quality.f1(found, expected) == pytest.approx(2 * 2 / (4 + 3))


def test_a_row_has_the_figures_and_what_is_absent_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "SHORTEST", 1)
    monkeypatch.setattr(quality, "SECONDS", 0.0)

    def absent() -> quality.Cutter:
        raise ImportError("No module named 'icu'")

    makers: list[tuple[str, Callable[[], quality.Cutter]]] = [("split", lambda: str.split), ("ICU", absent)]
    rows = quality.compare(
        iter(makers), ["a b."], {"f1": [quality.spans(["a", "b", "."])]}, quality.spans, ["x " * 999]
    )
    assert rows[1] == {"name": "ICU", "left_out": "No module named 'icu'"}
    assert rows[0]["f1"] == pytest.approx(2 / 5, abs=1e-4)
    assert rows[0]["megabytes_per_second"] > 0


def test_what_needs_no_other_package_cuts_sentences_and_words() -> None:
    words = dict(quality.word_tokenizers())["elmo words"]()
    assert words("Don't go.") == ["Don't", "go", "."]
    ours, theirs, *_ = quality.sentence_splitters()
    assert quality.paragraph_ends(ours[1]()('"Go!", he said. No.')) == {13}
    assert len(theirs[1]()("One. Two.")) == 2
