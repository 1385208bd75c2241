"""Models of ELMoForManyLangs: what is read, and that nothing else is."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, OwnListsConfig
from elmo_cli.errors import ModelError
from elmo_cli.formats.manylangs_folder import is_manylangs, read_manylangs
from elmo_cli.formats.model_source import open_model
from elmo_cli.formats.problems import ListedModelError
from elmo_cli.formats.weights import expected_datasets
from tests.formats import containers, hostile_archives
from tests.formats.containers import ARCHITECTURE_FILE, manylangs_config, write_manylangs

Spoil = Callable[[Path], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_manylangs(tmp_path / "m")
    return tmp_path / "m"


def problems(path: Path) -> list[str]:
    with pytest.raises(ListedModelError) as refusal:
        read_manylangs(path)
    assert refusal.value.place == str(path)
    return refusal.value.problems


def test_the_architecture_and_the_lists_are_those_of_the_files(folder: Path) -> None:
    files = open_model(folder)
    assert files.config.char_cnn == CharCnnConfig(
        embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=2, max_characters=9
    )
    assert files.config.lstm == LstmConfig(cell_dim=9, projection_dim=5)
    assert files.config.own_lists == OwnListsConfig(characters=25, padding=20, words=10, word_dim=6)
    assert files.lists is not None
    assert files.lists.characters == {token: n for n, token in enumerate(containers.MANYLANGS_CHARACTERS)}
    assert files.lists.words == {token: n for n, token in enumerate(containers.MANYLANGS_WORDS)}
    assert {name: array.shape for name, array in files.weights.items()} == expected_datasets(files.config)
    assert files.start_state is not None
    assert not any(part.any() for part in files.start_state)
    assert files.info["architecture"] == ARCHITECTURE_FILE
    assert "assumed" not in files.info


@pytest.mark.parametrize("folder_inside", ["", "143/"])
def test_an_archive_is_read_as_its_folder_is(folder: Path, tmp_path: Path, folder_inside: str) -> None:
    members = {file.name: file.read_bytes() for file in folder.iterdir()} | {"meta.json": b"{}", "LICENSE": b"text"}
    containers.write_zip(tmp_path / "143.zip", members, folder=folder_inside)
    packed, plain = open_model(tmp_path / "143.zip"), open_model(folder)
    assert packed.config == plain.config
    assert packed.lists == plain.lists
    assert all(np.array_equal(packed.weights[name], plain.weights[name]) for name in plain.weights)


def test_pickles_of_old_versions_of_torch_are_read(tmp_path: Path, folder: Path) -> None:
    write_manylangs(tmp_path / "old", old_pickles=True)
    old, new = open_model(tmp_path / "old"), open_model(folder)
    assert all(np.array_equal(old.weights[name], new.weights[name]) for name in new.weights)


def test_without_its_file_the_architecture_is_told_by_the_tensors(folder: Path) -> None:
    (folder / ARCHITECTURE_FILE).unlink()
    files = read_manylangs(folder)
    assert files.config.char_cnn == CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=2)
    assert files.config.lstm == LstmConfig(cell_dim=9, projection_dim=5)
    assert files.info["architecture"].endswith(f"{ARCHITECTURE_FILE} is not beside them")
    assert files.info["assumed"].startswith("clips at 3, residual, ReLU and 50 characters")


@pytest.mark.parametrize(
    ("settings", "present", "absent"),
    [({"word_dim": 0}, "char_embed", "word_embed"), ({"char_dim": 0}, "word_embed", "char_embed")],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_model_of_one_part_needs_only_that_part_s_list(
    tmp_path: Path, settings: dict[str, int], present: str, absent: str, told: bool
) -> None:
    write_manylangs(tmp_path, manylangs_config(**settings))
    (tmp_path / ("word.dic" if absent == "word_embed" else "char.dic")).unlink()
    if not told:
        (tmp_path / ARCHITECTURE_FILE).unlink()
    weights = read_manylangs(tmp_path).weights
    assert present in weights
    assert absent not in weights


@pytest.mark.parametrize(
    "named", ["../secret.json", "/etc/own.json", "..\\own.json", "C:\\models\\own.json", "own.json", "/a/.."]
)
def test_the_path_in_the_configuration_is_not_followed_but_its_name_is_looked_for(folder: Path, named: str) -> None:
    config = manylangs_config(cell_clip=2)
    (folder / ARCHITECTURE_FILE).rename(folder / "own.json")
    (folder / "own.json").write_text(json.dumps(config))
    os.mkfifo(folder.parent / "secret.json")  # whoever opens it waits for ever
    (folder / "config.json").write_text(json.dumps({"config_path": named}))
    files = read_manylangs(folder)
    assert files.config.lstm.cell_clip == (2 if "own" in named else 3)
    assert ("assumed" in files.info) == ("own" not in named)


def test_an_ideographic_space_that_lost_its_place_is_found_again(folder: Path) -> None:
    number = containers.MANYLANGS_CHARACTERS.index("\u3000")
    text = (folder / "char.dic").read_text(encoding="utf-8")
    assert f"\n\u3000\t{number}\n" in text
    (folder / "char.dic").write_text(text.replace(f"\n\u3000\t{number}\n", f"\n{number}\n"), encoding="utf-8")
    files = read_manylangs(folder)
    assert files.lists is not None
    assert files.lists.characters is not None
    assert files.lists.characters["\u3000"] == number


def test_a_line_is_divided_at_its_last_tab_and_windows_line_ends_are_fine(folder: Path) -> None:
    text = (folder / "word.dic").read_text(encoding="utf-8")
    changed = "\ufeff" + text.replace("longest\t", "long\test of all\t").replace("\n", "\r\n")
    (folder / "word.dic").write_text(changed, encoding="utf-8", newline="")
    files = read_manylangs(folder)
    assert files.lists is not None
    assert files.lists.words is not None
    assert files.lists.words["long\test of all"] == 7
    assert files.lists.words["<oov>"] == 0


def _tensors(file: str, change: Callable[[dict[str, Any]], Any]) -> Spoil:
    def spoil(folder: Path) -> None:
        state = torch.load(folder / file)
        change(state)
        torch.save(state, folder / file)

    return spoil


def _text(file: str, change: Callable[[str], str]) -> Spoil:
    return lambda folder: (folder / file).write_text(
        change((folder / file).read_text(encoding="utf-8")), encoding="utf-8"
    )


def _architecture(**settings: Any) -> Spoil:
    return lambda folder: (folder / ARCHITECTURE_FILE).write_text(json.dumps(manylangs_config(**settings)))


def _without(file: str) -> Spoil:
    return lambda folder: (folder / file).unlink()


PROJECTION = "forward_layer_0.state_projection.weight"
SPOILT: list[tuple[Spoil, list[str]]] = [
    *((_without(name), [f"{name}: missing"]) for name in ("encoder.pkl", "token_embedder.pkl", "char.dic", "word.dic")),
    (_without("config.json"), ["config.json: missing"]),
    (
        _text("config.json", lambda _: "{}"),
        ["config.json: config_path: expected the path of a JSON file, found nothing"],
    ),
    (_text("config.json", lambda _: "[]"), ["config.json: expected a JSON object, found []"]),
    (
        _tensors("encoder.pkl", lambda state: state.update({PROJECTION: torch.ones(5, 8)})),
        [f"encoder.pkl: {PROJECTION}: expected float32 (5, 9), found float32 (5, 8)"],
    ),
    (
        _tensors("encoder.pkl", lambda state: state.update({PROJECTION: torch.ones(5, 9).double()})),
        [f"encoder.pkl: {PROJECTION}: expected float32 (5, 9), found float64 (5, 9)"],
    ),
    (
        _tensors("encoder.pkl", lambda state: state.update({PROJECTION: torch.full((5, 9), torch.nan)})),
        [f"encoder.pkl: {PROJECTION}: expected finite numbers, found 45 NaN or infinite of 45"],
    ),
    (
        _tensors("token_embedder.pkl", lambda state: state.pop("projection.bias")),
        ["token_embedder.pkl: projection.bias: missing, expected float32 (5)"],
    ),
    (
        _tensors("token_embedder.pkl", lambda state: state.update(more=torch.ones(1))),
        ["token_embedder.pkl: more: superfluous: a model of this architecture has no such tensor"],
    ),
    (
        _text("word.dic", lambda text: text + "new\t10\n"),
        ["word.dic: expected 10 tokens, as token_embedder.pkl has rows, found 11"],
    ),
    (
        _text("char.dic", lambda text: text + "\n\nno number\nm\t-1\n"),
        ["char.dic: expected token, tab, id: line 26 '', line 27 '', line 28 'no number', line 29 'm\\t-1'"],
    ),
    (
        _text("char.dic", lambda text: text.replace("語\t", "猫\t")),
        ["char.dic: repeated tokens: line 14 '猫' (first in line 13)"],
    ),
    (
        _text("word.dic", lambda text: text.replace("\t5\n", "\t99\n")),
        ["word.dic: expected the ids 0 to 9, each once; 5 missing; line 6 has 99"],
    ),
    (
        _text("word.dic", lambda text: text.replace("\t5\n", "\t4\n")),
        ["word.dic: expected the ids 0 to 9, each once; 5 missing"],
    ),
    (
        _text("char.dic", lambda text: text.replace("<bow>", "<BOW>").replace("<eos>", "<EOS>")),
        ["char.dic: <eos> and <bow> missing; the model cannot do without"],
    ),
    (
        lambda folder: (folder / "word.dic").write_bytes(b"\xff\t0\n"),
        ["word.dic: expected UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"],
    ),
    (
        _architecture(name="lstm"),
        ['encoder.name: expected elmo, the only kind that was published and is read here, found "lstm"'],
    ),
    (_architecture(filters=[[10, 3]]), ["token_embedder.filters: expected widths of at most max_characters_per_token"]),
    (
        _architecture(word_dim=0, char_dim=0),
        ["token_embedder: expected a char_dim or a word_dim above 0, found neither"],
    ),
    (_architecture(dim=5), ["encoder.dim: expected more than encoder.projection_dim (5), found 5"]),
    (
        _architecture(max_characters_per_token=6),
        ["token_embedder.max_characters_per_token: expected a whole number from 7 to 1000, found 6"],
    ),
    (
        _tensors("encoder.pkl", lambda state: state.update({PROJECTION: torch.ones(1).expand(50_000, 60_000)})),
        ["expected at most its own"],
    ),
]


@pytest.mark.parametrize(("spoil", "expected"), SPOILT)
def test_what_is_wrong_is_said_and_nothing_else(folder: Path, spoil: Spoil, expected: list[str]) -> None:
    spoil(folder)
    found = problems(folder)
    assert len(found) == len(expected)
    for problem, part in zip(found, expected, strict=True):
        assert part in problem


def test_what_is_left_of_a_model_is_still_told_from_other_folders(folder: Path) -> None:
    for name in ("token_embedder.pkl", "encoder.pkl"):
        (folder / name).unlink()
    assert problems(folder) == ["token_embedder.pkl: missing", "encoder.pkl: missing"]


def test_everything_that_is_wrong_is_said_at_once(folder: Path) -> None:
    for name in ("config.json", "word.dic"):
        (folder / name).unlink()
    _text("char.dic", lambda text: text + "\n")(folder)
    _tensors("encoder.pkl", lambda state: state.update({PROJECTION: torch.ones(5, 8)}))(folder)
    _tensors("token_embedder.pkl", lambda state: state.pop("projection.bias"))(folder)
    found = problems(folder)
    assert [problem.partition(":")[0] for problem in found] == [
        "config.json",
        "char.dic",
        "word.dic",
        "token_embedder.pkl",
        "encoder.pkl",
    ]
    with pytest.raises(
        ModelError, match=r"/m: 5 problems\n  config.json: missing(\n  .*){4}\nHint: the files of a model"
    ):
        read_manylangs(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop(PROJECTION), "missing, and the architecture cannot be told without it"),
        (lambda state: state.update({PROJECTION: torch.ones(9, 9)}), "expected a projection to fewer than 9 numbers"),
        (lambda state: state.update({PROJECTION: torch.ones(9)}), "expected 2 axes, none of length 0, found the shape"),
    ],
)
def test_tensors_that_tell_no_architecture_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    (folder / ARCHITECTURE_FILE).unlink()
    _tensors("encoder.pkl", change)(folder)
    (problem,) = problems(folder)
    assert message in problem


@pytest.mark.parametrize("attack", [hostile_archives.calling_state, hostile_archives.calling_pickle])
@pytest.mark.parametrize("name", ["token_embedder.pkl", "encoder.pkl"])
def test_a_pickle_that_calls_functions_is_refused_and_not_run(
    folder: Path, attack: Callable[[Path, Path], None], name: str
) -> None:
    attack(folder / name, folder / "trace")
    assert problems(folder) == [
        f"{name}: refused or damaged: it asks for posix.mkdir, which no state dict needs",
    ]
    assert not (folder / "trace").exists()


def test_two_models_in_one_archive_are_an_error(folder: Path, tmp_path: Path) -> None:
    members = {f"{place}/{file.name}": file.read_bytes() for file in folder.iterdir() for place in ("a", "b")}
    containers.write_zip(tmp_path / "m.zip", members)
    with pytest.raises(ModelError, match="expected one model, found 2\nHint: unpack it and give a model's folder"):
        open_model(tmp_path / "m.zip")


def test_a_list_beyond_all_size_is_not_read(folder: Path) -> None:
    with (folder / "word.dic").open("ab") as file:
        file.truncate(1 << 31)  # a hole: it takes no room
    assert problems(folder) == ["word.dic: expected at most 1,073,741,824 bytes, found 2,147,483,648"]


def test_other_folders_and_files_are_none_of_these(tmp_path: Path) -> None:
    containers.write_published(tmp_path / "published")
    (tmp_path / "published/encoder.pkl").touch()
    members, _ = containers.pack_members()
    containers.write_zip(tmp_path / "pack.zip", members)
    for path in (tmp_path / "published", tmp_path / "pack.zip", tmp_path / "published/options.json", tmp_path / "no"):
        assert not is_manylangs(path)
