"""Models in zip archives; what tests of ``zip_members`` could say, they say of a whole model."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elmo_cli.errors import ModelError
from elmo_cli.formats.model_folder import describe_model, read_model_folder, write_model_folder
from elmo_cli.formats.model_pack import read_model_pack
from elmo_cli.formats.zip_members import wrong_name
from tests.formats import containers, hostile_archives
from tests.formats.test_hdf5 import ATTACKS as HDF5_ATTACKS

ATTACKS = [
    (hostile_archives.zip_bomb, r"model\.hdf5: [\d,]+ bytes unpack to 8,388,608, more than the 1,048,576 that are all"),
    (hostile_archives.packed_words_bomb, r"vocab\.txt\.gz: [\d,]+ bytes unpack to more than the 1,048,576 that are al"),
    (hostile_archives.large_options, r"options\.json: [\d,]+ bytes unpack to 2,097,152, more than the 1,048,576"),
    (hostile_archives.leads_up, r"'\.\./\.\./\.bashrc': a name that leads out of the folder"),
    (hostile_archives.absolute, "'/etc/passwd': a name that leads out of the folder"),
    (hostile_archives.backslashes, "evil.exe': a name with a backslash or a zero byte"),
    (hostile_archives.named_twice, "'options.json': there are two members of that name, and readers would disagree"),
    (hostile_archives.symbolic_link, r"model\.hdf5: a symbolic link, expected a file"),
    (hostile_archives.encrypted, r"options\.json: encrypted; unpack the archive with its password and give the folder"),
    (hostile_archives.unusual_method, r"options\.json: expected a stored or deflated member, found method 14"),
    (hostile_archives.understated, "not a zip archive, or damaged: Bad CRC-32 for file 'options.json'"),
    (hostile_archives.overstated, r"vocab\.txt: expected the 1,000 bytes that the archive declares, found \d+$"),
    (hostile_archives.damaged_zip, "not a zip archive, or damaged: Bad CRC-32 for file 'model.hdf5'\nHint: fetch it"),
]
Attack = Callable[[Path, hostile_archives.Members], None]


@pytest.mark.parametrize(("attack", "message"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_hostile_archive_is_refused_with_the_reason(tmp_path: Path, attack: Attack, message: str) -> None:
    path = tmp_path / "model.zip"
    attack(path, containers.pack_members()[0])
    with pytest.raises(ModelError, match=message) as refusal:
        read_model_pack(path)
    assert refusal.value.message.startswith(str(path))


@pytest.mark.parametrize(("attack", "message"), HDF5_ATTACKS, ids=[attack.__name__ for attack, _ in HDF5_ATTACKS])
def test_hostile_weights_are_refused_in_an_archive_too(
    tmp_path: Path, attack: Callable[[Path, Path], None], message: str
) -> None:
    secret = tmp_path / "secret.hdf5"
    secret.write_bytes(containers.hdf5_bytes({"values": np.full((12, 5), 42, np.float32)}))
    members, _ = containers.pack_members()
    weights_path = tmp_path / "weights.hdf5"
    weights_path.write_bytes(members["model.hdf5"])
    attack(weights_path, secret)
    containers.write_zip(tmp_path / "model.zip", {**members, "model.hdf5": weights_path.read_bytes()})
    # The models of the two tests differ in one size.
    with pytest.raises(ModelError, match=message.replace(r"\(10, 5\)", r"\(12, 5\)").replace("200", "240")) as refusal:
        read_model_pack(tmp_path / "model.zip")
    assert refusal.value.message.startswith(f"{tmp_path}/model.zip/model.hdf5: ")


def test_the_datasets_are_the_ones_written(tmp_path: Path) -> None:
    members, weights = containers.pack_members()
    containers.write_zip(tmp_path / "model.zip", members)
    files = read_model_pack(tmp_path / "model.zip")
    assert files.config == containers.CONFIG
    assert files.weights.keys() == weights.keys()
    assert all(files.weights[name].tobytes() == weights[name].tobytes() for name in weights)
    assert files.vocabulary_path is None
    assert files.vocabulary_content is not None
    assert describe_model(files)["vocabulary"] == f"{tmp_path}/model.zip/vocab.txt"


def test_a_zipped_folder_of_ours_keeps_all_its_parts(tmp_path: Path) -> None:
    members, _ = containers.pack_members()
    rng = np.random.default_rng(3)
    W_VD, b_V = containers.random_softmax()
    state = {"c": rng.normal(size=(2, 2, 9)), "m": rng.normal(size=(2, 2, 5))}
    state = {name: array.astype(np.float32) for name, array in state.items()}
    members["softmax.hdf5"] = containers.hdf5_bytes({"softmax/W": W_VD, "softmax/b": b_V})
    members["start_state.hdf5"] = containers.hdf5_bytes(state)
    members["model.json"] = b'{"note": "from a zip"}'
    containers.write_zip(tmp_path / "model.zip", members)
    packed = read_model_pack(tmp_path / "model.zip")
    write_model_folder(tmp_path / "model", packed)
    for files in (packed, read_model_folder(tmp_path / "model")):
        assert files.softmax is not None and files.start_state is not None
        assert [array.tobytes() for array in files.softmax] == [W_VD.tobytes(), b_V.tobytes()]
        assert [array.tobytes() for array in files.start_state] == [state["c"].tobytes(), state["m"].tobytes()]
        assert files.info == {"note": "from a zip"}
    assert (tmp_path / "model" / "vocab.txt").read_bytes() == members["vocab.txt"]


def test_an_archive_without_a_model_says_what_is_there(tmp_path: Path) -> None:
    path, (members, _) = tmp_path / "model.zip", containers.pack_members()
    containers.write_zip(path, {"README.md": b"", "deep/er/options.json": b"{}"})
    with pytest.raises(
        ModelError, match=r"expected one options\.json, at the top or in a folder, found README\.md, dee"
    ):
        read_model_pack(path)
    containers.write_zip(path, {})
    with pytest.raises(ModelError, match=r"expected one options\.json, at the top or in a folder, found nothing"):
        read_model_pack(path)
    containers.write_zip(path, {**members, "other/options.json": b"{}"})
    with pytest.raises(
        ModelError, match=r"found options\.json, other/options\.json\nHint: unpack the archive and give"
    ):
        read_model_pack(path)
    containers.write_zip(path, {name: data for name, data in members.items() if name != "model.hdf5"}, folder="a/")
    with pytest.raises(ModelError, match=r"expected a/model\.hdf5, found a/meta\.json, a/options\.json, a/vocab\.txt"):
        read_model_pack(path)


def test_two_softmaxes_are_one_too_many(tmp_path: Path) -> None:
    members, weights = containers.pack_members()
    W_VD, b_V = containers.random_softmax()
    softmax = {"softmax/W": W_VD, "softmax/b": b_V}
    members |= {"model.hdf5": containers.hdf5_bytes({**weights, **softmax})}
    members |= {"softmax.hdf5": containers.hdf5_bytes(softmax)}
    containers.write_zip(tmp_path / "m.zip", members)
    message = r"m\.zip/model\.hdf5: has a softmax, and so has .*/m\.zip/softmax\.hdf5\nHint: take .*softmax\.hdf5 away"
    with pytest.raises(ModelError, match=message):
        read_model_pack(tmp_path / "m.zip")


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a zip archive, or damaged: .*No such file"):
        read_model_pack(tmp_path / "nowhere.zip")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="not a zip archive, or damaged: File is not a zip file"):
        read_model_pack(tmp_path / "cut.zip")


@pytest.mark.parametrize("name", ["a/b.txt", "..a/b..", "meta.json"])
def test_plain_names_are_trusted(name: str) -> None:
    assert wrong_name(name) == ""


@pytest.mark.parametrize("name", ["a/../b", "/a", "C:/a", "a\\b", "a\0b", ".."])
def test_names_that_trick_are_not(name: str) -> None:
    assert re.match("a name (that leads out of the folder|with a backslash)", wrong_name(name))
