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
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.text.tokenizers import make_tokenizer


def look(
    path: Path,
    blank_lines: str = "error",
    *,
    tokenizer: str = "whitespace",
    form: FeatureForm | None = None,
    id_field: str | None = None,
    **options: bool,
) -> tuple[Survey, list[object]]:
    cutter = make_tokenizer(TextConfig(tokenizer=tokenizer))
    maker = LineMaker(path=path, tokenizer=cutter, blank_lines=blank_lines, **options)
    flow = survey(NumberedText(path, InputConfig(id_field=id_field)), maker, form or FeatureForm(width=2))
    reports = []
    while True:
        try:
            reports.append(next(flow))
        except StopIteration as end:
            return end.value, reports


def test_a_short_text_is_counted_exactly(tmp_path: Path) -> None:
    path = tmp_path / "text.txt.gz"
    path.write_bytes(gzip.compress("Ärger über Ö\none\n".encode()))
    found, _ = look(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == Survey(lines=2, text_bytes=18, tokens=4, cut=2, sha256=sha256)
    (tmp_path / "pairs.txt").write_text("a b\tc\n")
    assert look(tmp_path / "pairs.txt", pairs=True)[0].lines == 2


def test_tokens_of_a_long_text_are_estimated_from_a_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_survey, "CUT_FIRST", 10)
    monkeypatch.setattr(text_survey, "BYTES_BETWEEN", 20_000)
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{'word ' * (1 + n % 7)}\n" for n in range(5000)))
    found, reports = look(path)
    exact = sum(1 + n % 7 for n in range(5000))
    assert abs(found.tokens - exact) < 0.02 * exact
    assert len(reports) == 4
    assert isinstance(reports[0], Progress)


def test_blank_lines_are_found_before_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("One\n\nTwo\n \t\nThree\n" + "\n" * 9)
    with pytest.raises(TextError, match=r"text\.txt:2: blank line, .* \(first such lines: 2, 4, 6, 7, 8\)"):
        look(path)
    assert look(path, "skip")[0].lines == 14


def test_of_long_documents_few_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_survey, "CUT_BYTES", 1000)
    path = tmp_path / "text.txt"
    path.write_text(f"{'word ' * 100}\n" * 200)
    found, _ = look(path)
    assert (found.cut, found.tokens) == (2 + 3, 20_000)  # two of 500 bytes, and then the lines 64, 128 and 192


def test_lines_are_counted_whose_tokens_are_not_between_their_spaces(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("The bank of H. gammarus .\nThe bank .\nIt's open.\n")
    found, _ = look(path, tokenizer="words")
    assert (found.cut, found.cut_otherwise) == (3, 2)
    found, _ = look(path)
    assert (found.cut, found.cut_otherwise) == (3, 0)


@pytest.mark.parametrize(
    ("name", "content", "id_field", "message"),
    [
        (
            "a.txt",
            "one\nsame words\n\nsame words\n",
            None,
            r"a\.txt:4: expected a sentence that is no key yet, .*'same w",
        ),
        (
            "a.txt",
            "a\n/\n",
            None,
            r"a\.txt:2: expected a sentence that can be a key in HDF5, found '/'\nHint: keys that",
        ),
        ("a.csv", "id,text\n.,a\n", "id", r"a\.csv:2: expected an identifier that can be a key .*\nHint: .*--id-field"),
    ],
)
def test_keys_that_cannot_be_are_found_before_anything_is_computed(
    tmp_path: Path, name: str, content: str, id_field: str | None, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    form = FeatureForm(width=2, sentence_keys=id_field is None, identifiers=id_field is not None)
    with pytest.raises(TextError, match=message):
        look(path, "skip", form=form, id_field=id_field)


def test_keys_that_are_numbers_need_no_looking_at(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("same\n/\nsame\n")
    assert look(path)[0].lines == 3
    assert look(path, form=FeatureForm(width=2, layout="manylangs"))[0].lines == 3
