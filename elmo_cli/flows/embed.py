"""``elmo embed``: a text file to HDF5 features, one sentence a line."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.embedding import STATES, SentenceEmbedder, layer_choice
from elmo_cli.flows.models import load_model, other_libraries, start_state
from elmo_cli.flows.reports import EmbedResult, Notice, Progress, Reports
from elmo_cli.formats.features import FeatureWriter
from elmo_cli.text.readers import STDIN, TextReader, find_inputs
from elmo_cli.text.tokenizers import Tokenizer, make_tokenizer

WINDOW_TOKENS = 50_000
"""Tokens gathered before they are sorted by length and computed. Bounds memory: the vectors of one window are held."""

BLANK_LINES = ("error", "skip", "empty")

Numbered = tuple[int, str, list[str]]
"""A line's number from 0, its text, and its tokens."""


def embed(
    model_dir: Path,
    input_path: str,
    out: Path,
    *,
    layers: str = "all",
    state: str = "warm",
    blank_lines: str = "error",
    tokenizer: str | None = None,
    decode_errors: str = "strict",
    batch_tokens: int = 4096,
    batch_sentences: int = 64,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> Reports:
    """Writes the vectors of every line of a text.

    Args:
        model_dir: A model folder, or a run folder with one in it.
        input_path: A text file, one sentence a line; ``-`` reads standard input.
        out: The HDF5 file, in AllenNLP's layout: a dataset per line under its number from 0.
        layers: ``all`` (L, n, E); ``top``, ``average`` or a layer's number, 0 being the token layer: (n, E).
        state: ``warm`` (every sentence from the model's recorded start state, or from a fixed neutral context),
            ``zero``, or ``carry`` (from where the same row of the batch before ended).
        blank_lines: ``error``, ``skip`` (no dataset for the line; all others keep their numbers), or ``empty`` (an
            array of no tokens).
        tokenizer: Instead of the model's own: ``words`` or ``whitespace``.
        decode_errors: ``strict`` or ``replace``.
        batch_tokens: Positions computed together, for ``warm`` and ``zero``.
        batch_sentences: Rows of a batch, for ``carry``, where they decide the result.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        overwrite: Whether an existing ``out`` may be replaced.

    Returns:
        Reports, the last of them an :class:`~elmo_cli.flows.reports.EmbedResult`.

    Raises:
        ElmoError: Model, text, settings or place are not usable; no file appears.
    """
    _check(state, blank_lines, batch_tokens, batch_sentences)
    target = pick_device(device)
    use_threads(threads)
    model = load_model(model_dir, target)
    config = model.bilm.config
    pick = layer_choice(layers, config.vector_layers)
    text_config = model.text_settings(tokenizer=tokenizer, decode_errors=decode_errors)
    if warning := other_libraries(model, text_config):
        yield Notice(text=warning, warning=True)
    path = _single_input(input_path)
    if blank_lines == "error" and path != STDIN:
        _refuse_blank_lines(path, decode_errors)
    start, _ = start_state(model, "model" if state == "warm" else "zero")
    embedder = SentenceEmbedder(model, start, carry=state == "carry")
    reader = TextReader(path, decode_errors)
    total = None if path == STDIN else path.stat().st_size
    attributes = model.feature_attributes(layers=layers, state=state)
    counts = _Counts()
    began = time.perf_counter()
    with FeatureWriter(out, attributes=attributes, overwrite=overwrite) as features:
        lines = _numbered(reader, make_tokenizer(text_config), blank_lines, counts)
        for window in _windows(lines, batch_sentences if state == "carry" else None):
            sentences = [tokens for _, _, tokens in window]
            arrays = embedder.embed_batch(sentences) if state == "carry" else embedder.embed(sentences, batch_tokens)
            for (number, line, tokens), vectors in zip(window, arrays, strict=True):
                features.write(number, pick(vectors), sentence=line)
                counts.sentences += 1
                counts.tokens += len(tokens)
            yield Progress(
                stage="embedding",
                done=min(reader.bytes_read, total) if total else reader.bytes_read,
                total=total,
                unit="bytes",
                note=f"{counts.tokens:,} tokens, {counts.tokens / (time.perf_counter() - began):,.0f} a second",
            )
        if not counts.sentences:
            raise TextError(f"{input_path}: no sentence to embed", hint="check that the text is not empty")
    seconds = time.perf_counter() - began
    width = config.vector_dim
    yield EmbedResult(
        path=str(out),
        sentences=counts.sentences,
        tokens=counts.tokens,
        shape=f"({config.vector_layers}, n, {width})" if layers == "all" else f"(n, {width})",
        state=state,
        blank_lines=counts.blank,
        seconds=seconds,
        tokens_per_second=counts.tokens / seconds,
    )


class _Counts:
    """What went by."""

    sentences = 0
    tokens = 0
    blank = 0


def _check(state: str, blank_lines: str, batch_tokens: int, batch_sentences: int) -> None:
    if state not in STATES:
        raise ConfigError(f"--state {state}: expected {', '.join(STATES)}")
    if blank_lines not in BLANK_LINES:
        raise ConfigError(f"--blank-lines {blank_lines}: expected {', '.join(BLANK_LINES)}")
    if batch_tokens < 1 or batch_sentences < 1:
        raise ConfigError(f"batches of {batch_tokens} tokens, {batch_sentences} sentences: expected at least 1")


def _single_input(pattern: str) -> Path:
    paths = find_inputs([pattern])
    if len(paths) > 1:
        raise TextError(
            f"{pattern}: {len(paths)} files, and one file of vectors has one text's lines",
            hint="embed one file at a time, or join them: cat FILES | elmo embed MODEL - --out OUT",
        )
    return paths[0]


def _refuse_blank_lines(path: Path, decode_errors: str) -> None:
    lines = (number for number, line in enumerate(TextReader(path, decode_errors).lines(), 1) if not line.strip())
    first = [number for number, _ in zip(lines, range(5), strict=False)]
    if first:
        raise _blank(path, first)


def _blank(path: Path, numbers: Sequence[int]) -> TextError:
    where = ", ".join(map(str, numbers))
    return TextError(
        f"{path}:{numbers[0]}: blank line, where a sentence was expected (first such lines: {where})",
        hint="choose what to do with them: --blank-lines skip, or --blank-lines empty",
    )


def _numbered(reader: TextReader, tokenizer: Tokenizer, blank_lines: str, counts: _Counts) -> Iterator[Numbered]:
    for number, line in enumerate(reader.lines()):
        tokens = tokenizer.tokens(line)
        if not tokens:
            counts.blank += 1
            if blank_lines == "error":
                raise _blank(reader.path, [number + 1])
            if blank_lines == "skip":
                continue
        yield number, line.strip(), tokens


def _windows(lines: Iterator[Numbered], sentences: int | None) -> Iterator[list[Numbered]]:
    """Runs of lines: a fixed number of sentences, or about :data:`WINDOW_TOKENS` tokens."""
    window: list[Numbered] = []
    tokens = 0
    for line in lines:
        window.append(line)
        tokens += len(line[2]) + 1
        if len(window) == sentences or (sentences is None and tokens >= WINDOW_TOKENS):
            yield window
            window, tokens = [], 0
    if window:
        yield window
