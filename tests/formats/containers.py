"""Writes small random models in every container that others use, from published datasets."""

import gzip
import io
import json
import ssl
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import h5py
import numpy as np
import torch

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.options import options_dict
from elmo_cli.formats.safetensors_file import write_safetensors_model
from elmo_cli.formats.weights import write_weights
from tests import numpy_elmo as reference
from tests import numpy_manylangs as manylangs

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=2),
    lstm=LstmConfig(cell_dim=9, projection_dim=5),
)
WORDS = ["<S>", "</S>", "<UNK>", "the", "zwölf", "."]
V = len(WORDS)


def with_lstm(**changes: object) -> ModelConfig:
    return replace(CONFIG, lstm=replace(CONFIG.lstm, **changes))


def with_cnn(**changes: object) -> ModelConfig:
    assert CONFIG.char_cnn is not None
    return replace(CONFIG, char_cnn=replace(CONFIG.char_cnn, **changes))


VARIANTS = {
    "residual": CONFIG,
    "no residual": with_lstm(residual=False, layers=3),
    "one highway": with_cnn(highways=1),
    "no highways": with_cnn(highways=0),
    "no LSTM projection": with_lstm(cell_dim=5),
    "no CNN projection": with_lstm(cell_dim=14, projection_dim=12),
    "one layer": with_lstm(layers=1),
    "tanh": with_cnn(activation="tanh"),
    "no clips": with_lstm(cell_clip=None, projection_clip=None),
    "tight clips": with_lstm(cell_clip=0.9, projection_clip=0.7),
    "short words": with_cnn(max_characters=12),
    "word ids": replace(CONFIG, char_cnn=None),
}


def random_softmax(config: ModelConfig = CONFIG, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    D = config.lstm.projection_dim
    return rng.normal(size=(V, D)).astype(np.float32), rng.normal(size=V).astype(np.float32)


def write_options(path: Path, config: ModelConfig, vocabulary_size: int | None = None) -> None:
    path.write_text(json.dumps(options_dict(config, vocabulary_size)))


def write_published(
    folder: Path, config: ModelConfig = CONFIG, *, stem: str = "", seed: int = 1
) -> dict[str, np.ndarray]:
    """A published pair, ``STEMoptions.json`` and ``STEMweights.hdf5``; a model of word ids gets its vocabulary."""
    weights = reference.random_model(config, seed, V)
    folder.mkdir(parents=True, exist_ok=True)
    write_options(folder / f"{stem}options.json", config, V if config.char_cnn is None else None)
    write_weights(folder / f"{stem}weights.hdf5", weights)
    if config.char_cnn is None:
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return weights


def hdf5_bytes(datasets: Mapping[str, np.ndarray]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for name, array in datasets.items():
            file.create_dataset(name, data=array)
    return memory.getvalue()


def pack_members(
    config: ModelConfig = CONFIG, *, packed_words: bool = False
) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
    """The members of an NLPL pack, and the weights in them."""
    weights = reference.random_model(config, seed=1)
    words = ("\n".join(WORDS) + "\n").encode()
    vocabulary = {"vocab.txt.gz": gzip.compress(words)} if packed_words else {"vocab.txt": words}
    members = {
        "options.json": json.dumps(options_dict(config, None)).encode(),
        "model.hdf5": hdf5_bytes(weights),
        "meta.json": b"{}",
        **vocabulary,
    }
    return members, weights


def write_zip(path: Path, members: Mapping[str, bytes], *, folder: str = "") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(folder + name, data)


def allennlp_state(
    weights: Mapping[str, np.ndarray], config: ModelConfig, *, prefix: str = "", mixes: int = 1
) -> dict[str, torch.Tensor]:
    """An ``Elmo`` module's state dict, written from the table in reference/allennlp.md, 2.2."""
    assert config.char_cnn is not None
    state: dict[str, np.ndarray] = {}
    tokens, stack = "_elmo_lstm._token_embedder", "_elmo_lstm._elmo_lstm"
    table = weights["char_embed"]
    state[f"{tokens}._char_embedding_weights"] = np.concatenate([np.zeros_like(table[:1]), table])
    for i in range(len(config.char_cnn.filters)):
        state[f"{tokens}.char_conv_{i}.weight"] = np.transpose(weights[f"CNN/W_cnn_{i}"][0], (2, 1, 0))
        state[f"{tokens}.char_conv_{i}.bias"] = weights[f"CNN/b_cnn_{i}"]
    for k in range(config.char_cnn.highways):
        high = {part: weights[f"CNN_high_{k}/{part}"] for part in ("W_transform", "W_carry", "b_transform", "b_carry")}
        state[f"{tokens}._highways._layers.{k}.weight"] = np.vstack([high["W_transform"].T, -high["W_carry"].T])
        state[f"{tokens}._highways._layers.{k}.bias"] = np.concatenate([high["b_transform"], -high["b_carry"]])
    state[f"{tokens}._projection.weight"] = weights["CNN_proj/W_proj"].T
    state[f"{tokens}._projection.bias"] = weights["CNN_proj/b_proj"]
    H, D = config.lstm.cell_dim, config.lstm.projection_dim
    order = np.concatenate([np.arange(H) + H * block for block in (0, 2, 1, 3)])
    for number, direction in enumerate(("forward", "backward")):
        for layer in range(config.lstm.layers):
            ours = f"RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
            theirs = f"{stack}.{direction}_layer_{layer}"
            kernel, bias = weights[f"{ours}/W_0"].T[order], weights[f"{ours}/B"].copy()
            bias[2 * H : 3 * H] += 1
            state[f"{theirs}.input_linearity.weight"] = kernel[:, :D]
            state[f"{theirs}.state_linearity.weight"] = kernel[:, D:]
            state[f"{theirs}.state_linearity.bias"] = bias[order]
            state[f"{theirs}.state_projection.weight"] = weights[f"{ours}/W_P_0"].T
    for k in range(mixes):
        state[f"scalar_mix_{k}.gamma"] = np.array([1.5 + k])
        for j in range(config.lstm.layers + 1):
            state[f"scalar_mix_{k}.scalar_parameters.{j}"] = np.array([0.25 * j - k])
    return {prefix + name: torch.from_numpy(np.array(array, np.float32)) for name, array in state.items()}


MANYLANGS: dict[str, Any] = {
    "encoder": {"name": "elmo", "projection_dim": 5, "cell_clip": 3, "proj_clip": 3, "dim": 9, "n_layers": 2},
    "token_embedder": {
        "name": "cnn",
        "activation": "relu",
        "filters": [[1, 3], [2, 4], [3, 5]],
        "n_highway": 2,
        "word_dim": 6,
        "char_dim": 4,
        "max_characters_per_token": 9,
    },
    "classifier": {"name": "sampled_softmax", "n_samples": 8192},
    "dropout": 0.1,
}
"""The architecture of a small model of ELMoForManyLangs, as its own configuration says it."""
MANYLANGS_CHARACTERS = [*"<bos>ethwölf語猫ñяक", "<bos>", "<eos>", "<oov>", "<pad>", "<bow>", "<eow>", "\u3000", "👍"]
MANYLANGS_WORDS = ["<oov>", "<bos>", "<eos>", "<pad>", "the", "zwölf", "猫", "longest", "яя", "<S>"]
ARCHITECTURE_FILE = "cnn_50_100_512_4096_sample.json"


def manylangs_config(**changes: Any) -> dict[str, Any]:
    """The small architecture with other values: ``dim=7`` changes whichever part has a ``dim``."""
    parts = {part: {**MANYLANGS[part]} for part in ("encoder", "token_embedder")}
    for name, value in changes.items():
        part = "encoder" if name in parts["encoder"] else "token_embedder"
        parts[part][name] = value
    return {**MANYLANGS, **parts}


def write_manylangs(folder: Path, config: dict[str, Any] = MANYLANGS, *, old_pickles: bool = False) -> manylangs.Model:
    """A folder as ELMoForManyLangs writes it, the architecture's file beside the others."""
    model = manylangs.random_model(config, MANYLANGS_CHARACTERS, MANYLANGS_WORDS)
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("token_embedder.pkl", model.tokens), ("encoder.pkl", model.stack)):
        tensors = OrderedDict((key, torch.from_numpy(array)) for key, array in arrays.items())
        torch.save(tensors, folder / name, _use_new_zipfile_serialization=not old_pickles)
    for name, ids in (("char.dic", model.characters), ("word.dic", model.words)):
        (folder / name).write_text("".join(f"{token}\t{number}\n" for token, number in ids.items()), encoding="utf-8")
    trained = {"seed": 1, "config_path": f"/users/somebody/configs/{ARCHITECTURE_FILE}", "max_sent_len": 20}
    (folder / "config.json").write_text(json.dumps(trained))
    (folder / ARCHITECTURE_FILE).write_text(json.dumps(config))
    return model


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def torch_bytes(state: object) -> bytes:
    memory = io.BytesIO()
    torch.save(state, memory)
    return memory.getvalue()


class Server:
    """A web server on the loopback: what it answers to a path is in ``files``, and ``asked`` counts the requests."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        self.address = ""


def write_form(folder: Path, form: str) -> Path:
    """A sound model of :data:`CONFIG` in one of :data:`FORMS`."""
    weights = reference.random_model(CONFIG, seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / form
    if form == "folder":
        write_published(path)
    elif form == "model.safetensors":
        path = folder / "hub"
        write_safetensors_model(path, ModelFiles(config=CONFIG, weights=weights))
    elif form == "model.zip":
        write_zip(path, pack_members()[0])
    else:
        state = torch_bytes(allennlp_state(weights, CONFIG, prefix="_elmo."))
        if form == "best.th":
            path.write_bytes(state)
        else:
            write_tar(path, {"config.json": b"{}", "weights.th": state})
    return path


FORMS = ("folder", "model.safetensors", "model.zip", "best.th", "model.tar.gz")

TLS = Path(__file__).parent / "tls"
"""A certificate for the loopback, which no machine trusts, and its key."""


@contextmanager
def serving(*, tls: bool = False) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            server.asked.append(path)
            if path in server.redirects:
                self.send_response(302)
                self.send_header("Location", server.redirects[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path in server.files:
                data = server.files[path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with suppress(ConnectionError):  # a client that has seen enough
                    self.wfile.write(data[: len(data) // 2] if path in server.cut else data)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.address = f"http{'s' if tls else ''}://127.0.0.1:{http.server_port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
            http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
