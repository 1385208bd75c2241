"""Evaluation and vectors, as ``elmo eval`` and ``elmo embed`` compute them, reading and writing of files aside."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import flops
from benchmarks.figures import Figure
from benchmarks.lab import Lab
from benchmarks.recorder import recorded
from elmo_cli.config import TextConfig
from elmo_cli.flows.embedding import SentenceEmbedder
from elmo_cli.flows.line_losses import LineLosses
from elmo_cli.flows.models import LoadedModel
from elmo_cli.flows.scoring import score, sentence_sequences
from elmo_cli.model.lstm import LstmState
from elmo_cli.text.windows import Line

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
        lab.bench.time(work),
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
    """Vectors of real sentences, all layers, into host memory."""
    trainer = lab.trainer
    sentences = lab.bench.text.sentences[: lab.case.embed_sentences]
    model = LoadedModel(
        path=Path(),
        bilm=trainer.bilm,
        softmax=None,
        vocabulary=None,
        text=TextConfig(tokenizer="whitespace"),
        own_start=None,
        info={},
    )
    start = LstmState.zeros(trainer.bilm.config.lstm, 1, like=next(trainer.bilm.parameters()))
    embedder = SentenceEmbedder(model, start)

    def work() -> None:
        embedder.embed(sentences, BATCH_TOKENS)

    with recorded(trainer.bilm) as calls:
        work()
    yield lab.figure(
        lab.bench.time(work),
        part="embed",
        name="embed",
        unit="tokens/s",
        units=sum(map(len, sentences)),
        products=calls.forward(),
        explanation="sentences in memory to vectors of all layers in memory; word types computed once",
        details={"sentences": len(sentences), "tokens": sum(map(len, sentences)), "types": calls.types},
    )
