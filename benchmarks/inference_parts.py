"""Evaluation and vectors, as ``elmo eval`` and ``elmo embed`` compute them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import flops
from benchmarks.figures import Figure
from benchmarks.lab import Lab
from benchmarks.recorder import recorded
from benchmarks.timing import Timing
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
    computing = lab.time(compute)
    yield lab.figure(
        computing,
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
    text = lab.bench.folder / "embed.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    for layout in ("allennlp", "flat"):
        yield _to_file(lab, model, text, sentences, arrays, layout, computing)


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


def _to_file(
    lab: Lab,
    model: LoadedModel,
    text: Path,
    sentences: Sequence[Sequence[str]],
    arrays: Sequence[Vectors],
    layout: str,
    computing: Timing,
) -> Figure:
    """The whole of ``elmo embed`` but loading the model, beside its slower half."""
    chosen = ChosenVectors(VectorConfig(layout=layout), model)
    form = FeatureForm(layout=layout, layers=chosen.layers, width=chosen.width)
    out, tokens = lab.bench.folder / f"embed-{layout}.hdf5", sum(map(len, sentences))

    def write() -> None:
        out.unlink(missing_ok=True)  # a run finds none; and the room of the last one in memory is at hand
        with open_writer(out, form=form, attributes={}, overwrite=True) as writer:
            lines = [" ".join(sentence) for sentence in sentences]
            writer.write_many(range(len(sentences)), arrays, tokens=sentences, sentences=lines)
            writer.finish()

    def run() -> None:
        out.unlink(missing_ok=True)
        numbered = NumberedText(text, InputConfig())
        maker = LineMaker(path=text, tokenizer=WhitespaceTokenizer(), blank_lines="error")
        work = EmbeddingRun(
            model=model,
            chosen=chosen,
            form=form,
            text=numbered,
            maker=maker,
            state="warm",
            batch=BATCH_TOKENS,
            group=ProcessGroup(),
        )
        with open_writer(out, form=form, attributes={}, overwrite=True) as writer:
            for _ in work.run(writer):
                pass
            work.finish(writer, str(text))

    writing, whole = lab.bench.time(write), lab.bench.time(run)
    out.unlink()
    return lab.figure(
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
