"""Occurrences of chosen words with their vectors: out of a file of vectors, or of a text read by a model."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import InputConfig
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, ModelError
from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.models.loaded import load_model, start_state
from elmo_cli.flows.reports import Progress, Report
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, layer_choice
from elmo_cli.flows.vectors.occurrences import EvenSample, Occurrence, missing_word, occurrences_of, single_token
from elmo_cli.flows.vectors.text_sentences import TextSentence, TextSentences, windows
from elmo_cli.formats.feature_file import FeatureFile
from elmo_cli.formats.feature_reader import read_any

Vectors = npt.NDArray[np.float32]

LINES_AT_ONCE = 10_000
"""Sentences between two reports."""
WINDOW_TOKENS = 16_384
"""Tokens of text between two reports, or whose vectors are in memory together."""


@dataclass(frozen=True)
class Points:
    """What is to be drawn."""

    occurrences: Sequence[Occurrence]
    """In the order of the words, then of the text."""
    vectors_NE: Vectors
    counts: Mapping[str, int]
    """By word: how often the text has it."""
    layers: str
    origin: Sequence[tuple[str, str]]
    """What they come from: names and values for people."""


def points_of_features(
    path: Path, words: Sequence[str], *, layers: str | None, limit: int
) -> Generator[Report, None, Points]:
    """Reads the vectors of up to ``limit`` occurrences of each word out of a file of vectors.

    Raises:
        TextError: A word is not there.
        ModelError: The file has no tokens, or others than it has vectors.
        ConfigError: It has not these layers.
    """
    with read_any(path) as features:
        if (kind := str(features.attributes.get("vectors", ""))).startswith("one per sentence"):
            raise ModelError(
                f"{path}: expected a vector for each token, found {kind}",
                hint="write the file without --sentence-vectors",
            )
        found = {word: EvenSample[Occurrence](limit) for word in words}
        for first in range(0, len(features), LINES_AT_ONCE):
            rows = _sentences(features, range(first, min(first + LINES_AT_ONCE, len(features))), words)
            for occurrence in occurrences_of(rows, words):
                found[occurrence.word].add(occurrence)
            yield Progress(stage="looking for the words", done=first, total=len(features), unit="sentences")
        for word, sample in found.items():
            if not sample.count:
                raise missing_word(
                    str(path), word, (row.tokens for row in _sentences(features, range(len(features)), []))
                )
        chosen = [occurrence for sample in found.values() for occurrence in sample.taken()]
        vectors_NE, name = _chosen_vectors(features, chosen, layers)
        origin = [("file", str(path))]
        origin += [
            (key, str(features.attributes[key])) for key in ("tool", "model", "state") if key in features.attributes
        ]
    counts = {word: sample.count for word, sample in found.items()}
    return Points(chosen, vectors_NE, counts, name, [*origin, ("layers", name)])


def points_of_text(
    model_dir: Path | str,
    inputs: Sequence[str],
    words: Sequence[str],
    *,
    layers: str | None,
    limit: int,
    tokenizer: str | None,
    reading: InputConfig,
    device: str,
    threads: int | None,
) -> Generator[Report, None, Points]:
    """Computes the vectors of up to ``limit`` occurrences of each word of a text; other sentences are only read.

    Raises:
        TextError: A word is not there.
        ElmoError: Model, text or settings are not usable.
    """
    target = pick_device(device)
    use_threads(threads)
    model = load_model(model_dir, target)
    name = layers or "average"
    pick = layer_choice(name, model.bilm.config.vector_layers)
    text = model.text_settings(tokenizer=tokenizer)
    words = list(dict.fromkeys(single_token(model, text, word) for word in words))
    paths = yield from found_inputs(inputs)
    found = {word: EvenSample[Occurrence](limit) for word in words}
    sentences = TextSentences(paths, model.make_tokenizer(text), reading)
    for window in windows(sentences, WINDOW_TOKENS):
        for occurrence in occurrences_of(window, words):
            found[occurrence.word].add(occurrence)
        done, total = sentences.reader.bytes_read, sentences.reader.total_bytes
        yield Progress(stage="looking for the words", done=done, total=total, unit="bytes")
    for word, sample in found.items():
        if not sample.count:
            again = TextSentences(paths, model.make_tokenizer(text), reading)
            raise missing_word(", ".join(map(str, paths[:3])), word, (row.tokens for row in again))
    chosen = [occurrence for sample in found.values() for occurrence in sample.taken()]
    state, state_name = start_state(model, "model")
    arrays = SentenceEmbedder(model, state).embed([one.sentence.tokens for one in chosen])
    vectors_NE = np.stack([pick(array)[one.place] for array, one in zip(arrays, chosen, strict=True)])
    origin = [("text", ", ".join(inputs)), ("model", str(model.path)), ("sentences begin from", state_name)]
    counts = {word: sample.count for word, sample in found.items()}
    return Points(chosen, vectors_NE, counts, name, [*origin, ("layers", name)])


def _sentences(features: FeatureFile, positions: range, words: Sequence[str]) -> Iterator[TextSentence]:
    """The sentences at some positions whose text has one of the words somewhere; without words, all."""
    for position in positions:
        tokens = _tokens(features, position, words)
        if tokens is not None:
            yield TextSentence(position + 1, str(features.path), int(features.lines[position]) + 1, tokens)


def _tokens(features: FeatureFile, position: int, words: Sequence[str]) -> list[str] | None:
    try:
        return features.tokens(position)
    except ModelError:
        text = features.sentence(position)
    if words and not any(word in text for word in words):
        return None
    tokens = text.split()
    if words and (count := features[position].shape[-2]) != len(tokens):
        raise ModelError(
            f"{features.path}: line {features.lines[position] + 1}: expected a vector for each of {len(tokens)} words "
            f"between spaces, found {count} vectors",
            hint="the text was cut into other tokens: write the file with --layout flat, which keeps them; "
            "or compute the vectors anew: elmo plot MODEL TEXT",
        )
    return tokens


def _chosen_vectors(features: FeatureFile, chosen: Sequence[Occurrence], layers: str | None) -> tuple[Vectors, str]:
    arrays = {one.sentence.number: features[one.sentence.number - 1] for one in chosen}
    for one in chosen:
        shape, tokens = arrays[one.sentence.number].shape, len(one.sentence.tokens)
        if len(shape) not in (2, 3) or shape[-2] != tokens:
            raise ModelError(
                f"{features.path}: line {one.sentence.line}: expected a vector for each of {tokens} tokens, "
                f"found {shape}",
                hint="compute the vectors anew: elmo plot MODEL TEXT",
            )
    first = next(iter(arrays.values()))
    if first.ndim == 2 and layers is not None:
        raise ConfigError(
            f"--layers {layers}: {features.path} has one vector for each token", hint="leave --layers away"
        )
    name = (layers or "average") if first.ndim == 3 else str(features.attributes.get("layers", "the only one"))
    pick = layer_choice(name, len(first)) if first.ndim == 3 else np.asarray
    rows = [pick(arrays[one.sentence.number])[one.place] for one in chosen]
    return np.stack(rows).astype(np.float32), name
