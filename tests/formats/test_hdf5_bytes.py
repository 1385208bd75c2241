"""What is written here byte by byte is held against what the HDF5 library itself makes and reads."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5t
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.formats import hdf5_bytes
from elmo_cli.formats.hdf5_tail import Hdf5Tail


def write(path: Path, names: dict, attributes: dict | None = None) -> None:
    """A file of single numbers, or groups of them, by name."""
    path.write_bytes(bytes(100))

    def put(tail: Hdf5Tail, below: dict) -> dict:
        return {
            name.encode(): put(tail, value) if isinstance(value, dict) else tail.numbers(np.array([value], "<i8"))
            for name, value in below.items()
        }

    with Hdf5Tail(path) as tail:
        tail.finish(put(tail, names), attributes or {})


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "<i8", "<i4", "|u1"])
def test_types_are_encoded_as_the_library_does(dtype: str) -> None:
    ours = hdf5_bytes.number_type(np.dtype(dtype))
    theirs = h5t.py_create(np.dtype(dtype)).encode()
    assert ours[1:] == theirs[-len(ours) + 1 :]  # the first byte has the version of the message


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), st.integers(0, 99)))
def test_any_names_are_found(tmp_path_factory: pytest.TempPathFactory, names: dict[str, int]) -> None:
    names.pop(".", None)
    path = tmp_path_factory.mktemp("names") / "file.hdf5"
    write(path, names)
    with h5py.File(path) as file:
        assert set(file) == set(names)
        assert {name: int(file[name][0]) for name in names} == names


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1023, 1024, 1025, 33_000])
def test_any_number_of_names_is_found(tmp_path: Path, count: int) -> None:
    path = tmp_path / "file.hdf5"
    path.write_bytes(bytes(100))
    with Hdf5Tail(path) as tail:
        keys = np.arange(count).astype("S8")
        header = tail.numbers(np.arange(3, dtype="<i8"))
        tail.finish((keys, np.full(count, header, np.uint64)), {})
    with h5py.File(path) as file:
        assert list(file) == sorted(map(str, range(count)))
        for number in {0, count // 2, count - 1} & set(range(count)):
            assert file[str(number)][...].tolist() == [0, 1, 2]
        assert str(count) not in file


def test_groups_lie_in_groups(tmp_path: Path) -> None:
    write(tmp_path / "file.hdf5", {"a": {"b": {"c": 1, "d": 2}, "e": 3}, "f": 4})
    with h5py.File(tmp_path / "file.hdf5") as file:
        found: list[str] = []
        file.visit(found.append)
        assert found == ["a", "a/b", "a/b/c", "a/b/d", "a/e", "f"]
        assert file["a/b/d"][0] == 2


def test_attributes_have_their_types(tmp_path: Path) -> None:
    attributes = {"text": "wörld", "empty": "", "whole": -7, "number": 0.5, "long": "x" * 100_000}
    write(tmp_path / "file.hdf5", {}, attributes)
    with h5py.File(tmp_path / "file.hdf5") as file:
        assert dict(file.attrs) == attributes
        assert {name: type(file.attrs[name]) for name in attributes} == {
            "text": str,
            "empty": str,
            "whole": np.int64,
            "number": np.float64,
            "long": str,
        }


@settings(max_examples=30, deadline=None)
@given(strings=st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30), max_size=50))
def test_strings_of_any_length_come_back(tmp_path_factory: pytest.TempPathFactory, strings: list[str]) -> None:
    path = tmp_path_factory.mktemp("strings") / "file.hdf5"
    path.write_bytes(bytes(100))
    with Hdf5Tail(path) as tail:
        references = tail.strings([string.encode() for string in strings])
        whole = tail.references(tail.long_string(string.encode() for string in strings))
        tail.finish({b"strings": tail.references(references), b"whole": whole}, {})
    with h5py.File(path) as file:
        assert file["strings"].asstr()[...].tolist() == strings
        assert file["whole"].asstr()[0] == "".join(strings)


def test_more_strings_than_a_heap_can_number_come_back(tmp_path: Path) -> None:
    count = 2 * hdf5_bytes.HEAP_NUMBERS + 5
    path = tmp_path / "file.hdf5"
    path.write_bytes(bytes(100))
    with Hdf5Tail(path) as tail:
        references = tail.strings([b"%d" % number for number in range(count)])
        tail.finish({b"strings": tail.references(references)}, {})
    with h5py.File(path) as file:
        assert [int(string) for string in file["strings"][...]] == list(range(count))
