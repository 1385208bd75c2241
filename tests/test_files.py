"""Files and folders appear whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from elmo_cli.errors import OutputError
from elmo_cli.files import hold, remove_leftovers, sha256_of, whole_file, whole_folder, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert names(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), whole_file(path) as partial:
        partial.write_text("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_folder_replaces_another_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for content in ("one", "two"):
        with whole_folder(path) as partial:
            (partial / content).write_text(content)
    assert names(path) == ["two"]
    with pytest.raises(RuntimeError), whole_folder(path) as partial:
        (partial / "three").write_text("3")
        raise RuntimeError
    assert names(path) == ["two"]
    assert names(tmp_path) == ["folder"]


def test_files_have_ordinary_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "x")
    (tmp_path / "usual").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for make in (whole_file, whole_folder):
        with (
            pytest.raises(OutputError, match=r"inner: cannot be written: ") as caught,
            make(tmp_path / "file" / "inner"),
        ):
            pass
        assert "--out" in caught.value.hint


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".partial-a").write_text("")
    (tmp_path / ".partial-b").mkdir()
    (tmp_path / "kept").write_text("")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["kept"]


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_held_folder_excludes_other_processes_until_its_holder_ends(tmp_path: Path) -> None:
    with hold(tmp_path / "run"):
        other = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys, pathlib; from elmo_cli.files import hold\nwith hold(pathlib.Path(sys.argv[1])): pass",
                str(tmp_path / "run"),
            ],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[1],
            check=False,
        )
        assert "another elmo process is at work in it" in other.stderr
    with hold(tmp_path / "run"):
        pass
