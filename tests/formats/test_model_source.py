"""Which container a path or an address leads to."""

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_cli.errors import ModelError
from elmo_cli.formats.model_source import open_model
from tests import numpy_elmo as reference
from tests.formats import containers


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_folders_files_and_addresses_are_one_model(tmp_path: Path) -> None:
    members, weights = containers.pack_members()
    assert containers.write_published(tmp_path / "model").keys() == weights.keys()
    containers.write_zip(tmp_path / "159.zip", members)
    with containers.serving() as server:
        server.files = {"/20/159.zip": (tmp_path / "159.zip").read_bytes()}
        address = f"{server.address}/20/159.zip"
        sources = [tmp_path / "model", str(tmp_path / "model"), tmp_path / "159.zip", address, Path(address)]
        for source in sources:
            files = open_model(source)
            assert files.config == containers.CONFIG
            assert all(files.weights[name].tobytes() == weights[name].tobytes() for name in weights)
        assert server.asked == ["/20/159.zip"]


def test_a_pair_is_two_paths_or_addresses(tmp_path: Path) -> None:
    weights = containers.write_published(tmp_path / "a", stem="x_")
    options, values = tmp_path / "a" / "x_options.json", tmp_path / "a" / "x_weights.hdf5"
    with containers.serving() as server:
        server.files = {"/o/x_options.json": options.read_bytes(), "/w": values.read_bytes()}
        for pair in (
            (options, values),
            (options, f"{server.address}/w"),
            (f"{server.address}/o/x_options.json", values),
        ):
            assert open_model(*pair).weights.keys() == weights.keys()
        with pytest.raises(ModelError, match=r"/o/x_weights.hdf5: the server says 404 Not Found"):
            open_model(f"{server.address}/o/x_options.json")
        message = "the address of the weights cannot be told from this one\nHint: give both addresses"
        with pytest.raises(ModelError, match=message):
            open_model(f"{server.address}/o/x_options.json?download=1")


def test_options_are_small_wherever_they_come_from(tmp_path: Path) -> None:
    with containers.serving() as server:
        server.files = {"/options.json": bytes(2 << 20)}
        with pytest.raises(ModelError, match=r"options.json: expected at most 1,048,576 bytes, found 2,097,152"):
            open_model(f"{server.address}/options.json")


def test_a_checkpoint_takes_options_beside_it_or_given(tmp_path: Path) -> None:
    weights = reference.random_model(containers.CONFIG, seed=1)
    config = replace(containers.CONFIG, lstm=replace(containers.CONFIG.lstm, cell_clip=None))
    torch.save(containers.allennlp_state(weights, config), tmp_path / "best.th")
    assert open_model(tmp_path / "best.th").config == containers.CONFIG
    containers.write_options(tmp_path / "mine.json", config)
    assert open_model(tmp_path / "mine.json", tmp_path / "best.th").config == config
    (tmp_path / "mine.json").rename(tmp_path / "options.json")
    assert open_model(tmp_path / "best.th").config == config


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such model folder\nHint: elmo pretrain"):
        open_model(tmp_path / "nowhere")
    containers.write_published(tmp_path / "model")
    with pytest.raises(
        ModelError, match=r"weights\.hdf5: expected a model folder, found a file\nHint: give the folder"
    ):
        open_model(tmp_path / "model" / "weights.hdf5")
    (tmp_path / "empty").touch()
    with pytest.raises(ModelError, match="expected a model folder, found a file"):
        open_model(tmp_path / "empty")
    with pytest.raises(ModelError, match=r"ftp://a/b: expected a path or an https:// address"):
        open_model("ftp://a/b")
    with pytest.raises(ModelError, match=r"expected an https:// address; http:// is for servers on this machine"):
        open_model("http://example.org/model.zip")
    with pytest.raises(ModelError, match=r"expected an https:// address; http:// is for servers on this machine"):
        open_model(Path("http://example.org/model.zip"))


def test_an_archive_of_something_else_is_named(tmp_path: Path) -> None:
    containers.write_zip(tmp_path / "a.zip", {"README": b""})
    with pytest.raises(ModelError, match=r"expected one options\.json, at the top or in a folder, found README"):
        open_model(tmp_path / "a.zip")
    containers.write_tar(tmp_path / "a.tar.gz", {"README": b""})
    with pytest.raises(ModelError, match=r"expected a member weights\.th, found none"):
        open_model(tmp_path / "a.tar.gz")
    torch.save({"a": torch.ones(1)}, tmp_path / "a.th")
    with pytest.raises(ModelError, match=r"expected a tensor \.\.\._elmo_lstm\._token_embedder.*, found a\n"):
        open_model(tmp_path / "a.th")


def test_no_torch_is_needed_for_published_files(tmp_path: Path) -> None:
    containers.write_published(tmp_path / "model")
    script = f"""
import sys
from elmo_cli.formats.model_source import open_model
open_model({str(tmp_path / "model")!r})
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("form", ["packed zip", "stored zip", "state dict", "old state dict", "tar"])
def test_a_damaged_file_is_refused_or_read_and_nothing_else(tmp_path: Path, form: str) -> None:
    path, spoilt = tmp_path / "model", tmp_path / "spoilt"
    members, weights = containers.pack_members(packed_words=True)
    state = containers.allennlp_state(weights, containers.CONFIG)
    if form == "packed zip":
        containers.write_zip(path, members)
    elif form == "stored zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    elif form == "tar":
        containers.write_tar(path, {"weights.th": containers.torch_bytes(state)})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "state dict")
    sound, rng, refused = path.read_bytes(), np.random.default_rng(1), 0
    for number in range(60):
        data = bytearray(sound[: rng.integers(len(sound))] if number % 3 == 0 else sound)
        edge = min(2000, len(data) // 2)  # where names, sizes and directories stand
        for place in (*rng.integers(edge, size=2), *(len(data) - 1 - rng.integers(edge, size=2))) if edge else ():
            data[place] ^= 1 << rng.integers(8)
        spoilt.write_bytes(bytes(data))
        try:
            open_model(spoilt)
        except ModelError:
            refused += 1
    assert refused > 20


def test_an_archive_in_several_parts_is_refused(tmp_path: Path) -> None:
    locator = b"PK\x06\x07" + (1).to_bytes(4, "little") + bytes(8) + (2).to_bytes(4, "little")
    (tmp_path / "model.zip").write_bytes(b"PK\x03\x04" + locator + b"PK\x05\x06" + bytes(18))
    with pytest.raises(
        ModelError, match="not a zip archive, or damaged: zipfiles that span multiple disks are not sup"
    ):
        open_model(tmp_path / "model.zip")
