"""The published ``options.json``: an architecture as bilm-tf writes it and every ELMo program reads it."""

from typing import Any

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.content import Source
from elmo_cli.formats.json_fields import JsonFields
from elmo_cli.formats.json_object import read_object
from elmo_cli.formats.problems import require_none

LARGEST_FILE = 1 << 20
"""Bytes; the published files have some hundred."""
MOST_LAYERS = 64
"""Bound on ``n_layers`` and ``n_highway``: bilm-tf knows at most 8 layers."""
MOST_CHARACTERS = 1000
"""Bound on ``max_characters_per_token``, which decides the size of every character table; AllenNLP knows only 50."""

_HINT = "options.json and the weights belong together: take both from the same model"


def read_options(path: Source) -> tuple[ModelConfig, dict[str, Any]]:
    """The architecture in an ``options.json``, and the file's whole content beside it.

    Absent or null stand for: ``cell_clip``, ``proj_clip`` no clip (0 too), ``use_skip_connections`` false, ``n_layers``
    1, ``n_highway`` 0, as bilm-tf's training has it; ``char_cnn`` a model of word ids, whose ``n_tokens_vocab`` must be
    there. ``n_characters`` counts the character table for training (261) or inference (262) and decides nothing.

    Raises:
        ModelError: It cannot be read, or something in it is missing or does not fit; all of it is listed.
    """
    raw = read_object(path, largest=LARGEST_FILE, hint=_HINT)
    options = _Options(raw)
    lstm = options.lstm()
    cnn = options.char_cnn() if raw.get("char_cnn") is not None else None
    if cnn is None:
        options.whole("n_tokens_vocab", why=" (there is no char_cnn, so words are ids into a table of that length)")
    elif raw.get("n_tokens_vocab") is not None:
        options.whole("n_tokens_vocab")
    if raw.get("bidirectional") is False:
        options.problems.append("bidirectional is false: an ELMo has both directions")
    if not options.problems:
        options.compare(lstm, cnn)
    require_none(path, options.problems, hint=_HINT)
    config = ModelConfig(
        char_cnn=None if cnn is None else CharCnnConfig(**cnn),
        lstm=LstmConfig(**lstm),
    )
    return config, raw


def options_dict(config: ModelConfig, vocabulary_size: int | None) -> dict[str, Any]:
    """What ``options.json`` says of an architecture: for inference in AllenNLP, bilm-tf and simple_elmo.

    Args:
        vocabulary_size: V, classes of the softmax or rows of the word table; None leaves it out.
    """
    lstm, cnn = config.lstm, config.char_cnn
    options: dict[str, Any] = {
        "bidirectional": True,
        "lstm": {
            "dim": lstm.cell_dim,
            "projection_dim": lstm.projection_dim,
            "n_layers": lstm.layers,
            "cell_clip": lstm.cell_clip,
            "proj_clip": lstm.projection_clip,
            "use_skip_connections": lstm.residual,
        },
    }
    if cnn is not None:
        options["char_cnn"] = {
            "embedding": {"dim": cnn.embedding_dim},
            "filters": [[width, count] for width, count in cnn.filters],
            "n_highway": cnn.highways,
            "n_characters": 262,  # 261 would mean training to bilm-tf, and its inference refuses it
            "max_characters_per_token": cnn.max_characters,
            "activation": cnn.activation,
        }
    if vocabulary_size is not None:
        options["n_tokens_vocab"] = vocabulary_size
    return options


class _Options(JsonFields):
    """What the options say of each part."""

    def lstm(self) -> dict[str, Any]:
        return {
            "cell_dim": self.whole("lstm.dim"),
            "projection_dim": self.whole("lstm.projection_dim"),
            "layers": self.whole("lstm.n_layers", most=MOST_LAYERS, absent=1),
            "cell_clip": self.clip("lstm.cell_clip"),
            "projection_clip": self.clip("lstm.proj_clip"),
            "residual": self.flag("lstm.use_skip_connections"),
        }

    def char_cnn(self) -> dict[str, Any]:
        if self.at("char_cnn.n_characters") not in (None, 261, 262):
            self.expected("char_cnn.n_characters", "261 or 262 (the characters are bytes)")
        return {
            "embedding_dim": self.whole("char_cnn.embedding.dim"),
            "filters": self.filters("char_cnn.filters"),
            "highways": self.whole("char_cnn.n_highway", least=0, most=MOST_LAYERS, absent=0),
            "activation": self.activation("char_cnn.activation"),
            "max_characters": self.whole("char_cnn.max_characters_per_token", least=3, most=MOST_CHARACTERS),
        }

    def compare(self, lstm: dict[str, Any], cnn: dict[str, Any] | None) -> None:
        """Checks what only makes sense between values that are each fine."""
        dim, projection_dim = lstm["cell_dim"], lstm["projection_dim"]
        if projection_dim > dim:
            self.expected("lstm.projection_dim", f"at most lstm.dim ({dim})")
        if cnn is None:
            return
        widest, total = max(width for width, _ in cnn["filters"]), sum(count for _, count in cnn["filters"])
        if widest > cnn["max_characters"]:
            at_most = f"widths of at most max_characters_per_token ({cnn['max_characters']})"
            self.expected("char_cnn.filters", at_most)
        if total < projection_dim:
            at_least = f"counts of at least lstm.projection_dim ({projection_dim}) in all"
            self.problems.append(f"char_cnn.filters: expected {at_least}, found {total}")
