import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_cli.errors import BusyError, ConfigError, ElmoError, OutputError, TextError
from elmo_cli.formats import direct_file, feature_form, feature_journal, feature_texts
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import journal_folder
from elmo_cli.formats.feature_reader import read_any
from elmo_cli.formats.feature_values import stored
from elmo_cli.formats.feature_writer import open_writer
from tests.formats.feature_cases import (
    ATTRIBUTES,
    LENGTHS,
    LINES,
    SENTENCES,
    TOKENS,
    WIDTH,
    all_vectors,
    forms,
    shown,
    vectors,
    write_all,
    write_from,
    writer,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a few tokens, so that sentences lie across their ends."""
    monkeypatch.setattr(feature_form, "CHUNK_BYTES", 700)


def content(path: Path) -> dict[str, bytes]:
    """Everything in a file: datasets byte by byte with type and shape, and attributes."""
    if path.is_dir():
        return {file.name: file.read_bytes() for file in path.iterdir()}
    if path.suffix != ".hdf5":
        return {"": path.read_bytes()}
    found: dict[str, bytes] = {}
    with h5py.File(path) as file:
        found["attributes"] = repr(sorted(file.attrs.items())).encode()

        def visit(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                values = item[...]
                found[name] = repr((item.shape, item.dtype, values.tolist())).encode()

        file.visititems(visit)
    return found


@pytest.mark.parametrize("form", forms(), ids=shown)
def test_what_is_read_is_what_was_written(tmp_path: Path, form: FeatureForm) -> None:
    finished = write_all(tmp_path, form)
    assert (finished.sentences, finished.tokens) == (len(LENGTHS), sum(LENGTHS))
    assert finished.file_bytes == sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    for layer, path in enumerate(finished.paths):
        expected = [stored(array, form.dtype) for array in all_vectors(form.layers)]
        if form.layout == "manylangs" and form.layers is not None:
            expected = [array[layer] for array in expected]
        with read_any(path) as features:
            assert len(features) == len(expected)
            for found, array in zip(features, expected, strict=True):
                assert (found.shape, found.dtype) == (array.shape, array.dtype)
                assert found.tobytes() == array.tobytes()
            if form.layout == "flat":
                assert [features.tokens(i) for i in range(len(features))] == TOKENS
            if form.layout in ("flat", "allennlp"):
                assert [features.find(sentence) for sentence in SENTENCES] == list(range(len(SENTENCES)))
            if form.layout != "manylangs":
                assert features.lines.tolist() == LINES
                assert features.at_line(LINES[7]).tobytes() == expected[7].tobytes()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("form", [form for form in forms() if (form.dtype, form.layers) == ("float32", 3)], ids=shown)
def test_a_writer_that_was_left_is_gone_on_with_to_the_same_content(tmp_path: Path, form: FeatureForm) -> None:
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    whole = write_all(tmp_path / "once", form)
    for end in (1, 13, 20):
        with writer(tmp_path / "twice", form) as output:
            write_from(output, output.done, end, at_once=False)
    with writer(tmp_path / "twice", form) as output:
        # At most the sentences of a chunk that is not full have to be given again.
        assert output.done == 20 or (form.layout == "flat" and form.compression and 14 < output.done < 20)
        write_from(output, output.done)
        again = output.finish()
    for one, two in zip(whole.paths, again.paths, strict=True):
        assert content(one) == content(two)


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "one-by-one"])
def test_one_by_one_gives_the_same_bytes_as_many_at_once(tmp_path: Path, at_once: bool) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        write_from(output, 0, at_once=at_once)
        output.finish()
    (tmp_path / "other").mkdir()
    write_all(tmp_path / "other", FeatureForm(width=WIDTH))
    assert (tmp_path / "vectors.hdf5").read_bytes() == (tmp_path / "other" / "vectors.hdf5").read_bytes()


@pytest.mark.parametrize("form", [{}, {"layout": "flat"}, {"layout": "manylangs"}, {"dtype": "float16"}], ids=str)
def test_past_the_page_cache_or_through_it_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: dict
) -> None:
    paths = []
    for name in ("usual", "through"):
        (tmp_path / name).mkdir()
        paths.append(write_all(tmp_path / name, FeatureForm(width=WIDTH, **form)).paths)
        monkeypatch.setattr(direct_file, "_DIRECT", 0)
    for one, two in zip(*paths, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_a_writer_says_whether_it_waits_or_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for is_direct, form, expected in (
        (True, FeatureForm(width=WIDTH), True),
        (True, FeatureForm(width=WIDTH, compression="gzip"), False),
        (False, FeatureForm(width=WIDTH), False),
    ):
        monkeypatch.setattr(direct_file.DirectFile, "is_direct", is_direct)
        with writer(tmp_path, form) as output:
            assert output.waits == expected


def test_the_layout_is_allennlps(tmp_path: Path) -> None:
    path = tmp_path / "vectors.hdf5"
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        output.write(0, vectors(2, 0), sentence="Hello wörld")
        output.write(9, vectors(1, 1), sentence="")
        output.write(10, vectors(3, 2), sentence="a / b")
        output.write(11, np.zeros((3, 0, WIDTH), np.float32), sentence="Hello wörld")
        output.finish()
    with h5py.File(path) as file:
        assert list(file) == ["0", "10", "11", "9", "sentence_to_index"]
        for key, length, seed in (("0", 2, 0), ("9", 1, 1), ("10", 3, 2)):
            assert (file[key].chunks, file[key].compression, dict(file[key].attrs)) == (None, None, {})
            assert file[key][...].tobytes() == vectors(length, seed).tobytes()
        assert (file["11"].shape, file["11"].dtype) == ((3, 0, WIDTH), np.float32)
        mapping = file["sentence_to_index"]
        assert mapping.shape == (1,)
        assert json.loads(mapping[0]) == {"": "9", "a / b": "10", "Hello wörld": "11"}
        assert mapping[0] == rb'{"": "9", "a / b": "10", "Hello w\u00f6rld": "11"}'
        # The reader's idiom in AllenNLP's documentation.
        assert file[json.loads(file["sentence_to_index"][0])["a / b"]].shape == (3, 3, WIDTH)
        assert dict(file.attrs) == {
            **ATTRIBUTES,
            "format_version": 1,
            "layout": "allennlp",
            "dtype": "float32",
            "compression": "none",
            "width": WIDTH,
            "sentences": 4,
            "tokens": 6,
        }


def test_the_layout_of_bilm_tf_has_numbers_and_nothing_else(tmp_path: Path) -> None:
    write_all(tmp_path, FeatureForm(layout="bilm", width=WIDTH))
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert sorted(map(int, file)) == LINES
        assert file[str(LINES[4])].shape == (3, LENGTHS[4], WIDTH)
        assert file[str(LINES[4])].chunks is None


def test_forgotten_sentences_are_in_no_file(tmp_path: Path) -> None:
    for layout in ("allennlp", "flat"):
        form = FeatureForm(layout=layout, width=WIDTH, forget_sentences=True)
        write_all(tmp_path, form, overwrite=True)
        with h5py.File(tmp_path / "vectors.hdf5") as file:
            assert "sentence_to_index" not in file
            assert "sentences" not in file
        assert b"sentence 7" not in (tmp_path / "vectors.hdf5").read_bytes()
        with read_any(tmp_path / "vectors.hdf5") as features, pytest.raises(ElmoError, match="it has no"):
            features.find(SENTENCES[0])


def test_manylangs_has_a_file_per_layer_and_tokens_as_keys(tmp_path: Path) -> None:
    form = FeatureForm(layout="manylangs", width=WIDTH)
    with writer(tmp_path, form) as output:
        output.write(0, vectors(4, 0), tokens=["and", "/", "or", "."])
        output.write(1, vectors(2, 1), tokens=["3.5", "km/h"])
        output.write(2, vectors(4, 2), tokens=["and", "/", "or", "."])
        finished = output.finish()
    assert [path.name for path in finished.paths] == [f"vectors.ly{layer}.hdf5" for layer in range(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in finished.paths]
    assert (finished.sentences, finished.left_out) == (2, 1)
    for layer, path in enumerate(finished.paths):
        with h5py.File(path) as file:
            assert set(file) == {"and\t$backslash$\tor\t$period$", "3$period$5\tkm$backslash$h"}
            # What its users do: tokens joined, two letters replaced, the first of equal sentences.
            key = "\t".join(["and", "/", "or", "."]).replace(".", "$period$").replace("/", "$backslash$")
            assert file[key][...].tobytes() == vectors(4, 0)[layer].tobytes()
            assert file.attrs["layer"] == layer
        with read_any(path) as features:
            assert features.tokens(1) == ["3.5", "km/h"]
            assert features.by_sentence("and / or .").shape == (4, WIDTH)


@pytest.mark.parametrize(("layers", "name"), [("average", "vectors.ly-1.hdf5"), ("2", "vectors.ly2.hdf5")])
def test_one_layer_of_manylangs_has_that_program_s_number(tmp_path: Path, layers: str, name: str) -> None:
    form = FeatureForm(layout="manylangs", width=WIDTH, layers=None)
    with open_writer(tmp_path / "vectors.hdf5", form=form, attributes={"layers": layers}) as output:
        output.write(0, vectors(1, 0, None), tokens=["a"])
        assert [path.name for path in output.finish().paths] == [name]


def test_flat_is_one_array_of_all_tokens(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(layout="flat", width=WIDTH)) as output:
        output.write(0, vectors(2, 0), tokens=["Hello", "wörld"], sentence="Hello wörld", key="doc-1")
        output.write(2, np.zeros((3, 0, WIDTH), np.float32))
        output.write(3, vectors(1, 1), tokens=["a" * 1000], sentence="long")
        output.finish()
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert set(file) == {"vectors", "offsets", "lines", "tokens", "sentences", "keys"}
        assert (file["vectors"].shape, file["vectors"].chunks) == ((3, 3, WIDTH), None)
        assert file["offsets"][...].tolist() == [0, 2, 2, 3]
        assert file["lines"][...].tolist() == [0, 2, 3]
        assert file["tokens"].asstr()[...].tolist() == ["Hello", "wörld", "a" * 1000]
        assert file["sentences"].asstr()[...].tolist() == ["Hello wörld", "", "long"]
        assert file["keys"].asstr()[...].tolist() == ["doc-1", "", ""]
        assert file["vectors"][0:2].transpose(1, 0, 2).tobytes() == vectors(2, 0).tobytes()
        # A program without HDF5 maps it from here.
        place = file["vectors"].id.get_offset()
    assert place % 4096 == 0
    mapped = np.memmap(tmp_path / "vectors.hdf5", "<f4", "r", offset=place, shape=(3, 3, WIDTH))
    assert mapped[2].tobytes() == vectors(1, 1)[:, 0].tobytes()


def test_npy_safetensors_and_parquet_are_read_by_their_own_programs(tmp_path: Path) -> None:
    import pyarrow.parquet
    from safetensors.numpy import load_file

    for container in ("npy", "safetensors", "parquet"):
        write_all(tmp_path, FeatureForm(layout="flat", format=container, width=WIDTH))
    rows = np.concatenate([array.transpose(1, 0, 2) for array in all_vectors()])
    letters = "".join(token for tokens in TOKENS for token in tokens).encode()
    assert np.load(tmp_path / "vectors" / "vectors.npy", mmap_mode="r").tobytes() == rows.tobytes()
    arrays = load_file(tmp_path / "vectors.safetensors")
    for name in ("offsets", "lines", "token_ends", "token_bytes", "sentence_ends", "sentence_bytes"):
        assert np.load(tmp_path / "vectors" / f"{name}.npy").tobytes() == arrays[name].tobytes(), name
    assert arrays["vectors"].tobytes() == rows.tobytes()
    assert arrays["token_bytes"].tobytes() == letters
    table = pyarrow.parquet.read_table(tmp_path / "vectors.parquet").to_pydict()
    assert table["tokens"] == TOKENS
    assert table["sentence"] == SENTENCES
    assert np.array(table["vectors"][4], np.float32).tobytes() == vectors(8, 4).transpose(1, 0, 2).tobytes()


@pytest.mark.parametrize("container", ["hdf5", "npy", "safetensors", "parquet"])
def test_a_file_without_sentences_can_be_written_and_read(tmp_path: Path, container: str) -> None:
    with writer(tmp_path, FeatureForm(layout="flat", format=container, width=WIDTH)) as output:
        finished = output.finish()
    with read_any(finished.paths[0]) as features:
        assert (len(features), list(features)) == (0, [])


@settings(max_examples=25, deadline=None)
@given(
    sentences=st.lists(st.text(alphabet="ab ./:$\t", max_size=6), max_size=8),
)
def test_sentences_as_keys_are_found_by_them_or_refused(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    kept: dict[str, int] = {}
    with writer(folder, FeatureForm(width=WIDTH, sentence_keys=True)) as output:
        for number, sentence in enumerate(sentences):
            try:
                output.write(number, vectors(1, number), sentence=sentence)
                kept[sentence] = number
            except TextError:
                break  # the flow stops here; what came before can still be finished
        output.finish()
    with h5py.File(folder / "vectors.hdf5") as file, read_any(folder / "vectors.hdf5") as features:
        for position, (sentence, number) in enumerate(kept.items()):
            assert file[sentence][...].tobytes() == vectors(1, number).tobytes()
            assert features.find(sentence) == position
        assert len(features) == len(kept)


def test_naughty_strings_survive_as_sentences_tokens_and_keys(tmp_path: Path, shared: Path) -> None:
    lines = (shared / "data" / "naughty-strings" / "blns.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in dict.fromkeys(lines) if line.strip()]
    tokens = [line.split() for line in lines]
    arrays = [vectors(len(words), number) for number, words in enumerate(tokens)]
    for layout in ("allennlp", "flat", "manylangs"):
        with writer(tmp_path, FeatureForm(layout=layout, width=WIDTH), overwrite=True) as output:
            output.write_many(range(len(lines)), arrays, tokens=tokens, sentences=lines)
            finished = output.finish()
        with read_any(finished.paths[0]) as features:
            if layout == "manylangs":
                with h5py.File(finished.paths[0]) as file:
                    first = {}
                    for number, words in enumerate(tokens):
                        key = "\t".join(words).replace(".", "$period$").replace("/", "$backslash$")
                        first.setdefault(key, number)
                    assert set(file) == set(first)
                    for key, number in first.items():
                        assert file[key][...].tobytes() == arrays[number][0].tobytes()
                continue
            for number, line in enumerate(lines):
                assert features.by_sentence(line).tobytes() == arrays[number].tobytes()
                assert layout != "flat" or features.tokens(number) == tokens[number]


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (
            ["a b", "a b"],
            r"line 2: expected a sentence that is no key yet, nor part of one, found 'a b'\nHint: .*twice",
        ),
        (["a", "a/b"], "line 2: expected a sentence that is no key yet"),
        (["a/b", "a"], "line 2: expected a sentence that is no key yet"),
        ([" / "], None),
        (["."], r"line 1: expected a sentence that can be a key in HDF5, found '\.'\nHint: keys that are line numbers"),
        (["/"], "line 1: expected a sentence that can be a key"),
        (["a\0b"], r"line 1: expected a sentence that can be a key in HDF5, found 'a\\x00b'"),
    ],
)
def test_sentences_that_cannot_be_keys_are_named(tmp_path: Path, sentences: list[str], message: str | None) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH, sentence_keys=True)) as output:
        if message is None:
            output.write(0, vectors(1, 0), sentence=sentences[0])
            return
        with pytest.raises(TextError, match=message):
            for number, sentence in enumerate(sentences):
                output.write(number, vectors(1, 0), sentence=sentence)


def test_many_sentences_need_trees_of_several_levels(tmp_path: Path) -> None:
    count = 3000
    form = FeatureForm(width=1, layers=None)
    with open_writer(tmp_path / "vectors.hdf5", form=form, attributes=ATTRIBUTES) as output:
        for first in range(0, count, 500):
            arrays = [np.full((1, 1), number, np.float32) for number in range(first, first + 500)]
            output.write_many(range(first, first + 500), arrays)
        output.finish()
    with h5py.File(tmp_path / "vectors.hdf5") as file:
        assert len(file) == count
        assert [file[str(number)][0, 0] for number in range(count)] == list(range(count))


@pytest.mark.parametrize(
    "form", [form for form in forms() if (form.format, form.dtype, form.layers) == ("hdf5", "float32", 3)], ids=shown
)
def test_hdf5_itself_can_change_what_was_written(tmp_path: Path, form: FeatureForm) -> None:
    (path, *_) = write_all(tmp_path, form).paths
    with h5py.File(path, "r+") as file:
        names = list(file)
        for name in names[::2]:
            del file[name]
        for number in range(500):
            file[f"new {number}"] = np.arange(number)
        file.attrs["note"] = "changed"
    with h5py.File(path) as file:
        assert len(file) == len(names) - len(names[::2]) + 500
        assert all(file[f"new {number}"].shape == (number,) for number in range(500))
        assert all(file[name].shape for name in names[1::2])


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        write_from(output, 0)
        assert not (tmp_path / "vectors.hdf5").exists()
    assert not (tmp_path / "vectors.hdf5").exists()
    assert journal_folder(tmp_path / "vectors.hdf5").is_dir()


def test_an_error_before_the_first_sentence_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine"), writer(tmp_path, FeatureForm(width=WIDTH)):
        raise ValueError("mine")
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_can_be_thrown_away(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        write_from(output, 0)
        output.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "vectors.hdf5").write_text("precious")
    with pytest.raises(OutputError, match=r"vectors.hdf5: there is such a file already\nHint: .*--overwrite"):
        writer(tmp_path, FeatureForm(width=WIDTH))
    assert (tmp_path / "vectors.hdf5").read_text() == "precious"
    write_all(tmp_path, FeatureForm(width=WIDTH), overwrite=True)
    with read_any(tmp_path / "vectors.hdf5") as features:
        assert len(features) == len(LENGTHS)


def test_folders_are_no_place_for_files_and_strangers_folders_none_for_npy(tmp_path: Path) -> None:
    (tmp_path / "vectors.hdf5").mkdir()
    with pytest.raises(OutputError, match="expected a place for a file, found a folder\nHint: --out"):
        writer(tmp_path, FeatureForm(width=WIDTH), overwrite=True)
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "precious").touch()
    with pytest.raises(OutputError, match="expected a folder of vectors to replace, found another folder"):
        writer(tmp_path, FeatureForm(layout="flat", format="npy", width=WIDTH), overwrite=True)


def test_other_settings_do_not_go_on_with_what_is_there(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH), origin={"input": "a.txt"}) as output:
        write_from(output, 0, 5)
    message = r"\.vectors\.hdf5\.unfinished has .* go on with input 'a.txt', found 'b.txt'\nHint: .*--overwrite"
    with pytest.raises(OutputError, match=message):
        writer(tmp_path, FeatureForm(width=WIDTH), origin={"input": "b.txt"})
    with pytest.raises(OutputError, match="go on with dtype 'float32', found 'float16'"):
        writer(tmp_path, FeatureForm(width=WIDTH, dtype="float16"), origin={"input": "a.txt"})
    with writer(tmp_path, FeatureForm(width=WIDTH), origin={"input": "a.txt"}, overwrite=True) as output:
        assert output.done == 5
    with writer(tmp_path, FeatureForm(width=WIDTH), origin={"input": "b.txt"}, overwrite=True) as output:
        assert output.done == 0


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)), pytest.raises(BusyError, match="another elmo process is at work"):
        writer(tmp_path, FeatureForm(width=WIDTH))


def test_lines_have_to_rise_and_shapes_to_fit(tmp_path: Path) -> None:
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        output.write(3, vectors(1, 0))
        with pytest.raises(ValueError, match="line 3 after line 3: expected rising numbers"):
            output.write(3, vectors(1, 0))
        with pytest.raises(ValueError, match=r"expected vectors of shape \(3, n, 8\), found \(2, 1, 8\)"):
            output.write(4, vectors(1, 0, 2))
        with pytest.raises(ValueError, match=r"found \(1, 8\)"):
            output.write(5, vectors(1, 0, None))


def test_a_map_longer_than_hdf5_can_keep_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_texts, "LARGEST_MAP", 400)
    message = r"sentence_to_index can have 400 bytes.*\nHint: .*--forget-sentences"
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output, pytest.raises(OutputError, match=message):
        write_from(output, 0, at_once=False)


def test_numbers_beyond_float16_are_an_error(tmp_path: Path) -> None:
    message = r"float16: a value is beyond its largest, 65504.*: 1e\+06\nHint: choose"
    with (
        writer(tmp_path, FeatureForm(width=WIDTH, dtype="float16")) as output,
        pytest.raises(ConfigError, match=message),
    ):
        output.write(0, np.full((3, 1, WIDTH), 1e6, np.float32))


SCRIPT = """
import sys, time
from pathlib import Path
from elmo_cli.formats import feature_form, feature_journal
from elmo_cli.formats.feature_form import FeatureForm
from tests.formats.feature_cases import *
feature_form.CHUNK_BYTES = 700
feature_journal.SECONDS = 0.0
form = FeatureForm(**{form!r})
with writer(Path({folder!r}), form) as output:
    print(output.done, flush=True)
    for number in range(output.done, len(LENGTHS)):
        write_from(output, number, number + 1)
        time.sleep({pause})
    output.finish()
print("whole", flush=True)
"""


@pytest.mark.parametrize(
    "form",
    [
        {"width": WIDTH},
        {"width": WIDTH, "layout": "flat"},
        {"width": WIDTH, "layout": "flat", "compression": "gzip"},
        {"width": WIDTH, "layout": "manylangs"},
    ],
    ids=["allennlp", "flat", "flat-gzip", "manylangs"],
)
def test_killed_at_any_moment_it_goes_on_as_if_nothing_happened(tmp_path: Path, form: dict) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    command = [sys.executable, "-c", SCRIPT.replace("{form!r}", repr(form)).replace("{folder!r}", repr(str(killed)))]
    kills = 0
    for attempt in range(12):
        pause = "0.004" if attempt < 3 else "0"
        script = [*command[:2], command[2].replace("{pause}", pause)]
        with subprocess.Popen(script, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            began = process.stdout.readline()
            assert began.strip().isdecimal()
            if attempt < 3:
                time.sleep(0.03 + 0.02 * attempt)
                process.send_signal(signal.SIGKILL)
                kills += 1
            elif process.stdout.readline() == "whole\n":
                break
    assert kills == 3
    one, two = write_all(whole, FeatureForm(**form)).paths, sorted(killed.glob("*"))
    assert [path.name for path in one] == [path.name for path in two]
    for path, other in zip(one, two, strict=True):
        assert content(path) == content(other)


def test_a_torn_or_empty_end_of_the_index_is_cut_off(tmp_path: Path) -> None:
    form = FeatureForm(width=WIDTH)
    with writer(tmp_path, form) as output:
        write_from(output, 0, 20)
    index = journal_folder(tmp_path / "vectors.hdf5") / "index"
    size = index.stat().st_size // 20
    good = index.read_bytes()
    for damage, expected in (
        (good[:-3], 19),
        (good[: -2 * size] + bytes(2 * size), 18),
        (good[:size] + bytes([good[size] ^ 1]) + good[size + 1 :], 1),
        (good + bytes(7), 20),
    ):
        index.write_bytes(damage)
        with writer(tmp_path, form) as output:
            assert output.done == expected
            write_from(output, output.done, 20)
    text = journal_folder(tmp_path / "vectors.hdf5") / "text"
    text.write_bytes(text.read_bytes()[:-1])
    with writer(tmp_path, form) as output:
        assert output.done == 19


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from elmo_cli.errors import OutputError
from elmo_cli.formats import feature_journal
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
feature_journal.SECONDS = 0.0
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
form = FeatureForm(width=1000, layers=None, layout=sys.argv[3])
try:
    with open_writer(Path(sys.argv[1]), form=form, attributes={}) as writer:
        print(writer.done)
        for number in range(writer.done, 1000):
            writer.write(number, np.full((1, 1000), number, np.float32), tokens=["x"])
        print(writer.finish().sentences)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("layout", ["allennlp", "flat"])
@pytest.mark.parametrize("limit", [3_000_000, 4_050_000], ids=["in-the-vectors", "at-the-end"])
def test_a_full_disk_keeps_what_is_on_it_for_the_next_writer(tmp_path: Path, layout: str, limit: int) -> None:
    place = tmp_path / "out.hdf5"
    command = [sys.executable, "-c", FULL, str(place)]
    full = subprocess.run([*command, str(limit), layout], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (full.stderr, full.returncode) == ("", 0)
    first, *lines = full.stdout.splitlines()
    assert first == "0"
    assert lines[0].startswith(f"{place}: cannot be written: File too large; ")
    assert lines[1].startswith("Hint: free space and start the same command again")
    safe = int(lines[0].split("; ")[1].split(" ")[0].replace(",", ""))
    assert not place.exists()
    room = subprocess.run([*command, "100000000", layout], cwd=ROOT, capture_output=True, text=True, timeout=60)
    done, sentences = map(int, room.stdout.split())
    # Every sentence that had room: 4,000 bytes each, behind 4,096.
    assert safe == done == (748 if limit == 3_000_000 else 1000)
    assert sentences == 1000
    with read_any(place) as features:
        assert [int(array[0, 0]) for array in features] == list(range(1000))


def test_the_index_speaks_of_nothing_that_is_not_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_journal, "SECONDS", 1000.0)
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        write_from(output, 0, 20)
        assert (output.done, output.safe) == (20, 0)
        assert (journal_folder(tmp_path / "vectors.hdf5") / "index").stat().st_size == 0
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        assert (output.done, output.safe) == (20, 20)


def test_sentences_that_come_together_are_made_safe_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_journal, "SECONDS", 0.0)
    with writer(tmp_path, FeatureForm(width=WIDTH)) as output:
        output.write_many(range(5), [vectors(1, seed) for seed in range(5)], more=True)
        output.write_many(range(5, 10), [vectors(1, seed) for seed in range(5)])
        for number in range(10, 100_000):
            output.write_many([number], [vectors(1, 0)], more=True)
            if output.safe:
                break
            time.sleep(0.001)
        assert output.safe == 10


def test_a_noted_state_comes_back_with_the_sentences_before_it(tmp_path: Path) -> None:
    form = FeatureForm(width=WIDTH)
    with writer(tmp_path, form) as output:
        assert output.state is None
        write_from(output, 0, 10)
        output.note(b"behind ten")
        write_from(output, 10, 17)
    with writer(tmp_path, form) as output:
        assert (output.done, output.state) == (10, b"behind ten")
        write_from(output, 10, 20)
        output.note(b"behind twenty")
    with writer(tmp_path, form) as output:
        assert (output.done, output.state) == (20, b"behind twenty")
        write_from(output, 20)
        output.finish()
    (tmp_path / "whole").mkdir()
    write_all(tmp_path / "whole", form)
    assert content(tmp_path / "vectors.hdf5") == content(tmp_path / "whole" / "vectors.hdf5")


def test_where_tokens_are_compressed_together_a_state_ahead_of_them_begins_anew(tmp_path: Path) -> None:
    form = FeatureForm(layout="flat", compression="gzip", width=WIDTH)
    with writer(tmp_path, form) as output:
        write_from(output, 0, 20)
        output.note(b"behind twenty")
    with writer(tmp_path, form) as output:
        assert (output.done, output.state) == (0, None)
