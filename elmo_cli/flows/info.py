"""``elmo info``: what a file or folder is, and its figures."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.config import to_dict
from elmo_cli.errors import TextError
from elmo_cli.flows.model_results import InfoResult
from elmo_cli.flows.reports import Reports
from elmo_cli.formats.download import is_address
from elmo_cli.formats.feature_reader import is_features, read_any
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import describe_model, find_model
from elmo_cli.formats.model_source import is_other_form, open_model, unfolded
from elmo_cli.text.count_files import is_counts, read_header
from elmo_cli.text.prepared import PreparedCorpus, is_prepared, read_prepared
from elmo_cli.text.store import is_store, open_store
from elmo_cli.text.vocabulary import SPECIALS, Vocabulary
from elmo_cli.train.checkpoint import checkpoints
from elmo_cli.train.metrics import read_metrics

BLOCK = 1 << 20
CONTAINERS = (".zip", ".th", ".tar.gz")
"""Ends of the names of files that hold a whole model."""
RAW = "for a vocabulary: elmo vocab --check FILE; for a text: elmo prepare TEXT --out DIR, then elmo info DIR"
LAYERS = {
    "embedding": "word table",
    "word_embed": "word embedding",
    "char_embed": "character embedding",
    "CNN/": "convolutions",
    "CNN_proj/": "token projection",
}
"""The layers that there is one of, by how their datasets' names begin."""


def info(path: Path) -> Reports:
    """Describes a model, run, corpus, corpus store, vocabulary, file of counts or features; or a model at an address.

    Raises:
        ElmoError: There is nothing at the path, or nothing that this tool knows; or it is damaged.
    """
    place = str(unfolded(path))
    kind, figures = ("model", _model(open_model(place))) if is_address(place) else _look(path)
    yield InfoResult(path=place, kind=kind, figures=figures)


def _look(path: Path) -> tuple[str, dict[str, Any]]:
    if not path.exists():
        raise TextError(f"{path}: no such file or folder", hint="check the path")
    if path.is_dir() and not is_features(path):
        if (path / "config.json").exists() and (path / "corpus").exists():
            return "run", _run(path)
        if is_prepared(path):
            prepared = read_prepared(path)
            return "prepared corpus", {
                **prepared.counts,
                "shards": len(prepared.shards),
                **_findings(prepared),
                "text": to_dict(prepared.text),
            }
        if is_store(path):
            text = open_store(path)
            return "corpus store", {
                "sentences": text.num_sentences,
                "tokens": text.num_tokens,
                "word_types": text.num_types,
                "vocabulary": len(text.vocabulary),
            }
        folder = path if is_other_form(path) else find_model(path)
        sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir()) if file.is_file()}
        return "model", {**_model(open_model(folder)), "file_bytes": sizes}
    if path.suffix in (".hdf5", ".h5") or is_features(path):
        return "features", _features(path)
    if path.name.endswith(CONTAINERS):
        return "model", {**_model(open_model(path)), "file_bytes": {path.name: path.stat().st_size}}
    if is_counts(path):
        counted = read_header(path)
        return "count file", {"word_types": counted.types, **counted.totals, "text": to_dict(counted.text)}
    try:
        return "vocabulary", _vocabulary(path)
    except TextError as error:
        # What is no vocabulary may be a text, and then its lines need no mending.
        raise TextError(error.message, hint=RAW) from error


def _features(path: Path) -> dict[str, Any]:
    with read_any(path) as features:
        return {"sentences": len(features), "file_bytes": _sizes(path), **features.attributes}


def _sizes(path: Path) -> dict[str, int]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.stat().st_size for file in files}


def _model(files: ModelFiles) -> dict[str, Any]:
    return {**describe_model(files), "weight_norms": dict(_norms(files))}


def _norms(files: ModelFiles) -> Iterator[tuple[str, float]]:
    """The L2 norm of each layer's weights and biases, from the characters up."""
    groups: dict[str, list[np.ndarray]] = {}
    for name, array in files.weights.items():
        groups.setdefault(_layer(name), []).append(array)
    if files.softmax is not None:
        groups["softmax"] = list(files.softmax)
    for layer, arrays in groups.items():
        yield layer, math.sqrt(sum(_square(array) for array in arrays))


def _layer(name: str) -> str:
    """The layer that a dataset belongs to, in words: ``CNN_high_0/W_carry`` is of ``highway 1``."""
    for prefix, layer in LAYERS.items():
        if name.startswith(prefix):
            return layer
    if name.startswith("CNN_high_"):
        return f"highway {int(name.split('/')[0].removeprefix('CNN_high_')) + 1}"
    direction, _, _, cell, *_ = name.split("/")
    way = "forward" if direction == "RNN_0" else "backward"
    return f"{way} LSTM layer {int(cell.removeprefix('Cell')) + 1}"


def _square(array: np.ndarray) -> float:
    # In double precision and piece by piece: no second array the size of a softmax.
    flat = array.reshape(-1)
    pieces = (flat[begin : begin + BLOCK].astype(np.float64) for begin in range(0, flat.size, BLOCK))
    return float(sum(piece @ piece for piece in pieces))


def _findings(prepared: PreparedCorpus) -> dict[str, Any]:
    """What was met when a corpus was prepared; nothing for one that does not record it."""
    findings = prepared.findings
    figures: dict[str, Any] = {
        "source_files": len(prepared.sources),
        "source_bytes": sum(int(source["size"]) for source in prepared.sources),
    }
    figures |= {"documents": findings["documents"]} if "documents" in findings else {}
    if findings.get("dropped"):
        figures["dropped"] = {rule: dropped["sentences"] for rule, dropped in findings["dropped"].items()}
    figures |= {name: findings[name] for name in ("overlap", "oddities", "scripts") if findings.get(name)}
    return figures


def _run(run_dir: Path) -> dict[str, Any]:
    record = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))
    figures: dict[str, Any] = {"preset": record["preset"], "device": record["device"]}
    metrics_path = run_dir / "metrics.jsonl"
    if metrics_path.exists():
        records = read_metrics(metrics_path)
        figures["steps"] = max((entry["step"] for entry in records), default=0)
        measured = [entry for entry in records if "held_out_perplexity" in entry]
        if measured:
            best = min(measured, key=lambda entry: entry["held_out_perplexity"])
            figures["held_out_perplexity"] = best["held_out_perplexity"]
            figures["held_out_step"] = best["step"]
    found = checkpoints(run_dir)
    figures["newest_checkpoint"] = str(found[0]) if found else None
    if "origin" in record:
        figures["origin"] = record["origin"]
    return {**figures, "config": record["config"]}


def _vocabulary(path: Path) -> dict[str, Any]:
    vocabulary = Vocabulary.read(path, require_specials=False)
    figures: dict[str, Any] = {
        "words": len(vocabulary),
        "specials": [word for word in SPECIALS if word in vocabulary.ids],
        "counts": vocabulary.counts_V is not None,
    }
    if vocabulary.counts_V is not None:
        ordinary = np.delete(vocabulary.counts_V, [vocabulary.ids[word] for word in SPECIALS if word in vocabulary.ids])
        figures["least_count"] = int(ordinary.min()) if len(ordinary) else None
        figures["order"] = vocabulary.out_of_order() or "by falling count"
    return figures
