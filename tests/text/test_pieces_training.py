import os
import random
import sys
from pathlib import Path

import pytest

from elmo_cli.config import PiecesConfig
from elmo_cli.errors import ConfigError, ElmoError, TextError
from elmo_cli.text import pieces_training
from elmo_cli.text.pieces import load_pieces
from elmo_cli.text.pieces_training import LONGEST, learning
from elmo_cli.text.readers import read_lines
from tests.learned_pieces import train_pieces

TEXT = ["the cat sat on the mat .", "a cat is a cat , and that is that .", "cats and mats"] * 5


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_the_same_text_gives_the_same_bytes(algorithm: str, tmp_path: Path) -> None:
    config = PiecesConfig(size=40, algorithm=algorithm)
    model = train_pieces(TEXT, config, tmp_path)
    assert train_pieces(TEXT, config) == model
    processor = load_pieces(model, "model")
    assert processor.get_piece_size() <= 40
    assert "cat" in processor.encode("cat", out_type=str)[0]
    assert not list(tmp_path.iterdir()), "the sample is gone"


def test_size_and_algorithm_are_taken_up() -> None:
    small = train_pieces(TEXT, PiecesConfig(size=25, algorithm="bpe"))
    large = train_pieces(TEXT, PiecesConfig(size=40, algorithm="bpe"))
    assert load_pieces(small, "").get_piece_size() == 25
    assert load_pieces(large, "").get_piece_size() == 40


def test_a_text_too_small_for_the_size_gives_fewer_pieces() -> None:
    assert 3 <= load_pieces(train_pieces(["ab", "b"], PiecesConfig(size=5_000)), "").get_piece_size() < 20


def test_a_size_below_the_number_of_characters_says_what_it_takes() -> None:
    text = ["".join(chr(0x4E00 + n) for n in range(begin, begin + 10)) for begin in range(0, 200, 10)]
    with pytest.raises(ConfigError, match=r"--pieces 20: the text has 20\d characters that .*\nHint: ask for 40\d or"):
        train_pieces(text, PiecesConfig(size=20, character_coverage=1.0))


@pytest.mark.parametrize("sentences", [[], ["", ""]])
def test_no_text_is_an_error(sentences: list[str]) -> None:
    with pytest.raises(TextError, match="no sentence to learn pieces from"):
        train_pieces(sentences, PiecesConfig())


def test_what_sentencepiece_complains_of_is_passed_on() -> None:
    with pytest.raises(ElmoError, match=r"could not learn 16,000 pieces from 1 sentences: \w+"):
        train_pieces([" "], PiecesConfig())


def test_a_process_that_is_ended_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_training, "_PROGRAM", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(
        ElmoError, match=r"signal 9 while it learned from 15 sentences.*memory\nHint: .*sample_sentences"
    ):
        train_pieces(TEXT, PiecesConfig())


@pytest.mark.parametrize("logged", ["EM sub_iter=0 size=9", "Added: freq=3 size=20", "Merged: freq=3 merges=100"])
def test_rounds_are_counted_while_it_learns(logged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"print('begun\\n{logged}\\n' * 3); open('tokenizer.model', 'w').write('m')"
    monkeypatch.setattr(pieces_training, "_PROGRAM", program)
    rounds = list(learning(TEXT, PiecesConfig()))
    assert rounds == sorted(rounds)
    assert rounds[-1] == 3


def test_a_learning_that_nobody_waits_for_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, time; open('pid', 'w').write(f'{os.getpid()} '); time.sleep(600)"
    monkeypatch.setattr(pieces_training, "_PROGRAM", program)
    monkeypatch.setattr(pieces_training, "EVERY", 0.01)
    rounds = learning(TEXT, PiecesConfig(), tmp_path)
    written = ""
    while not written.endswith(" "):
        next(rounds)
        written = "".join(path.read_text() for path in tmp_path.glob("*/pid"))
    rounds.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(written), 0)
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ElmoError, match=r"needs the package sentencepiece.*\nHint: pip install sentencepiece"):
        train_pieces(TEXT, PiecesConfig())


def test_a_text_without_sentence_ends_is_learned_from_all_the_same() -> None:
    endless = "".join(random.Random(1).choices([chr(0x0E01 + n) for n in range(40)], k=20 * LONGEST))
    assert load_pieces(train_pieces([endless], PiecesConfig(size=200)), "").get_piece_size() > 40


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    train_pieces(TEXT, PiecesConfig(size=30))
    assert capfd.readouterr() == ("", "")


def test_rare_characters_are_left_out_by_coverage(shared: Path) -> None:
    lines = list(read_lines(shared / "data/common-voice/zh-CN/sentences.txt"))[::100]
    few, all_of_them = (
        load_pieces(train_pieces(lines, PiecesConfig(size=8_000, character_coverage=share)), "")
        for share in (0.98, 1.0)
    )
    singles = [sum(len(p.id_to_piece(n)) == 1 for n in range(p.get_piece_size())) for p in (few, all_of_them)]
    assert singles[0] < 0.9 * singles[1]


def test_a_word_is_the_same_piece_at_the_beginning_where_there_are_spaces_between_words() -> None:
    spaced = load_pieces(train_pieces(TEXT, PiecesConfig(size=60, algorithm="bpe")), "")
    assert spaced.encode("cats the cat", out_type=str)[0].startswith("▁c")
    unspaced = load_pieces(train_pieces(["今天天气很好。", "今天他走了。"] * 9, PiecesConfig(size=30)), "")
    assert not unspaced.encode("今天他", out_type=str)[0].startswith("▁")
