"""``elmo neighbors``: the tokens of a text whose vectors are most like those of a word, each in its context.

Cosines of ELMo's upper layers may be large for any two tokens (Ethayarajh 2019, "How contextual are contextualized word
representations?"); subtracting the mean vector takes that away. On models trained here it changes no ranking to speak
of (benchmarks/README.md, Looking at vectors), so it is a choice and not the default.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.models.loaded import LoadedModel, load_model, other_libraries, start_state
from elmo_cli.flows.reports import Notice, Progress, Report, Reports
from elmo_cli.flows.vector_results import Neighbor, NeighborsResult, TokenNeighbors
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, layer_choice
from elmo_cli.flows.vectors.nearest import Nearest, Vectors
from elmo_cli.flows.vectors.occurrences import EvenSample, Occurrence, missing_word, occurrences_of, single_token
from elmo_cli.flows.vectors.text_sentences import TextSentence, TextSentences, windows
from elmo_cli.text.readers import STDIN

WINDOW_TOKENS = 16_384
"""Tokens whose vectors are in memory together."""
MEAN_SENTENCES = 1_000
"""Sentences, spread evenly over the text, whose tokens' mean vector is subtracted."""


def neighbors(
    model_dir: Path | str,
    inputs: Sequence[str],
    *,
    word: str,
    sentence: str | None = None,
    top: int = 10,
    occurrences: int = 3,
    layers: str = "average",
    centre: bool = False,
    other_words: bool = False,
    start: str = "model",
    tokenizer: str | None = None,
    reading: InputConfig | None = None,
    batch_tokens: int | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Reports:
    """Finds the tokens of a text that are most like a word in its context.

    The text is read twice: for occurrences of the word, and for what is like them. Memory does not grow with it.

    Args:
        model_dir: A model, as :func:`elmo_cli.flows.models.loaded.load_model` takes it.
        inputs: Files, folders or glob patterns of text; not standard input.
        word: One token.
        sentence: A sentence with the word in it, whose vector is the query; None takes occurrences in the text.
        top: How many neighbours to find for each query.
        occurrences: How many occurrences in the text are queries, at most; they are spread evenly over it.
        layers: ``average``, ``top`` or a layer's number.
        centre: Whether to subtract the mean vector of the text, measured on some of its sentences.
        other_words: Whether to leave out tokens with the same spelling.
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.loaded.start_state`.
        tokenizer: Instead of the model's own.
        reading: How files are read.
        batch_tokens: Positions computed together; None for as many as suit the device.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.vector_results.NeighborsResult`.

    Raises:
        TextError: The word is nowhere in the text or in the sentence, or there is no text.
        ElmoError: Model, text or settings are not usable.
    """
    if top < 1 or occurrences < 1:
        raise ConfigError(f"{top} neighbours of {occurrences} occurrences: expected 1 or more")
    if batch_tokens is not None and batch_tokens < 1:
        raise ConfigError(f"--batch-tokens {batch_tokens}: expected at least 1")
    if layers == "all":
        raise ConfigError("--layers all: expected one vector a token", hint="average, top or a layer's number")
    began = time.perf_counter()
    target = pick_device(device)
    use_threads(threads)
    model = load_model(model_dir, target)
    text = model.text_settings(tokenizer=tokenizer)
    if warning := other_libraries(model, text):
        yield Notice(text=warning, warning=True)
    embedded = _Embedded(model, layers, start, batch_tokens)
    source = _Source(model, text, (yield from _files(inputs)), reading or InputConfig())
    token = single_token(model, text, word)
    queries, count = [_in_sentence(source, token, sentence)] if sentence is not None else [], None
    sample: list[TextSentence] = []
    if sentence is None or centre:
        found, some = yield from _scan(source, token, occurrences if sentence is None else 1)
        sample = some.taken()
        if sentence is None:
            queries, count = found.taken(), found.count
            if not queries:
                raise missing_word(source.name, token, (row.tokens for row in source.sentences()))
    nearest = Nearest(
        queries,
        embedded.of_tokens(queries),
        top=top,
        other_words=other_words,
        mean_E=embedded.of(sample).mean(axis=0) if centre and sample else None,
    )
    sentences, tokens = yield from _compare(source, embedded, nearest)
    yield NeighborsResult(
        model=str(model.path),
        word=token,
        layers=layers,
        centred=centre,
        occurrences=count,
        sentences=sentences,
        tokens=tokens,
        queries=[
            TokenNeighbors(
                query=query.in_context(),
                neighbors=[Neighbor(similarity=cosine, token=one.in_context()) for cosine, one in found],
            )
            for query, found in zip(queries, nearest.found(), strict=True)
        ],
        seconds=time.perf_counter() - began,
    )


@dataclass(frozen=True)
class _Source:
    """The text, to be read as often as needed."""

    model: LoadedModel
    text: TextConfig
    paths: Sequence[Path]
    reading: InputConfig

    @property
    def name(self) -> str:
        return str(self.paths[0]) if len(self.paths) == 1 else f"{len(self.paths)} files"

    def sentences(self) -> TextSentences:
        return TextSentences(self.paths, self.model.make_tokenizer(self.text), self.reading)


class _Embedded:
    """One vector for each token."""

    def __init__(self, model: LoadedModel, layers: str, start: str, batch_tokens: int | None) -> None:
        self._pick = layer_choice(layers, model.bilm.config.vector_layers)
        self._embedder = SentenceEmbedder(model, start_state(model, start)[0])
        self._budget = batch_tokens

    def of(self, sentences: Sequence[TextSentence]) -> Vectors:
        """Of all tokens, in order."""
        arrays = self._embedder.embed([sentence.tokens for sentence in sentences], self._budget)
        return np.concatenate([self._pick(vectors_LTE) for vectors_LTE in arrays])

    def of_tokens(self, occurrences: Sequence[Occurrence]) -> Vectors:
        arrays = self._embedder.embed([one.sentence.tokens for one in occurrences], self._budget)
        return np.stack([self._pick(array)[one.place] for array, one in zip(arrays, occurrences, strict=True)])


def _files(inputs: Sequence[str]) -> Generator[Report, None, list[Path]]:
    paths = yield from found_inputs(inputs)
    if STDIN in paths:
        raise ConfigError(
            "standard input: expected a file, because the text is read more than once",
            hint="write it to a file first: cat > sentences.txt",
        )
    return paths


def _in_sentence(source: _Source, token: str, sentence: str) -> Occurrence:
    tokens = source.model.make_tokenizer(source.text).tokens(sentence)
    rows = [TextSentence(0, "", 0, tokens)]
    for occurrence in occurrences_of(rows, [token]):
        return occurrence
    raise missing_word(f"--in {sentence!r}", token, [tokens] if tokens else [])


def _scan(
    source: _Source, token: str, limit: int
) -> Generator[Report, None, tuple[EvenSample[Occurrence], EvenSample[TextSentence]]]:
    """Occurrences of the word, and sentences for the mean."""
    found, some = EvenSample[Occurrence](limit), EvenSample[TextSentence](MEAN_SENTENCES)
    sentences = source.sentences()
    for window in windows(sentences, WINDOW_TOKENS):
        for sentence in window:
            some.add(sentence)
        for occurrence in occurrences_of(window, [token]):
            found.add(occurrence)
        yield _progress("looking for the word", sentences)
    return found, some


def _compare(source: _Source, embedded: _Embedded, nearest: Nearest) -> Generator[Report, None, tuple[int, int]]:
    """Goes through the text; how many sentences and tokens it has."""
    sentences, tokens = 0, 0
    text = source.sentences()
    for window in windows(text, WINDOW_TOKENS):
        vectors_NE = embedded.of(window)
        nearest.add(window, vectors_NE)
        sentences += len(window)
        tokens += len(vectors_NE)
        yield _progress("comparing", text)
    if not sentences:
        raise TextError(f"{source.name}: no sentence to compare with", hint="check that the text is not empty")
    return sentences, tokens


def _progress(stage: str, text: TextSentences) -> Progress:
    return Progress(stage=stage, done=text.reader.bytes_read, total=text.reader.total_bytes, unit="bytes")
