from pathlib import Path

import pytest

from elmo_cli.errors import OutputError
from elmo_cli.flows.corpora.vocabulary_check import check_vocabulary
from elmo_cli.flows.corpus_results import ListProblem, VocabularyCheckResult
from elmo_cli.flows.reports import Notice


def _written(folder: Path, text: str) -> Path:
    path = folder / "vocab.txt"
    path.write_bytes(text.encode())
    return path


def test_a_sound_vocabulary_is_called_sound(tmp_path: Path) -> None:
    path = _written(tmp_path, "<S>\n</S>\n<UNK>\na\n")
    assert list(check_vocabulary(path)) == [
        VocabularyCheckResult(
            path=str(path), words=4, sound=True, problems=[], repaired=None, repaired_words=None, deeds=[]
        )
    ]


def test_problems_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    path = _written(tmp_path, "<S>\n</S>\na\n\na\n")
    [result] = check_vocabulary(path)
    assert isinstance(result, VocabularyCheckResult)
    assert not result.sound
    assert result.problems == [
        ListProblem(line=None, kind="special missing", problem="no line <UNK>"),
        ListProblem(line=4, kind="blank line", problem="expected one word"),
        ListProblem(line=5, kind="repeated", problem="'a' stands already in line 3"),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["vocab.txt"]


def test_a_mended_one_is_written_beside_it_with_what_was_done(tmp_path: Path) -> None:
    path, mended = _written(tmp_path, "<S>\n</S>\n<UNK>\na\n\n"), tmp_path / "mended.txt"
    notice, result = check_vocabulary(path, repaired=mended)
    assert mended.read_text() == "<S>\n</S>\n<UNK>\na\n"
    assert path.read_text() == "<S>\n</S>\n<UNK>\na\n\n"
    assert isinstance(notice, Notice) and notice.warning
    assert notice.text == f"ids are places in the list: a model trained with {path} goes on needing that file"
    assert isinstance(result, VocabularyCheckResult)
    assert (result.repaired, result.repaired_words) == (str(mended), 4)
    assert result.deeds == ["blank line (1): the line is dropped"]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    path = _written(tmp_path, "a\n")
    with pytest.raises(OutputError, match=r"vocab\.txt: is there already; nothing was changed"):
        list(check_vocabulary(path, repaired=path))
    assert path.read_text() == "a\n"
