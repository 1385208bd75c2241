import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.errors import ModelError, OutputError
from elmo_cli.formats import features
from elmo_cli.formats.features import FeatureWriter, read_features

ATTRIBUTES = {"layers": "all", "dtype": "float32", "state": "warm", "model_sha256": "0" * 64, "tool": "elmo-cli 0.1.0"}


def vectors(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, length, 8)).astype(np.float32)


def test_the_layout_is_allennlps(tmp_path: Path) -> None:
    path = tmp_path / "vectors.hdf5"
    with FeatureWriter(path, attributes=ATTRIBUTES) as writer:
        writer.write(0, vectors(2), sentence="Hello wörld")
        writer.write(1, vectors(3), sentence="a / b")
    with h5py.File(path) as file:
        assert sorted(file) == ["0", "1", "sentence_to_index"]
        for key, length in (("0", 2), ("1", 3)):
            assert file[key].dtype == np.float32
            assert (file[key].chunks, file[key].compression, dict(file[key].attrs)) == (None, None, {})
            assert file[key][...].tobytes() == vectors(length).tobytes()
        mapping = file["sentence_to_index"]
        assert mapping.shape == (1,)
        assert mapping[0] == rb'{"Hello w\u00f6rld": "0", "a / b": "1"}'
        # The reader's idiom in AllenNLP's documentation.
        assert file[json.loads(file["sentence_to_index"][0])["a / b"]].shape == (3, 3, 8)


def test_one_layer_is_written_without_an_axis_for_it(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "top.hdf5", attributes={}) as writer:
        writer.write(0, vectors(4)[2])
    with read_features(tmp_path / "top.hdf5") as read:
        assert read[0].shape == (4, 8)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(12)), lengths=st.lists(st.integers(0, 5), min_size=12, max_size=12))
def test_sentences_may_be_written_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], lengths: list[int]
) -> None:
    path = tmp_path_factory.mktemp("features") / "vectors.hdf5"
    with FeatureWriter(path, attributes=ATTRIBUTES) as writer:
        for index in order:
            writer.write(index, vectors(lengths[index], seed=index))
    with read_features(path) as read:
        found = list(read)
        assert [index for index, _ in found] == list(range(12)) == read.indexes.tolist()
        assert len(read) == 12
        for index, array in found:
            assert array.shape == (3, lengths[index], 8)
            assert array.tobytes() == vectors(lengths[index], seed=index).tobytes()


def test_an_empty_sentence_has_an_empty_array(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer:
        writer.write(0, np.zeros((3, 0, 8), np.float32), sentence="")
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert file["0"].shape == (3, 0, 8)
        assert file["0"].dtype == np.float32
    with read_features(tmp_path / "vectors.hdf5") as read:
        assert read[0].shape == (3, 0, 8)
        assert read.sentences() == {"": 0}


def test_of_a_sentence_that_occurs_twice_the_map_has_the_last(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer:
        for index, sentence in ((7, "again"), (2, "again"), (5, "once")):
            writer.write(index, vectors(1), sentence=sentence)
    with read_features(tmp_path / "vectors.hdf5") as read:
        assert read.sentences() == {"again": 7, "once": 5}
        assert read.indexes.tolist() == [2, 5, 7]


def test_without_sentences_there_is_no_map(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer:
        writer.write(0, vectors(1))
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert list(file) == ["0"]
    with read_features(tmp_path / "vectors.hdf5") as read:
        assert read.sentences() == {}


def test_a_file_says_what_is_in_it(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "vectors.hdf5", attributes={**ATTRIBUTES, "lines": 3}):
        pass
    with read_features(tmp_path / "vectors.hdf5") as read:
        assert read.attributes == {"format": "allennlp", "format_version": 1, "lines": 3, **ATTRIBUTES}


def test_the_same_vectors_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with FeatureWriter(tmp_path / name, attributes=ATTRIBUTES) as writer:
            writer.write(0, vectors(2), sentence="a b")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "vectors.hdf5"
    with FeatureWriter(path, attributes={}) as writer:
        writer.write(0, vectors(2))
        assert not path.exists()
    assert path.exists()


@pytest.mark.parametrize("error", [ValueError("mine"), OSError("mine"), KeyboardInterrupt("mine")], ids=repr)
def test_an_error_inside_leaves_nothing_behind_and_is_not_changed(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer:
        writer.write(0, vectors(2), sentence="a b")
        raise error
    assert raised.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "vectors.hdf5"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"vectors.hdf5: there is such a file already\nHint: .*--overwrite"):
        FeatureWriter(path, attributes={})
    assert path.read_text() == "precious"
    with FeatureWriter(path, attributes={}, overwrite=True) as writer:
        writer.write(0, vectors(1))
    with read_features(path) as read:
        assert len(read) == 1


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="expected a place for a file, found a folder\nHint: --out"):
        FeatureWriter(tmp_path, attributes={}, overwrite=True)


def test_a_place_that_cannot_be_written_to_is_an_error_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot be written"),
        FeatureWriter(tmp_path / "file" / "out", attributes={}),
    ):
        pytest.fail("work began")


def test_a_map_longer_than_hdf5_can_keep_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "LARGEST_MAP", 40)
    with (
        pytest.raises(OutputError, match=r"sentence_to_index can have 40 bytes, .*\nHint: embed the text in parts"),
        FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer,
    ):
        for index in range(10):
            writer.write(index, vectors(1), sentence=f"sentence {index}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sentences", [1, 2000], ids=["in-the-vectors", "in-the-map"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, sentences: int) -> None:
    script = f"""
import resource, signal
from pathlib import Path
import numpy as np
from elmo_cli.errors import OutputError
from elmo_cli.formats.features import FeatureWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with FeatureWriter(Path({str(tmp_path)!r}) / "out", attributes={{}}) as writer:
        for index in range({sentences}):
            writer.write(index, np.ones((600_000 // {sentences}), np.float32), sentence=str(index) + "a" * 100)
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.startswith(f"{tmp_path / 'out'}: cannot be written: File too large\nHint: free space")
    assert (done.stderr, done.returncode) == ("", 0)
    assert list(tmp_path.iterdir()) == []


def test_files_by_allennlp_are_read(shared: Path) -> None:
    lengths = [50, 51, 27, 3, 37, 11, 43, 29, 24, 20]
    with read_features(shared / "fixtures" / "bilm" / "lm_embeddings_0.hdf5") as read:
        assert [(index, array.shape) for index, array in read] == [(i, (2, n, 16)) for i, n in enumerate(lengths)]
        assert read.attributes == {}
        assert read.sentences() == {}


def test_a_sentence_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path / "vectors.hdf5", attributes={}) as writer:
        writer.write(3, vectors(1))
    with read_features(tmp_path / "vectors.hdf5") as read, pytest.raises(KeyError, match="has no sentence 2"):
        read[2]


def test_files_with_sentences_as_keys_are_refused(tmp_path: Path) -> None:
    for name in ("The cat sat .", "007"):
        path = tmp_path / "old.hdf5"
        with h5py.File(path, "w") as file:
            file["0"] = file[name] = vectors(1)
        with pytest.raises(ModelError, match=f"expected sentences under numbers, found '{name}'\nHint: old files"):
            read_features(path)


def test_what_is_no_hdf5_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("0 1 2")
    with pytest.raises(ModelError, match="not an HDF5 file, or damaged"):
        read_features(tmp_path / "text")


def test_vectors_from_another_file_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["values"] = vectors(1)
    with h5py.File(tmp_path / "vectors.hdf5", "w") as file:
        file["0"] = h5py.ExternalLink("other.hdf5", "values")
        file["1"] = np.arange(3)
        file.create_dataset("2", shape=(10**6, 10**6), dtype=np.float32)
        file["sentence_to_index"] = np.arange(3)
    with read_features(tmp_path / "vectors.hdf5") as read:
        with pytest.raises(ModelError, match="0: expected a dataset in this file, found a link into another file"):
            read[0]
        with pytest.raises(ModelError, match="1: expected floating-point numbers, found int64"):
            read[1]
        with pytest.raises(ModelError, match="2: expected 4,000,000,000,000 bytes of values, found 0 stored"):
            read[2]
        with pytest.raises(ModelError, match=r"sentence_to_index: expected one string, found int64 \(3,\)"):
            read.sentences()


def test_a_map_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "vectors.hdf5", "w") as file:
        file.create_dataset("sentence_to_index", data=["{not json"], dtype=h5py.string_dtype())
    with (
        read_features(tmp_path / "vectors.hdf5") as read,
        pytest.raises(ModelError, match="sentence_to_index: expected a JSON object of numbers"),
    ):
        read.sentences()
