import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from elmo_cli.errors import OutputError
from elmo_cli.formats.whole_hdf5 import whole_hdf5, write_datasets

DATASETS = {"b/values": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(4, np.float32)}


def test_arrays_are_stored_in_one_piece(tmp_path: Path) -> None:
    write_datasets(tmp_path / "file.hdf5", DATASETS)
    with h5py.File(tmp_path / "file.hdf5") as file:
        for name, array in DATASETS.items():
            assert (file[name].chunks, file[name].compression, dict(file[name].attrs)) == (None, None, {})
            assert file[name].dtype == np.float32
            assert file[name][...].tobytes() == array.tobytes()


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_datasets(tmp_path / name, DATASETS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_array_that_is_not_in_one_piece_is_written_right(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_datasets(tmp_path / "file.hdf5", {"values": array})
    with h5py.File(tmp_path / "file.hdf5") as file:
        np.testing.assert_array_equal(file["values"], array)


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with whole_hdf5(tmp_path / "file.hdf5") as output:
        output.file["values"] = np.zeros(3)
        assert not (tmp_path / "file.hdf5").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["file.hdf5"]


@pytest.mark.parametrize("error", [ValueError("mine"), OSError("mine"), KeyboardInterrupt("mine")], ids=repr)
def test_an_error_inside_leaves_nothing_behind_and_is_not_changed(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, whole_hdf5(tmp_path / "file.hdf5") as output:
        output.file["values"] = np.zeros(3)
        raise error
    assert raised.value is error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("datasets", "size"), [(1, 1_000_000), (500, 1000), (3000, 1)], ids=["in-values", "in-between", "at-the-end"]
)
def test_a_full_disk_is_an_error_and_nothing_worse(tmp_path: Path, datasets: int, size: int) -> None:
    script = f"""
import resource, signal
from pathlib import Path
import numpy as np
from elmo_cli.errors import OutputError
from elmo_cli.formats.whole_hdf5 import write_datasets
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
try:
    write_datasets(Path({str(tmp_path)!r}) / "big", {{str(n): np.ones({size}, np.float32) for n in range({datasets})}})
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == (
        f"{tmp_path / 'big'}: cannot be written: File too large\n"
        "Hint: free space or choose another place with --out; nothing was changed\n"
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_datasets(tmp_path / "file" / "weights.hdf5", {})
