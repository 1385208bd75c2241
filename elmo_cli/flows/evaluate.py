"""``elmo eval``: perplexity of a text under a model, with a full softmax and every position scored once."""

import math
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np

from elmo_cli.config import TextConfig
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, ModelError, TextError
from elmo_cli.flows.line_losses import LineLosses
from elmo_cli.flows.models import LoadedModel, load_model, other_libraries, start_state
from elmo_cli.flows.reports import DirectionScore, EvaluateResult, Notice, Progress, Report, Reports
from elmo_cli.flows.scoring import score, sentence_sequences, stream_sequences
from elmo_cli.text.prepared import is_prepared, read_prepared
from elmo_cli.text.readers import STDIN, TextReader, find_inputs
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.tokenizers import WhitespaceTokenizer, make_tokenizer
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line

STRETCHES = 32
"""Pieces that a stream is cut into, at sentence ends. Each begins from the start state, so the number is part of the
result and is reported with it; it does not depend on the machine."""

READ_SENTENCES = 5_000
"""Sentences read between two progress reports."""


def evaluate(
    model_dir: Path,
    inputs: Sequence[str],
    *,
    context: str = "sentence",
    start: str = "model",
    tokenizer: str | None = None,
    decode_errors: str = "strict",
    device: str = "auto",
    threads: int | None = None,
    batch_tokens: int = 4096,
) -> Reports:
    """Scores a text.

    Args:
        model_dir: A model folder, or a run folder with one in it; it must have its softmax and its vocabulary.
        inputs: Raw text, tokenised as the model's own was; or one prepared folder, whose held-out text is scored.
        context: ``sentence`` (each from the start state, independent of its neighbours) or ``stream`` (state carried
            over the text, in :data:`STRETCHES` pieces).
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.start_state`.
        tokenizer: Instead of the model's own: ``words`` or ``whitespace``.
        decode_errors: ``strict`` or ``replace``.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        batch_tokens: Positions computed together; no influence on the result beyond rounding.

    Returns:
        Reports, the last of them an :class:`~elmo_cli.flows.reports.EvaluateResult`.

    Raises:
        ElmoError: Model, text or settings are not usable.
    """
    if context not in ("sentence", "stream"):
        raise ConfigError(f"--context {context}: expected sentence or stream")
    if batch_tokens < 1:
        raise ConfigError(f"--batch-tokens {batch_tokens}: expected at least 1")
    target = pick_device(device)
    use_threads(threads)
    model = load_model(model_dir, target)
    softmax, vocabulary = model.softmax, model.vocabulary
    if softmax is None or vocabulary is None:
        raise ModelError(
            f"{model.path}: has no softmax, and perplexity needs one",
            hint="published weights come without it; vectors work: elmo embed",
        )
    text_config = model.text_settings(tokenizer=tokenizer, decode_errors=decode_errors)
    if warning := other_libraries(model, text_config):
        yield Notice(text=warning, warning=True)
    text = yield from _read(inputs, text_config, vocabulary, model)
    state, state_name = start_state(model, start)
    line = Line(text)
    sequences = sentence_sequences(line) if context == "sentence" else stream_sequences(line, STRETCHES)
    losses, began = LineLosses(line), time.perf_counter()
    for done in score(model.bilm, softmax, sequences, state, losses, batch_tokens):
        yield Progress(stage="scoring", done=done, total=line.num_positions, unit="positions")
    seconds = time.perf_counter() - began
    yield _result(model, context, state_name, sequences, text, losses, seconds)


def _read(
    inputs: Sequence[str], config: TextConfig, vocabulary: Vocabulary, model: LoadedModel
) -> Generator[Report, None, EncodedText]:
    tokenizer = make_tokenizer(config)
    if len(inputs) == 1 and is_prepared(Path(inputs[0])):
        prepared = read_prepared(Path(inputs[0]))
        if prepared.held_out is None:
            raise TextError(f"{prepared.folder}: nothing was held out of it", hint="name a text file to score")
        paths, tokenizer = [prepared.held_out], WhitespaceTokenizer()
        yield Notice(text=f"scoring the held-out text {prepared.held_out}")
    else:
        paths = find_inputs(inputs)
    total = None if STDIN in paths else sum(path.stat().st_size for path in paths)
    sentences: list[list[str]] = []
    done, read = 0, 0
    for path in paths:
        reader = TextReader(path, config.decode_errors)
        for line in reader.lines():
            for sentence in tokenizer.sentences(line):
                sentences.append(sentence)
                if len(sentences) % READ_SENTENCES == 0:
                    yield Progress(stage="reading text", done=done + reader.bytes_read, total=total, unit="bytes")
        done += reader.bytes_read
        read += reader.replaced
    if read:
        yield Notice(text=f"bytes that were not UTF-8 became U+FFFD in {read:,} places", warning=True)
    if not sentences:
        raise TextError(f"{', '.join(inputs)}: no sentence found", hint="check that the text is not empty")
    return encode(sentences, vocabulary, model.max_characters)


def _result(
    model: LoadedModel,
    context: str,
    state_name: str,
    sequences: tuple[np.ndarray, np.ndarray],
    text: EncodedText,
    losses: LineLosses,
    seconds: float,
) -> EvaluateResult:
    vocabulary = text.vocabulary
    tokens = np.asarray(text.tokens_N)
    outside = (tokens >= len(vocabulary)) | (tokens == vocabulary.unknown_id)
    oov = int(outside.sum())
    means_G = losses.mean_losses_G
    known_N = losses.known_N
    known_losses = losses.words_GN[:, known_N].sum(dtype=np.float64) + losses.boundaries_GS.sum(dtype=np.float64)
    known = 2 * (int(known_N.sum()) + text.num_sentences)
    return EvaluateResult(
        model=str(model.path),
        context=context,
        start_state=state_name,
        stretches=len(sequences[0]) if context == "stream" else None,
        sentences=text.num_sentences,
        words=text.num_tokens,
        forward=_direction(means_G[0], losses.targets),
        backward=_direction(means_G[1], losses.targets),
        loss=losses.mean_loss,
        perplexity=math.exp(losses.mean_loss),
        oov_tokens=oov,
        oov_types=len(np.unique(tokens[outside])),
        oov_rate=oov / text.num_tokens if text.num_tokens else 0.0,
        perplexity_without_oov=math.exp(known_losses / known) if known else None,
        seconds=seconds,
        words_per_second=text.num_tokens / seconds,
    )


def _direction(loss: float, targets: int) -> DirectionScore:
    return DirectionScore(loss=float(loss), perplexity=math.exp(loss), tokens=targets)
