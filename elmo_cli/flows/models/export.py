"""``elmo export``: a model in the containers that other programs read, and its context-free word vectors."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, ModelError, OutputError
from elmo_cli.files import whole_folder, write_text
from elmo_cli.flows.model_results import ExportResult
from elmo_cli.flows.models.loaded import LoadedModel, load_model
from elmo_cli.flows.models.token_vectors import TYPES_AT_ONCE, TokenVectors
from elmo_cli.flows.reports import Notice, Progress, Reports
from elmo_cli.formats.model_card import CardFields, allennlp_trouble, model_card
from elmo_cli.formats.model_files import ModelFiles
from elmo_cli.formats.model_folder import write_model_folder
from elmo_cli.formats.model_source import open_model
from elmo_cli.formats.pack_file import write_model_pack
from elmo_cli.formats.safetensors_file import is_safetensors_model, write_safetensors_model
from elmo_cli.formats.weights import count_parameters
from elmo_cli.formats.word_vectors import check_words, write_word_vectors
from elmo_cli.text.readers import read_lines

CONTAINERS = ("hdf5", "nlpl", "safetensors", "word2vec")


def export(
    model_dir: Path,
    out: Path,
    *,
    to: str,
    vectors: Path | None = None,
    softmax: bool = True,
    card: bool = True,
    language: str | None = None,
    license_name: str | None = None,
    corpus: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> Reports:
    """Writes a model in another container, or the vectors that it gives words without a sentence around them.

    Args:
        model_dir: Any model that can be read, an export to safetensors too.
        out: The folder (``hdf5``, ``safetensors``) or file (``nlpl``, ``word2vec``) to write.
        to: ``hdf5``, ``nlpl``, ``safetensors`` or ``word2vec``.
        vectors: The words, one a line, for ``word2vec``; None takes the model's own vocabulary.
        softmax: Whether the softmax goes along, where the model has one.
        card: Whether a ``README.md`` goes along.
        language: ISO 639 code for the card; None says that it is unknown.
        license_name: As hubs abbreviate it, for the card.
        corpus: What the model was trained on, in words, for the card.
        device: Where the vectors are computed.
        threads: CPU threads for them; None takes every core this process may use.
        overwrite: Whether what is already at ``out`` may be replaced.

    Returns:
        Reports, the last of them an :class:`~elmo_cli.flows.model_results.ExportResult`.

    Raises:
        ElmoError: Model, words, settings or place are not usable; nothing appears.
    """
    if to not in CONTAINERS:
        raise ConfigError(f"--to {to}: expected {', '.join(CONTAINERS)}")
    if vectors is not None and to != "word2vec":
        raise ConfigError(f"--vectors {vectors} with --to {to}: a word list is for --to word2vec")
    if out.exists() and not overwrite:
        raise OutputError(f"{out}: there is something already", hint="choose another --out, or replace it: --overwrite")
    if out.is_dir() and not _may_be_replaced(out):
        raise OutputError(
            f"{out}: a folder that is no exported model; all in it would be deleted", hint="choose another --out"
        )
    began = time.perf_counter()
    if to == "word2vec":
        use_threads(threads)
        yield from _export_vectors(load_model(model_dir, pick_device(device)), vectors, out, began)
        return
    files = open_model(model_dir)
    if files.config.own_lists is not None:
        raise ModelError(
            f"{model_dir}: a model of ELMoForManyLangs, and --to {to} has no place for its lists and word vectors",
            hint="its vectors can be written: --to word2vec --vectors words.txt, or elmo embed",
        )
    if not softmax:
        files = replace(files, softmax=None)
    if to != "safetensors" and (trouble := allennlp_trouble(files)):
        yield Notice(text=f"AllenNLP cannot read this model: {'; '.join(trouble)}", warning=True)
    fields = CardFields(language=language, license=license_name, corpus=corpus)
    text = model_card(out.name, files, to, fields) if card else None
    _write(files, out, to, text)
    written = sorted(out.rglob("*")) if out.is_dir() else [out]
    yield ExportResult(
        path=str(out),
        container=to,
        files=[file.name for file in written],
        bytes=sum(file.stat().st_size for file in written),
        parameters=count_parameters(files.config, files.vocabulary_size),
        softmax=files.softmax is not None,
        words=None,
        width=None,
        seconds=time.perf_counter() - began,
    )


def _may_be_replaced(folder: Path) -> bool:
    return is_safetensors_model(folder) or any(folder.glob("*options.json")) or not any(folder.iterdir())


def _write(files: ModelFiles, out: Path, to: str, card: str | None) -> None:
    if to == "nlpl":
        write_model_pack(out, files, card=card)
    elif to == "safetensors":
        write_safetensors_model(out, files, card=card)
    else:
        with whole_folder(out) as folder:
            write_model_folder(folder / "model", files)
            for file in (folder / "model").iterdir():
                file.rename(folder / file.name)
            (folder / "model").rmdir()
            if card is not None:
                write_text(folder / "README.md", card)


def _export_vectors(model: LoadedModel, words_path: Path | None, out: Path, began: float) -> Reports:
    vocabulary = model.vocabulary
    if model.bilm.config.char_cnn is None and vocabulary is None and model.lists is None:
        raise ModelError(f"{model.path}: a model of word ids without its vocabulary", hint="add vocab.txt")
    if words_path is not None:
        words = check_words(str(words_path), read_lines(words_path))
    elif vocabulary is not None:
        words = check_words(f"{model.path}: vocabulary", vocabulary.words)
    else:
        raise ModelError(f"{model.path}: no vocabulary to take words from", hint="name a list: --vectors words.txt")
    if model.bilm.config.char_cnn is None and vocabulary is not None:
        unknown = sum(word not in vocabulary.ids for word in words)
        if unknown:
            yield Notice(
                text=f"{unknown:,} of {len(words):,} words are not in the model's vocabulary and get <UNK>'s vector",
                warning=True,
            )
    width = model.bilm.config.lstm.projection_dim
    for done in write_word_vectors(out, len(words), width, _batches(model, words)):
        yield Progress(stage="writing word vectors", done=done, total=len(words), unit="words")
    yield ExportResult(
        path=str(out),
        container="word2vec",
        files=[out.name],
        bytes=out.stat().st_size,
        parameters=None,
        softmax=False,
        words=len(words),
        width=width,
        seconds=time.perf_counter() - began,
    )


def _batches(model: LoadedModel, words: list[str]) -> Iterator[tuple[list[str], np.ndarray[Any, Any]]]:
    for begin in range(0, len(words), TYPES_AT_ONCE):
        batch = words[begin : begin + TYPES_AT_ONCE]
        text = model.encode([batch])
        yield batch, TokenVectors(model.bilm, text)(text.tokens_N.astype(np.int64)).cpu().float().numpy()
