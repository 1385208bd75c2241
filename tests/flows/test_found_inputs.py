"""What is said of files that are not read."""

from pathlib import Path

from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.reports import Notice


def _find(folder: Path) -> tuple[list[Notice], list[Path]]:
    said = []
    flow = found_inputs([str(folder)])
    while True:
        try:
            said.append(next(flow))
        except StopIteration as end:
            return said, end.value


def test_files_of_a_folder_that_are_not_read_are_named(tmp_path: Path) -> None:
    for name in ("a.txt", "b.pdf", "c.csv", "d.png", "e.png", "f.png"):
        (tmp_path / name).touch()
    (notice,), paths = _find(tmp_path)
    assert [path.name for path in paths] == ["a.txt", "c.csv"]
    what = "left out 4 files in folders whose names do not say that they are text: "
    assert notice == Notice(text=f"{what}{tmp_path}/b.pdf, {tmp_path}/d.png, {tmp_path}/e.png, ...")


def test_nothing_is_said_where_all_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert _find(tmp_path) == ([], [tmp_path / "a.txt"])
