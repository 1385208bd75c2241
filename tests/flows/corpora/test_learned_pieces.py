from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from elmo_cli.config import InputConfig, PiecesConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.corpora import learned_pieces
from elmo_cli.flows.corpora.learned_pieces import learn_pieces, read_pieces
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.text.pieces import load_pieces
from elmo_cli.text.readers import STDIN

TEXT = TextConfig(tokenizer="sentencepiece", lowercase=True)


def _learn(*paths: Path, **arguments: Any) -> tuple[bytes, list[Report]]:
    reports: list[Report] = []
    settings: dict[str, Any] = {"reading": InputConfig(), "text": TEXT, "pieces": PiecesConfig(size=30)} | arguments
    flow: Generator[Report, None, bytes] = learn_pieces(paths, **settings)
    while True:
        try:
            reports.append(next(flow))
        except StopIteration as stop:
            return stop.value, reports


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("The Cat sat. A cat is a cat, and that IS that!\n\nCats and mats.\n" * 40, encoding="utf-8")
    return path


def test_pieces_are_learned_from_normalised_sentences(text: Path, tmp_path: Path) -> None:
    model, reports = _learn(text, workspace=tmp_path)
    processor = load_pieces(model, "")
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    assert not any(piece != piece.lower() for piece in pieces)
    assert any("cat" in piece for piece in pieces)
    progress = {report.stage: report for report in reports if isinstance(report, Progress)}
    assert list(progress) == ["sampling sentences", "learning pieces"]
    sampling = progress["sampling sentences"]
    assert sampling.done == sampling.total == text.stat().st_size
    assert progress["learning pieces"].unit == "rounds"
    notices = [report.text for report in reports if isinstance(report, Notice)]
    assert notices[0] == "learning 30 pieces (unigram) from 120 sentences"
    assert list(tmp_path.iterdir()) == [text]


def test_the_number_of_processes_changes_nothing(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = PiecesConfig(size=30, sample_sentences=50)
    one, reports = _learn(text, pieces=sampled)
    assert any("from 50 sentences" in report.text for report in reports if isinstance(report, Notice))
    assert _learn(text, pieces=sampled, processes=2)[0] == one


def test_a_text_with_fewer_pieces_says_so(text: Path) -> None:
    model, reports = _learn(text, pieces=PiecesConfig(size=5_000))
    found = load_pieces(model, "").get_piece_size()
    assert found < 200
    assert Notice(text=f"the text yields {found} pieces, fewer than the 5,000 of --pieces", warning=True) in reports


def test_standard_input_cannot_be_learned_from() -> None:
    with pytest.raises(ConfigError, match=r"standard input can be read once.*\nHint: .*--pieces-model FILE"):
        _learn(Path(STDIN))


def test_an_empty_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(TextError, match="no sentence to learn pieces from"):
        _learn(tmp_path / "empty.txt")


def test_a_model_file_is_read_and_checked(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = _learn(text)
    (tmp_path / "own.model").write_bytes(model)
    assert read_pieces(tmp_path / "own.model") == model
    with pytest.raises(TextError, match=r"text.txt: expected a SentencePiece model, found [\d,]+ bytes that are none"):
        read_pieces(text)
    with pytest.raises(TextError, match=r"missing.model: cannot be read: No such file.*\nHint: check --pieces-model"):
        read_pieces(tmp_path / "missing.model")
    monkeypatch.setattr(learned_pieces, "LARGEST_PIECES_FILE", 10)
    with pytest.raises(TextError, match=r"own.model: expected a SentencePiece model of at most 10 bytes, found [\d,]+"):
        read_pieces(tmp_path / "own.model")
