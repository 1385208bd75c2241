"""Evaluation and vectors, as ``elmo eval`` and ``elmo embed`` compute them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

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
from elmo_cli.text.tokenizers import WhitespaceTokenizer
from elmo_cli.text.windows import Line
from elmo_cli.train.process_group import ProcessGroup

BATCH_TOKENS = 4096
"""Positions computed together: what ``elmo embed`` and ``elmo eval`` take by default."""
ROUNDS = 5
"""How often computing, writing and both are timed in turns: their shares are of a few percent."""


def evaluate(lab: Lab) -> Iterator[Figure]:
    """Full-softmax losses of sentences."""
    trainer, text = lab.trainer, lab.text
    words_S = np.diff(text.starts)
    sentences = 1 + int(np.searchsorted(np.cumsum(words_S), lab.case.evaluate_words))
    line = Line(text, np.arange(min(sentences, text.num_sentences), dtype=np.int64))

    def work() -> None:
        start, losses = trainer.start_state(), LineLosses(line)
        flow = score(trainer.bilm, trainer.softmax, sentence_sequences(line), start, losses, BATCH_TOKENS)
        for _ in flow:
            pass

    with recorded(trainer.bilm) as calls:
        work()
    width, classes = trainer.bilm.config.lstm.projection_dim, len(text.vocabulary)
    logits = [product for sizes in calls.batch_sizes for product in flops.softmax(sum(sizes), width, classes)]
    yield lab.figure(
        lab.time(work),
        part="evaluate",
        name="full-softmax evaluation",
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
    """Vectors of real sentences, all layers: into memory, and from a file of text into files."""
    trainer = lab.trainer
    sentences = lab.bench.text.sentences[: lab.case.embed_sentences]
    tokens = sum(map(len, sentences))
    model = LoadedModel(
        path=Path(),
        bilm=trainer.bilm,
        softmax=None,
        vocabulary=None,
        text=TextConfig(tokenizer="whitespace"),
        own_start=LstmState.zeros(trainer.bilm.config.lstm, 1, like=next(trainer.bilm.parameters())),
        info={},
    )
    assert model.own_start is not None
    start = model.own_start

    def compute() -> list[Vectors]:
        return SentenceEmbedder(model, start).embed(sentences, BATCH_TOKENS)  # a fresh one knows no words yet

    with recorded(trainer.bilm) as calls:
        arrays = compute()
    yield lab.figure(
        lab.time(compute),
        part="embed",
        name="embed",
        unit="tokens/s",
        units=tokens,
        products=calls.forward(),
        explanation="sentences in memory to vectors of all layers in memory; word types computed once",
        details={"sentences": len(sentences), "tokens": tokens, "types": calls.types},
    )
    if lab.bench.device.type == "cpu":
        yield from _in_fewer_bits(lab, model, sentences)
    yield from _to_files(lab, model, sentences, arrays, compute)


def _in_fewer_bits(lab: Lab, model: LoadedModel, sentences: Sequence[Sequence[str]]) -> Iterator[Figure]:
    """The same vectors in the other precisions that CPUs have."""
    assert model.own_start is not None
    start = model.own_start
    for precision in ("bf16", "int8"):
        lower = replace(model, precision=precision)

        def compute(lower: LoadedModel = lower) -> list[Vectors]:
            return SentenceEmbedder(lower, start).embed(sentences, BATCH_TOKENS)

        yield lab.figure(
            lab.bench.time(compute),
            part="embed",
            name=f"embed, {precision}",
            unit="tokens/s",
            units=sum(map(len, sentences)),
            explanation=f"the same with --precision {precision}",
            details={"sentences": len(sentences)},
        )


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
            part="embed",
            name=f"embed to a file, {layout}",
            unit="tokens/s",
            units=tokens,
            explanation="a file of text to a file of vectors, loading the model left out",
            details={
                "computing_alone": round(tokens / computing.median),
                "writing_alone": round(tokens / writing.median),
                "share_of_the_slower": round(max(computing.median, writing.median) / whole.median, 3),
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
            batch=BATCH_TOKENS,
            group=ProcessGroup(),
        )
        with open_writer(self.out, form=self._form, attributes={}, overwrite=True) as writer:
            for _ in work.run(writer):
                pass
            work.finish(writer, str(self._text))
