"""The card of a model, ``README.md`` with YAML in front, as hubs show it. What is not known is said to be unknown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.weights import count_parameters

UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class CardFields:
    """What only a person can say of a model."""

    language: str | None = None
    """ISO 639 code."""
    license: str | None = None
    """As hubs abbreviate it: ``apache-2.0``, ``cc-by-4.0``."""
    corpus: str | None = None
    """The training text, in words."""


def model_card(name: str, files: ModelFiles, container: str, fields: CardFields) -> str:
    """The text of the card.

    Args:
        name: What the export is called; commands load it by this name.
        files: The model as it is exported; figures come from its ``info``.
        container: ``hdf5``, ``nlpl`` or ``safetensors``, which decides how it is loaded.
        fields: What the person exporting it says.
    """
    info, lstm = files.info, files.config.lstm
    rows = {
        "Language": fields.language or UNKNOWN,
        "License": fields.license or UNKNOWN,
        "Corpus": fields.corpus or UNKNOWN,
        "Tokens": _number(info, "training", "words"),
        "Sentences": _number(info, "training", "sentences"),
        "Training steps": _number(info, "training", "steps"),
        "Epochs": _number(info, "training", "epochs"),
        **({"Continues": _origin(info["origin"])} if isinstance(info.get("origin"), dict) else {}),
        "Tokenisation": _text(info, "text", "tokenizer"),
        "Written by": _text(info, "tool"),
        "Input": "characters" if files.config.char_cnn is not None else "word ids",
        "LSTM layers per direction": str(lstm.layers),
        "Vectors": f"{files.config.vector_layers} layers, {files.config.vector_dim} wide",
        "Parameters without softmax": f"{count_parameters(files.config, files.vocabulary_size):,}",
        "Softmax": "not included" if files.softmax is None else f"{len(files.softmax[1]):,} words",
    }
    perplexities = {
        "Both directions": _number(info, "held_out", "perplexity"),
        "Forward": _number(info, "held_out", "forward"),
        "Backward": _number(info, "held_out", "backward"),
        "Targets per direction": _number(info, "held_out", "targets_per_direction"),
        "Definition": _text(info, "held_out", "definition"),
        "Context": _text(info, "held_out", "context"),
    }
    return "\n".join(
        [
            *_front_matter(fields),
            "",
            f"# {_line(name)}",
            "",
            "An ELMo: contextual word vectors from a bidirectional language model (Peters et al., 2018).",
            "",
            *_table("Model", rows),
            "",
            "## Held-out perplexity",
            "",
            *_table("Perplexity", perplexities),
            "",
            "## How to load it",
            "",
            *_loading(_line(name), container, allennlp_trouble(files)),
            "",
        ]
    )


def allennlp_trouble(files: ModelFiles) -> list[str]:
    """Why AllenNLP's loader would refuse or misread this architecture (reference/allennlp.md, 2)."""
    lstm, cnn = files.config.lstm, files.config.char_cnn
    if cnn is None:
        return ["it has word ids for input, and AllenNLP knows characters only"]
    trouble = []
    if not lstm.residual:
        trouble.append("it has no residual connections")
    if not lstm.projected:
        trouble.append("its LSTM has no projection")
    if cnn.total_filters == lstm.projection_dim:
        trouble.append("its character CNN has no projection")
    if cnn.max_characters != 50:
        trouble.append(f"it reads {cnn.max_characters} characters of a word, and AllenNLP always gives 50")
    return trouble


def _front_matter(fields: CardFields) -> list[str]:
    # JSON strings are YAML, and Norwegian's code without quotes would be YAML's false.
    language = [f"language: {json.dumps(fields.language)}"] if fields.language else ["# language: unknown"]
    return [
        "---",
        *language,
        f"license: {json.dumps(fields.license or UNKNOWN)}",
        "library_name: elmo-cli",
        "tags:",
        "- elmo",
        "- contextual-embeddings",
        "- feature-extraction",
        "---",
    ]


def _loading(name: str, container: str, trouble: list[str]) -> list[str]:
    lines = [
        "```",
        f"elmo embed {_quoted(name)} sentences.txt --out vectors.hdf5",
        "```",
        "",
        "```python",
        "from elmo_cli import load_model",
        "",
        f"model = load_model({json.dumps(name)})",
        "```",
    ]
    if container == "safetensors":
        return [
            *lines,
            "",
            "Without this toolkit, `model.safetensors` gives tensors by their published names:",
            "",
            "```python",
            "from safetensors.numpy import load_file",
            "",
            'tensors = load_file("model.safetensors")',
            "```",
        ]
    weights = "weights.hdf5" if container == "hdf5" else "model.hdf5"
    lines += ["", f"bilm-tf, simple_elmo and AllenNLP take `options.json` and `{weights}`."]
    if trouble:
        lines[-1] = (
            f"bilm-tf and simple_elmo take `options.json` and `{weights}`. AllenNLP cannot: {'; '.join(trouble)}."
        )
    return lines


def _table(head: str, rows: Mapping[str, str]) -> list[str]:
    cells = [f"| {name} | {_line(value).replace('|', chr(92) + '|')} |" for name, value in rows.items()]
    return [f"| {head} | |", "|---|---|", *cells]


def _at(info: Any, *keys: str) -> Any:
    for key in keys:
        info = info.get(key) if isinstance(info, dict) else None
    return info


def _number(info: Any, *keys: str) -> str:
    value = _at(info, *keys)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _text(info: Any, *keys: str) -> str:
    value = _at(info, *keys)
    return value if isinstance(value, str) and value.strip() else UNKNOWN


def _origin(origin: Any) -> str:
    """The model that this one continues, and the one that that one continued."""
    steps, earlier = _number(origin, "steps"), _at(origin, "origin")
    trained = f", {steps} steps on {_number(origin, 'words')} tokens" if steps != UNKNOWN else ""
    before = f", which continues {_origin(earlier)}" if isinstance(earlier, dict) else ""
    return f"{_text(origin, 'path')} (SHA-256 of its weights {_text(origin, 'sha256')}{trained}){before}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _quoted(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").replace(".", "").isalnum() else f"'{name}'"
