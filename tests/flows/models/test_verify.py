"""All that is wrong with a model is listed in one run, and hostile files are reported without being followed."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.errors import ModelError
from elmo_cli.flows.model_results import VerifyResult
from elmo_cli.flows.models.export import export
from elmo_cli.flows.models.verify import verify
from elmo_cli.flows.reports import Progress
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import write_model_folder
from tests import numpy_elmo as reference
from tests.formats import containers, hostile

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=3, filters=((1, 4), (2, 6)), highways=2),
    lstm=LstmConfig(cell_dim=8, projection_dim=5),
)
WORDS = ["<S>", "</S>", "<UNK>", "the", "bank"]
ATTACKS = [
    (hostile.external_storage, "found external storage in another one"),
    (hostile.external_link, "found a link into another file"),
    (hostile.external_group, "found a link into another file"),
    (hostile.soft_link, "found a soft link"),
    (hostile.virtual_dataset, "found a virtual dataset over other files"),
    (hostile.huge_shape, r"expected float32 \(10, 5\), found float32 \(1000000, 1000000\)"),
    (hostile.never_written, "expected 200 bytes of values, found 0 stored"),
    (hostile.chunked, "found cut into chunks"),
    (hostile.doubles, "found float64"),
    (hostile.integers, "found int32"),
    (hostile.strings, "found another type"),
    (hostile.group_for_dataset, "expected a dataset, found a group"),
    (hostile.dataset_for_group, "expected a group, found a dataset"),
    (hostile.type_for_dataset, "found neither group nor dataset"),
    (hostile.cycle, "superfluous"),
    (hostile.truncated, "not an HDF5 file, or damaged"),
    (hostile.no_hdf5, "not an HDF5 file, or damaged"),
]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    (tmp_path / "words.txt").write_text("".join(f"{word}\n" for word in WORDS))
    files = ModelFiles(
        config=CONFIG,
        weights=reference.random_model(CONFIG, seed=1),
        softmax=(rng.normal(size=(5, 5)).astype("f4"), rng.normal(size=5).astype("f4")),
        start_state=(np.zeros((2, 2, 8), np.float32), np.zeros((2, 2, 5), np.float32)),
        vocabulary_path=tmp_path / "words.txt",
    )
    write_model_folder(tmp_path / "model", files)
    return tmp_path / "model"


def check(path: Path) -> VerifyResult:
    *progress, result = verify(path)
    assert all(isinstance(report, Progress) for report in progress)
    assert isinstance(result, VerifyResult)
    assert result.sound == (not result.problems and not result.not_checked)
    return result


def found(path: Path) -> list[tuple[str, str]]:
    return [(Path(problem.file).name, problem.problem) for problem in check(path).problems]


def test_a_sound_model_has_every_file_checked_and_no_problem(model_dir: Path) -> None:
    result = check(model_dir)
    assert result.sound
    assert sorted(Path(file).name for file in result.checked) == sorted(file.name for file in model_dir.iterdir())


@pytest.mark.parametrize(("to", "name"), [("hdf5", "out"), ("nlpl", "out.zip"), ("safetensors", "out")])
def test_every_export_is_sound(model_dir: Path, tmp_path: Path, to: str, name: str) -> None:
    list(export(model_dir, tmp_path / name, to=to))
    assert check(tmp_path / name).sound


def test_a_sentencepiece_model_that_is_none_is_found(model_dir: Path) -> None:
    (model_dir / "tokenizer.model").write_bytes(b"garbage")
    ((file, problem),) = found(model_dir)
    assert file == "tokenizer.model"
    assert problem.startswith("expected a SentencePiece model, found 7 bytes that are none")


def test_nothing_stops_at_the_first_problem(model_dir: Path) -> None:
    with h5py.File(model_dir / "weights.hdf5", "r+") as file:
        del file["CNN/b_cnn_0"]
        file["CNN_high_2/W_carry"] = np.zeros((10, 10), np.float32)
        file["RNN_0/RNN/MultiRNNCell/Cell2/LSTMCell/B"] = np.zeros(32, np.float32)
        del file["char_embed"]
        file["char_embed"] = np.zeros((262, 3), np.float32)
        del file["CNN_proj/b_proj"]
        file["CNN_proj/b_proj"] = np.zeros(5, np.float64)
        file["CNN_proj/W_proj"][0, :2] = np.nan, np.inf
    with h5py.File(model_dir / "softmax.hdf5", "r+") as file:
        del file["softmax/b"]
        file["softmax/b"] = np.zeros(4, np.float32)
    with h5py.File(model_dir / "start_state.hdf5", "r+") as file:
        del file["m"]
    (model_dir / "vocab.txt").write_text("<S>\nthe\n\nthe\n</S>\nbank\n")
    (model_dir / "model.json").write_text("[]")
    dropped = "the options do not mention it, and other loaders would drop it silently"
    assert found(model_dir) == [
        ("weights.hdf5", f"CNN_high_2: superfluous: {dropped}"),
        ("weights.hdf5", "CNN/b_cnn_0: missing, expected float32 (4)"),
        ("weights.hdf5", f"RNN_0/RNN/MultiRNNCell/Cell2: superfluous: {dropped}"),
        ("weights.hdf5", "char_embed: expected float32 (261, 3), found float32 (262, 3)"),
        ("weights.hdf5", "CNN_proj/b_proj: expected float32 (5), found float64 (5)"),
        ("weights.hdf5", "CNN_proj/W_proj: expected finite numbers, found 2 NaN or infinite of 50"),
        ("softmax.hdf5", "softmax/b: expected float32 (5), found float32 (4)"),
        ("start_state.hdf5", "m: missing, expected float32 (2, 2, 5)"),
        ("model.json", "expected a JSON object, found []"),
        ("vocab.txt", "blank lines: 3; expected one word a line"),
        ("vocab.txt", "repeated words: line 4 'the' (first in line 2)"),
        ("vocab.txt", "<UNK> missing; a vocabulary needs the lines <S>, </S>, <UNK>"),
        ("vocab.txt", "expected 5 words, as the model has, found 4"),
    ]


def test_more_problems_than_a_message_lists_are_all_there(model_dir: Path) -> None:
    with h5py.File(model_dir / "weights.hdf5", "r+") as file:
        for number in range(50):
            file[f"extra_{number}"] = np.zeros(1, np.float32)
    assert len(found(model_dir)) == 50


def test_options_that_are_wrong_say_what_could_not_be_checked(model_dir: Path) -> None:
    options = json.loads((model_dir / "options.json").read_text())
    options["char_cnn"]["n_characters"] = 1000
    options["lstm"]["n_layers"] = 0
    (model_dir / "options.json").write_text(json.dumps(options))
    (model_dir / "vocab.txt").write_text("<S>\n\n")
    result = check(model_dir)
    assert [problem.problem for problem in result.problems] == [
        "lstm.n_layers: expected a whole number from 1 to 64, found 0",
        "char_cnn.n_characters: expected 261 or 262 (the characters are bytes), found 1000",
        "blank lines: 2; expected one word a line",
    ]
    assert [Path(file).name for file in result.not_checked] == ["weights.hdf5", "softmax.hdf5", "start_state.hdf5"]


def test_a_missing_file_does_not_keep_the_others_from_being_checked(model_dir: Path) -> None:
    (model_dir / "weights.hdf5").unlink()
    (model_dir / "vocab.txt").unlink()
    with h5py.File(model_dir / "softmax.hdf5", "r+") as file:
        file["softmax/W"][0, 0] = np.nan
    first, second, third = found(model_dir)
    assert first[1].startswith("expected weights.hdf5, found ")
    assert second == ("softmax.hdf5", "softmax/W: expected finite numbers, found 1 NaN or infinite of 25")
    assert third == ("model", "vocab.txt: missing, and the model predicts or reads 5 words")


def test_a_softmax_that_is_there_twice_and_one_of_unequal_parts_are_reported(model_dir: Path) -> None:
    with h5py.File(model_dir / "weights.hdf5", "r+") as file:
        file["softmax/W"], file["softmax/b"] = np.zeros((5, 5), np.float32), np.zeros(5, np.float32)
    ((file_name, problem),) = found(model_dir)
    assert file_name == "weights.hdf5"
    assert problem.startswith("softmax: superfluous: ")
    options = json.loads((model_dir / "options.json").read_text())
    del options["n_tokens_vocab"]
    (model_dir / "options.json").write_text(json.dumps(options))
    (model_dir / "softmax.hdf5").unlink()
    with h5py.File(model_dir / "weights.hdf5", "r+") as file:
        del file["softmax/b"]
        file["softmax/b"] = np.zeros(6, np.float32)
    wanted = "softmax/b: expected float32 (5), as many as softmax/W has rows, found float32 (6)"
    assert found(model_dir) == [("weights.hdf5", wanted)]


def test_an_unsorted_vocabulary_and_counts_of_other_words_are_reported(model_dir: Path) -> None:
    counts = model_dir / "vocab.counts.tsv"
    counts.write_text("<S>\t9\n</S>\t9\n<UNK>\t4\nthe\t1\nbank\t8\n")
    ((name, problem),) = found(model_dir)
    assert name == "vocab.txt"
    assert problem.startswith("counts do not fall: 'bank' (8) stands below 'the' (1)")
    counts.write_text("<S>\t9\n")
    assert found(model_dir) == [("vocab.counts.tsv", "1 counts for 5 words")]


def test_a_vocabulary_that_is_no_text_is_reported(model_dir: Path) -> None:
    (model_dir / "vocab.txt").write_bytes(b"<S>\n\xff\n")
    ((name, problem),) = found(model_dir)
    assert (name, problem[:16]) == ("vocab.txt", "expected UTF-8: ")


def test_many_blank_lines_are_counted(model_dir: Path) -> None:
    (model_dir / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS) + "\n" * 10)
    assert found(model_dir) == [("vocab.txt", "blank lines: 6, 7, 8, 9, 10 and 5 more; expected one word a line")]


@pytest.mark.parametrize(("attack", "message"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_hostile_file_is_reported_with_the_reason(
    model_dir: Path, tmp_path: Path, attack: Callable[[Path, Path], None], message: str
) -> None:
    secret = tmp_path / "secret.hdf5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.full((10, 5), 42, np.float32)
    attack(model_dir / "weights.hdf5", secret)
    (model_dir / "vocab.txt").write_text("<S>\n\n")
    result = check(model_dir)
    weights = [problem.problem for problem in result.problems if problem.file.endswith("weights.hdf5")]
    assert any(re.search(message, problem) for problem in weights), weights
    assert any(problem.problem.startswith("blank lines") for problem in result.problems)


@pytest.mark.parametrize(
    "attack",
    [hostile.external_storage, hostile.external_link, hostile.external_group, hostile.virtual_dataset],
    ids=lambda attack: attack.__name__,
)
def test_the_file_that_a_hostile_one_names_is_not_even_opened(
    model_dir: Path, tmp_path: Path, attack: Callable[[Path, Path], None]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # whoever opens it waits for ever
    attack(model_dir / "weights.hdf5", pipe)
    command = [sys.executable, "-m", "elmo_cli", "verify", str(model_dir), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert not json.loads(done.stdout)["sound"]


def test_a_small_file_that_declares_more_than_it_holds_is_reported(tmp_path: Path) -> None:
    cnn = CharCnnConfig(embedding_dim=3, filters=((1, 40),), highways=20)
    config = ModelConfig(char_cnn=cnn, lstm=LstmConfig(cell_dim=8, projection_dim=5))
    write_model_folder(tmp_path / "m", ModelFiles(config=config, weights=reference.random_model(config, seed=1)))
    hostile.same_values_many_times(tmp_path / "m" / "weights.hdf5", tmp_path)
    ((_, problem),) = found(tmp_path / "m")
    assert problem.startswith("expected at most its own ")


def test_a_damaged_archive_and_what_is_wrong_inside_of_one_are_reported(model_dir: Path, tmp_path: Path) -> None:
    (model_dir / "vocab.txt").write_text("<S>\n</S>\n<UNK>\nthe\n")
    with h5py.File(model_dir / "weights.hdf5", "r+") as file:
        file["char_embed"][0, 0] = np.nan
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for file in model_dir.iterdir():
            archive.write(file, file.name)
    assert found(tmp_path / "m.zip") == [
        ("weights.hdf5", "char_embed: expected finite numbers, found 1 NaN or infinite of 783"),
        ("vocab.txt", "expected 5 words, as the model has, found 4"),
    ]
    whole = (tmp_path / "m.zip").read_bytes()
    (tmp_path / "m.zip").write_bytes(whole[:1000] + bytes(len(whole) - 2000) + whole[-1000:])
    ((name, problem), *_) = found(tmp_path / "m.zip")
    assert name == "m.zip"
    assert "archive" in problem or "damaged" in problem


def test_what_is_wrong_with_an_export_to_safetensors_is_reported(model_dir: Path, tmp_path: Path) -> None:
    list(export(model_dir, tmp_path / "st", to="safetensors"))
    tensors = load_file(tmp_path / "st" / "model.safetensors")
    del tensors["char_embed"]
    tensors["CNN/b_cnn_0"][0] = np.inf
    save_file(tensors, tmp_path / "st" / "model.safetensors")
    assert found(tmp_path / "st") == [
        ("model.safetensors", "char_embed: missing, expected F32 (261, 3)"),
        ("model.safetensors", "CNN/b_cnn_0: expected finite numbers, found 1 NaN or infinite of 4"),
    ]


def test_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere: no such model folder"):
        check(tmp_path / "nowhere")


@pytest.mark.parametrize("form", containers.FORMS)
def test_every_container_is_checked(tmp_path: Path, form: str) -> None:
    path = containers.write_form(tmp_path, form)
    result = check(path)
    assert (result.sound, result.problems) == (True, [])
    assert result.checked


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("model.zip", "not a zip archive, or damaged"),
        ("best.th", "not a zip archive, or damaged: File is not a zip file"),
        ("model.tar.gz", "not a gzipped tar archive, or damaged"),
    ],
)
def test_a_model_at_an_address_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, message: str
) -> None:
    monkeypatch.setenv("ELMO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SSL_CERT_FILE", str(containers.TLS / "certificate.pem"))
    path = containers.write_form(tmp_path, form)
    with containers.serving(tls=True) as server:
        server.files = {f"/{form}": path.read_bytes(), f"/cut/{form}": path.read_bytes()[:-700]}
        address = f"{server.address}/{form}"
        sound = check(Path(address))
        assert (sound.path, sound.sound, sound.checked[0]) == (address, True, address)
        spoilt = check(Path(f"{server.address}/cut/{form}"))
        gone = check(Path(f"{server.address}/none"))
    assert not spoilt.sound
    assert any(re.search(message, problem.problem) for problem in spoilt.problems), spoilt.problems
    assert [problem.problem for problem in gone.problems] == ["the server says 404 Not Found"]


def test_counts_in_an_archive_are_checked(tmp_path: Path) -> None:
    members, _ = containers.pack_members()
    counts = "".join(f"{word}\t{9 - number}\n" for number, word in enumerate(containers.WORDS))
    containers.write_zip(tmp_path / "good.zip", {**members, "vocab.counts.tsv": counts.encode()})
    good = check(tmp_path / "good.zip")
    assert good.sound
    assert f"{tmp_path}/good.zip/vocab.counts.tsv" in good.checked
    spoilt = counts.replace("the\t6", "the\tsix")
    containers.write_zip(tmp_path / "bad.zip", {**members, "vocab.counts.tsv": spoilt.encode()})
    (problem,) = check(tmp_path / "bad.zip").problems
    assert problem.problem.startswith(f"{tmp_path}/bad.zip/vocab.counts.tsv:4: expected 'the', a tab and its count")
    rising = counts.replace("zwölf\t5", "zwölf\t8")
    containers.write_zip(tmp_path / "rising.zip", {**members, "vocab.counts.tsv": rising.encode()})
    (problem,) = check(tmp_path / "rising.zip").problems
    assert problem.problem.startswith("counts do not fall: 'zwölf' (8) stands below 'the' (6)")
