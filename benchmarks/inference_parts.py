"""Evaluation and vectors, as ``elmo eval`` and ``elmo embed`` compute them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import flops
from benchmarks.figures import Figure
from benchmarks.lab import Lab
from benchmarks.recorder import recorded
from benchmarks.timing import in_turns
from elmo_cli.config import InputConfig, TextConfig, VectorConfig
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.vectors.chosen_vectors import ChosenVectors
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, Vectors
from elmo_cli.flows.vectors.embedding_run import EmbeddingRun
from elmo_cli.flows.vectors.line_windows import LineMaker
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import has_fast_bf16
from elmo_cli.text.tokenizers import WhitespaceTokenizer
from elmo_cli.text.windows import Line
from elmo_cli.train.process_group import ProcessGroup

BATCH_TOKENS = 4096
"""Positions computed together: what ``elmo eval`` takes by default."""
ROUNDS = 5
"""How often computing, writing and both are timed in turns: their shares are of a few percent."""


def evaluate(lab: Lab) -> Iterator[Figure]:
    """Full-softmax losses of sentences."""
    trainer, text = lab.trainer, lab.text
    words_S = np.diff(text.starts)
    sentences = 1 + int(np.searchsorted(np.cumsum(words_S), lab.case.evaluate_words))
    line = Line(text, np.arange(min(sentences, text.num_sentences), dtype=np.int64))

    def work(precision: str) -> None:
        start, sequences, losses = trainer.start_state(), sentence_sequences(line), LineLosses(line)
        for _ in score(trainer.bilm, trainer.softmax, sequences, start, losses, BATCH_TOKENS, precision=precision):
            pass

    with recorded(trainer.bilm) as calls:
        work("fp32")
    width, classes = trainer.bilm.config.lstm.projection_dim, len(text.vocabulary)
    logits = [product for sizes in calls.batch_sizes for product in flops.softmax(sum(sizes), width, classes)]
    for precision in ("fp32", *gpu_precisions(lab.bench.device)):
        yield lab.figure(
            lab.bench.time(partial(work, precision)),
            precision=precision,
            part="evaluate",
            name=_named("full-softmax evaluation", precision),
            unit="words/s",
            units=int(line.lengths_S.sum()),
            products=calls.forward() + logits,
            explanation="every position once, both directions, sentence by sentence; word types computed once",
            details={
                "words": int(line.lengths_S.sum()),
                "types": calls.types,
                "vocabulary": classes,
                "drawn_tokens": lab.case.drawn,
            },
        )


def embed(lab: Lab) -> Iterator[Figure]:
    """Vectors of real sentences, all layers, into memory; and what their LSTMs' products alone would allow."""
    sentences = lab.bench.text.sentences[: lab.case.embed_sentences]
    tokens = sum(map(len, sentences))
    compute = partial(_vectors, _loaded(lab), sentences)
    with recorded(lab.bilm) as calls:
        compute("fp32")
    median, low, high = lab.bench.limits.of("fp32").rates(calls.lstms(), tokens)
    yield Figure(
        part="embed",
        case=lab.case.title,
        name="LSTM products of embed",
        unit="tokens/s",
        median=median,
        low=low,
        high=high,
        repeats=3,
        explanation="each of their shapes by itself in float32, every position's inputs and no padding: the limit",
    )
    yield lab.figure(
        lab.bench.time(partial(compute, "fp32")),
        precision="fp32",
        part="embed",
        name="embed",
        unit="tokens/s",
        units=tokens,
        products=calls.forward(),
        explanation="sentences in memory to vectors of all layers in memory; word types computed once",
        details={"sentences": len(sentences), "tokens": tokens, "types": calls.types},
    )
    device, on_gpu = lab.bench.device, gpu_precisions(lab.bench.device)
    for precision in on_gpu or (("bf16", "int8") if device.type == "cpu" else ()):
        yield lab.figure(
            lab.bench.time(partial(compute, precision)),
            precision=precision if on_gpu else None,
            part="embed",
            name=_named("embed", precision),
            unit="tokens/s",
            units=tokens,
            products=calls.forward() if on_gpu else None,
            explanation=f"the same with --precision {precision}",
            details={"sentences": len(sentences)},
        )


def embed_to_files(lab: Lab) -> Iterator[Figure]:
    """The same from a file of text into files of vectors: all of ``elmo embed`` but loading the model."""
    sentences = lab.bench.text.sentences[: lab.case.embed_sentences]
    # On a GPU in its fastest form, so that the file is the narrower place if it can be.
    precision = ("fp32", *gpu_precisions(lab.bench.device))[-1]
    model = _loaded(lab)
    compute = partial(_vectors, model, sentences, precision)
    yield from _to_files(lab, replace(model, precision=precision), sentences, compute(), compute)


def _loaded(lab: Lab) -> LoadedModel:
    return LoadedModel(
        path=Path(),
        bilm=lab.bilm,
        softmax=None,
        vocabulary=None,
        text=TextConfig(tokenizer="whitespace"),
        own_start=LstmState.zeros(lab.bilm.config.lstm, 1, like=next(lab.bilm.parameters())),
        info={},
    )


def _vectors(model: LoadedModel, sentences: Sequence[Sequence[str]], precision: str) -> list[Vectors]:
    assert model.own_start is not None
    # A fresh one knows no words yet.
    return SentenceEmbedder(replace(model, precision=precision), model.own_start).embed(sentences)


def gpu_precisions(device: torch.device) -> tuple[str, ...]:
    """Precisions below fp32 that a GPU has, and everything is measured in."""
    return ("tf32", "bf16") if device.type == "cuda" and has_fast_bf16(device) else ()


def _named(name: str, precision: str) -> str:
    return name if precision == "fp32" else f"{name}, {precision}"


def _to_files(
    lab: Lab,
    model: LoadedModel,
    sentences: Sequence[Sequence[str]],
    arrays: Sequence[Vectors],
    compute: Callable[[], object],
) -> Iterator[Figure]:
    """The whole of ``elmo embed`` but loading the model, in turns with its two halves."""
    text = lab.bench.folder / "embed.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    tokens = sum(map(len, sentences))
    files = {layout: _File(lab, model, text, sentences, layout) for layout in ("allennlp", "flat")}
    works: list[Callable[[], object]] = [compute]
    for file in files.values():
        works += [partial(file.write, arrays), file.run]
    computing, *timings = in_turns(*works, rounds=ROUNDS)
    for layout, writing, whole in zip(files, timings[::2], timings[1::2], strict=True):
        files[layout].out.unlink()
        yield lab.figure(
            whole,
            part="embed-files",
            name=f"embed to a file, {layout}",
            unit="tokens/s",
            units=tokens,
            explanation="a file of text to a file of vectors, loading the model left out",
            details={
                "computing_alone": round(tokens / computing.median),
                "writing_alone": round(tokens / writing.median),
                "share_of_the_slower": round(max(computing.median, writing.median) / whole.median, 3),
                "precision": model.precision,
            },
        )


class _File:
    """A file of vectors in a layout, made again and again."""

    def __init__(
        self, lab: Lab, model: LoadedModel, text: Path, sentences: Sequence[Sequence[str]], layout: str
    ) -> None:
        self._model, self._text, self._sentences = model, text, sentences
        self._chosen = ChosenVectors(VectorConfig(layout=layout), model)
        self._form = FeatureForm(layout=layout, layers=self._chosen.layers, width=self._chosen.width)
        self.out = lab.bench.folder / f"embed-{layout}.hdf5"

    def write(self, arrays: Sequence[Vectors]) -> None:
        """Writes vectors that are there."""
        self.out.unlink(missing_ok=True)  # a run finds none; and the room of the last one in memory is at hand
        with open_writer(self.out, form=self._form, attributes={}, overwrite=True) as writer:
            lines = [" ".join(sentence) for sentence in self._sentences]
            writer.write_many(range(len(lines)), arrays, tokens=self._sentences, sentences=lines)
            writer.finish()

    def run(self) -> None:
        """Computes and writes them."""
        self.out.unlink(missing_ok=True)
        work = EmbeddingRun(
            model=self._model,
            chosen=self._chosen,
            form=self._form,
            text=NumberedText(self._text, InputConfig()),
            maker=LineMaker(path=self._text, tokenizer=WhitespaceTokenizer(), blank_lines="error"),
            state="warm",
            batch=0,
            budget=None,
            group=ProcessGroup(),
        )
        with open_writer(self.out, form=self._form, attributes={}, overwrite=True) as writer:
            for _ in work.run(writer):
                pass
            work.finish(writer, str(self._text))
