import gzip
import hashlib
from pathlib import Path

import pytest

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.errors import TextError
from elmo_cli.flows.reports import Progress
from elmo_cli.flows.vectors import text_survey
from elmo_cli.flows.vectors.line_windows import LineMaker
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.flows.vectors.text_survey import Survey, survey
from elmo_cli.text.tokenizers import make_tokenizer


def look(path: Path, blank_lines: str = "error", **options: bool) -> tuple[Survey, list[object]]:
    tokenizer = make_tokenizer(TextConfig(tokenizer="whitespace"))
    maker = LineMaker(path=path, tokenizer=tokenizer, blank_lines=blank_lines, **options)
    flow, reports = survey(NumberedText(path, InputConfig()), maker), []
    while True:
        try:
            reports.append(next(flow))
        except StopIteration as end:
            return end.value, reports


def test_a_short_text_is_counted_exactly(tmp_path: Path) -> None:
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress("Ärger über Ö\none\n".encode()))
    found, _ = look(path)
    assert found == Survey(lines=2, text_bytes=18, tokens=4, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    (tmp_path / "pairs.txt").write_text("a b\tc\n")
    assert look(tmp_path / "pairs.txt", pairs=True)[0].lines == 2


def test_tokens_of_a_long_text_are_estimated_from_a_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_survey, "CUT_FIRST", 10)
    monkeypatch.setattr(text_survey, "ROWS_BETWEEN", 1000)
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{'word ' * (1 + n % 7)}\n" for n in range(5000)))
    found, reports = look(path)
    exact = sum(1 + n % 7 for n in range(5000))
    assert abs(found.tokens - exact) < 0.02 * exact
    assert len(reports) == 5
    assert isinstance(reports[0], Progress)


def test_blank_lines_are_found_before_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("One\n\nTwo\n \t\nThree\n" + "\n" * 9)
    with pytest.raises(TextError, match=r"text\.txt:2: blank line, .* \(first such lines: 2, 4, 6, 7, 8\)"):
        look(path)
    assert look(path, "skip")[0].lines == 14
