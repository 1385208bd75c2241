from pathlib import Path

import pytest

from elmo_cli.errors import TextError
from elmo_cli.text.lexicon import GrowingLexicon, LexiconFile


def test_new_words_get_the_next_ids_in_order_of_first_occurrence() -> None:
    lexicon = GrowingLexicon({"<S>": 0, "the": 1})
    assert [lexicon[word] for word in ["end", "the", "of", "end"]] == [2, 1, 3, 2]
    assert list(lexicon) == ["<S>", "the", "end", "of"]


def test_a_lexicon_file_is_read_when_a_word_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    lexicon = LexiconFile(path, 3)
    assert len(lexicon) == 3
    path.write_text("a\nb\u2028c\nd\n", encoding="utf-8")
    assert (lexicon[1], lexicon[-1], lexicon[:2], list(lexicon)) == ("b\u2028c", "d", ["a", "b\u2028c"], [*lexicon[:]])


def test_a_lexicon_file_of_another_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text("a\n")
    with pytest.raises(TextError, match=r"lexicon\.txt: 1 word types, expected 2\nHint: delete the store"):
        _ = LexiconFile(path, 2)[0]
