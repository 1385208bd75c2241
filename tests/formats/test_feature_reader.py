import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from elmo_cli.errors import ModelError
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_reader import is_features, read_any
from tests.formats.feature_cases import LENGTHS, LINES, SENTENCES, TOKENS, WIDTH, vectors, write_all, writer

FLAT = FeatureForm(layout="flat", width=WIDTH)


def flat_file(path: Path, **other: object) -> None:
    """A small file of layout flat, made by h5py, with some datasets other than they should be."""
    sets = {
        "vectors": np.ones((3, 2, 4), np.float32),
        "offsets": np.array([0, 2, 3]),
        "lines": np.array([0, 1]),
        "tokens": np.array(["a", "b", "c"], h5py.string_dtype()),
        **other,
    }
    with h5py.File(path, "w") as file:
        file.attrs["layout"] = "flat"
        for name, values in sets.items():
            if values is not None:
                file[name] = values


def test_it_is_a_sequence(tmp_path: Path) -> None:
    write_all(tmp_path, FLAT)
    with read_any(tmp_path / "vectors.hdf5") as features:
        assert len(features) == len(LENGTHS)
        assert features[-1].tobytes() == features[len(LENGTHS) - 1].tobytes() == vectors(7, len(LENGTHS) - 1).tobytes()
        assert [array.shape for array in features[2:4]] == [(3, 3, WIDTH), (3, 2, WIDTH)]
        assert len(list(features)) == len(features)
        assert features[np.int64(4)].shape == (3, 8, WIDTH)
        for index in (len(LENGTHS), -len(LENGTHS) - 1):
            with pytest.raises(IndexError, match=f"has 36 sentences, and none at {index}"):
                features[index]
        assert features.tokens(-1) == TOKENS[-1]
        assert features.sentence(3) == SENTENCES[3]
        assert features.key(3) == ""


@pytest.mark.parametrize("layout", ["allennlp", "flat"])
def test_lines_and_sentences_that_are_not_there_are_key_errors(tmp_path: Path, layout: str) -> None:
    write_all(tmp_path, FeatureForm(layout=layout, width=WIDTH))
    with read_any(tmp_path / "vectors.hdf5") as features:
        missing = next(line for line in range(100) if line not in LINES)
        with pytest.raises(KeyError, match=f"has no line {missing}"):
            features.at_line(missing)
        with pytest.raises(KeyError, match="has no line 5000"):
            features.at_line(5000)
        with pytest.raises(KeyError, match="has no sentence 'nobody'"):
            features.by_sentence("nobody")


@pytest.mark.parametrize("identifiers", [False, True])
def test_of_equal_sentences_the_map_has_one_and_the_message_says_so(tmp_path: Path, identifiers: bool) -> None:
    form = FeatureForm(width=WIDTH, identifiers=identifiers)
    with writer(tmp_path, form) as output:
        for line in range(2):
            key = f"doc-{line}" if identifiers else None
            output.write(line, np.full((3, 1, WIDTH), line, np.float32), sentence="same", key=key)
        output.finish()
    with read_any(tmp_path / "vectors.hdf5") as features:
        assert features.sentence(1) == "same"
        where = "'doc-0'" if identifiers else "line 0"
        with pytest.raises(ModelError, match=rf"no text for {where}\nHint: of equal sentences it keeps the last"):
            features.sentence(0)


def test_sentences_come_in_order_ten_after_nine(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        for line in (0, 2, 9, 10, 11, 100):
            output.write(line, np.full((3, 1, WIDTH), line, np.float32), sentence=str(line))
        output.finish()
    with read_any(tmp_path / "vectors.hdf5") as features:
        assert features.lines.tolist() == [0, 2, 9, 10, 11, 100]
        assert [array[0, 0, 0] for array in features] == [0, 2, 9, 10, 11, 100]
        assert [features.sentence(position) for position in range(6)] == ["0", "2", "9", "10", "11", "100"]
        with pytest.raises(ModelError, match="its layout keeps no tokens\nHint: layouts flat"):
            features.tokens(0)


def test_files_by_bilm_tf_are_read(shared: Path) -> None:
    lengths = [50, 51, 27, 3, 37, 11, 43, 29, 24, 20]
    with read_any(shared / "fixtures" / "bilm" / "lm_embeddings_0.hdf5") as features:
        assert [array.shape for array in features] == [(2, length, 16) for length in lengths]
        assert features.attributes == {}
        with pytest.raises(ModelError, match="it has no sentence_to_index\nHint: go by position"):
            features.by_sentence("a")


def test_old_files_by_allennlp_have_sentences_as_keys(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "old.hdf5", "w") as file:
        for number, sentence in enumerate(["The cat sat .", "A / B", "an earlier one"]):
            file.create_dataset(sentence, data=vectors(number + 1, number))
    with read_any(tmp_path / "old.hdf5") as features:
        assert [features.sentence(position) for position in range(3)] == ["The cat sat .", "A / B", "an earlier one"]
        assert features.by_sentence("A / B").tobytes() == vectors(2, 1).tobytes()


def test_files_by_elmoformanylangs_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "out.ly-1.hdf5", "w") as file:
        file.create_dataset("#info", data=np.array([8, 1]))  # some forks write it
        for number, key in enumerate(["b\t$period$", "a\t$backslash$\tc"]):
            file.create_dataset(key, data=vectors(2 + number, number, None), dtype="float32")
    with read_any(tmp_path / "out.ly-1.hdf5") as features:
        assert [features.tokens(position) for position in range(2)] == [["b", "."], ["a", "/", "c"]]
        assert features.by_sentence("a / c").tobytes() == vectors(3, 1, None).tobytes()
        assert features.key(0) == "b\t$period$"


def test_attributes_are_the_same_in_every_container(tmp_path: Path) -> None:
    seen = []
    for container in ("hdf5", "npy", "safetensors", "parquet"):
        finished = write_all(tmp_path, FeatureForm(layout="flat", format=container, width=WIDTH))
        with read_any(finished.paths[0]) as features:
            seen.append(features.attributes)
            assert {"format_version", "model", "state", "layers", "dtype", "tool", "layout"} <= set(features.attributes)
        assert is_features(finished.paths[0]) == (container != "hdf5")
    assert seen[0] == seen[1] == seen[2] == seen[3] == finished.attributes


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    flat_file(tmp_path / "new.hdf5")
    with h5py.File(tmp_path / "new.hdf5", "r+") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(ModelError, match=r"expected format version 1 or before, found 2\nHint: a newer version"):
        read_any(tmp_path / "new.hdf5")


def test_nothing_and_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: expected a file of vectors, found nothing"):
        read_any(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"expected a file of vectors, or a folder with vectors\.npy"):
        read_any(tmp_path)
    (tmp_path / "text").write_text("0 1 2")
    with pytest.raises(ModelError, match="not an HDF5 file, or damaged"):
        read_any(tmp_path / "text")
    for name, content in (("x.parquet", b"PAR1" + bytes(50)), ("x.safetensors", bytes(50))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=r"not a (Parquet|safetensors) file"):
            read_any(tmp_path / name)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"offsets": None}, "expected a dataset 'offsets' in layout flat, found none"),
        ({"offsets": np.array([0, 2, 4])}, "offsets: expected numbers that rise from 0 to 3, found others"),
        ({"offsets": np.array([0, 5, 3])}, "offsets: expected numbers that rise"),
        ({"offsets": np.array([0, 3])}, r"offsets: expected 3 whole numbers, found int64 \(2,\)"),
        ({"offsets": np.array([0.0, 2, 3])}, "offsets: expected 3 whole numbers, found float64"),
        ({"lines": np.array([1, 1])}, "lines: expected whole numbers that rise"),
        ({"vectors": np.ones((3, 2, 4), np.int32)}, "vectors: expected floating-point numbers, found int32"),
        ({"vectors": np.ones(3, np.float32)}, "vectors: expected 2 or 3 axes, found 1"),
        ({"tokens": np.arange(3)}, r"tokens: expected 3 strings, found int64 \(3,\)"),
        ({"tokens": np.array(["a"], h5py.string_dtype())}, "tokens: expected 3 strings"),
        ({"vectors": h5py.ExternalLink("x", "y")}, "vectors: expected a dataset in this file, found a link"),
        ({"vectors": h5py.SoftLink("/lines")}, "vectors: expected a dataset in this file, found a link"),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, other: dict, message: str) -> None:
    flat_file(tmp_path / "good.hdf5")
    with read_any(tmp_path / "good.hdf5") as features:
        assert features[1].shape == (2, 1, 4)
    flat_file(tmp_path / "bad.hdf5", **other)
    with pytest.raises(ModelError, match=message):
        read_any(tmp_path / "bad.hdf5")


def test_datasets_that_declare_more_than_they_have_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("0", shape=(10**6, 10**6), dtype=np.float32)
        file.create_dataset("1", shape=(10**6, 10**6), dtype=np.float32, chunks=(1000, 1000), compression="gzip")
        file.create_dataset("2", shape=(1, 1), maxshape=(None, None), dtype=np.float32, chunks=(10**4, 10**4))
        file["3"] = np.arange(3)
        file["4"] = h5py.ExternalLink("other.hdf5", "x")
        file.create_dataset("5", data=np.ones((9, 9), np.float32), scaleoffset=2)
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource("other.hdf5", "x", shape=(4,))
        file.create_virtual_dataset("6", layout)
        file.create_dataset("7", (4,), "f4", external=[(str(tmp_path / "secret"), 0, 16)])
    messages = [
        "0: expected 4,000,000,000,000 bytes of values, found 0 stored",
        "1: expected 4,000,000,000,000 bytes of values, found 0 stored",
        "2: expected 400,000,000 bytes of values, found 0 stored",
        "3: expected floating-point numbers, found int64",
        "4: expected a dataset in this file, found a link",
        "5: expected gzip or lzf, found HDF5's filter 6",
        "6: expected values in this file, found them in another one",
        "7: expected values in this file, found them in another one",
    ]
    with read_any(path) as features:
        for line, message in enumerate(messages):
            with pytest.raises(ModelError, match=message):
                features.at_line(line)


def test_groups_that_go_round_in_circles_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bad.hdf5", "w") as file:
        group = file.create_group("a")
        group["again"] = file["a"]
    with pytest.raises(ModelError, match="again: expected one name for it, found two"):
        read_any(tmp_path / "bad.hdf5")


def test_a_map_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "vectors.hdf5", "w") as file:
        file.create_dataset("sentence_to_index", data=["{not json"], dtype=h5py.string_dtype())
    message = "sentence_to_index: expected a JSON object of numbers"
    with read_any(tmp_path / "vectors.hdf5") as features, pytest.raises(ModelError, match=message):
        features.by_sentence("a")


def test_damaged_vectors_are_an_error_where_they_are_read(tmp_path: Path) -> None:
    form = FeatureForm(width=WIDTH, compression="gzip")
    write_all(tmp_path, form)
    path = tmp_path / "vectors.hdf5"
    content = bytearray(path.read_bytes())
    content[4096:4196] = bytes(100)
    path.write_bytes(content)
    with read_any(path) as features, pytest.raises(ModelError, match="not an HDF5 file, or damaged"):
        features[0]


@pytest.mark.parametrize("container", ["hdf5", "npy", "safetensors", "parquet"])
def test_cut_off_files_are_errors_of_ours(tmp_path: Path, container: str) -> None:
    (path,) = write_all(tmp_path, FeatureForm(layout="flat", format=container, width=WIDTH)).paths
    part = path / "vectors.npy" if path.is_dir() else path
    content = part.read_bytes()
    for size in (0, 3, 50, 4000, 4100, len(content) // 2, len(content) - 1):
        part.write_bytes(content[:size])
        with pytest.raises(ModelError, match="vectors"), read_any(path) as features:
            list(features)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"token_ends": np.array([1, 2])}, "offsets: expected 4 whole numbers"),
        ({"token_ends": np.array([1, 2, 9])}, "offsets: expected numbers that rise from 0 to 3"),
        ({"token_bytes": np.zeros(3, np.int64)}, "token_bytes: expected bytes, found int64"),
        ({"vectors": np.zeros((3, 2, 4), np.int64)}, "vectors: expected floating-point numbers, found int64"),
        ({"lines": None}, "expected an array 'lines' in layout flat, found none"),
        ({"sentence_ends": np.array([1, 2])}, "expected an array 'sentence_bytes', found none"),
    ],
)
def test_arrays_that_do_not_fit_together_are_named(tmp_path: Path, other: dict, message: str) -> None:
    arrays = {
        "vectors": np.ones((3, 2, 4), np.float32),
        "offsets": np.array([0, 2, 3]),
        "lines": np.array([0, 1]),
        "token_ends": np.array([1, 2, 3]),
        "token_bytes": np.frombuffer(b"abc", np.uint8),
    }
    folder = tmp_path / "folder"
    folder.mkdir()
    bad = {name: array for name, array in {**arrays, **other}.items() if array is not None}
    save_file(arrays, tmp_path / "good.safetensors")
    with read_any(tmp_path / "good.safetensors") as features:
        assert features.tokens(0) == ["a", "b"]
    save_file(bad, tmp_path / "bad.safetensors")
    for name, array in bad.items():
        np.save(folder / f"{name}.npy", array)
    for path in (tmp_path / "bad.safetensors", folder):
        with pytest.raises(ModelError, match=message):
            read_any(path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    write_all(tmp_path, FeatureForm(layout="flat", format="npy", width=WIDTH))
    np.save(tmp_path / "vectors" / "lines.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(ModelError, match="expected an npy array, found another content"):
        read_any(tmp_path / "vectors")


@pytest.mark.parametrize("text", ["[1]", "{not json", "\ufeff", json.dumps("x")])
def test_attributes_that_are_no_object_are_an_error(tmp_path: Path, text: str) -> None:
    write_all(tmp_path, FeatureForm(layout="flat", format="npy", width=WIDTH))
    (tmp_path / "vectors" / "attributes.json").write_text(text)
    with pytest.raises(ModelError, match=r"attributes\.json: expected a JSON object"):
        read_any(tmp_path / "vectors")
