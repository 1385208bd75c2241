"""Does context help to tag words? One part-of-speech tagger, trained on three kinds of vectors.

    python examples/tagger.py runs/books/model UD_English-EWT

The second folder is a treebank of Universal Dependencies with its files *-train.conllu, *-dev.conllu and *-test.conllu.
The same tagger learns from

- the token layer alone: vectors that are made of a word's characters and know no context;
- frozen ELMo: the language model stays as it is, how its layers are mixed is learned;
- fine-tuned ELMo: the tagger before goes on, and now the language model learns as well.

The tagger sees one vector at a time, so whatever it knows of the words around comes from ELMo. The shares of words that
are tagged rightly, gamma and the layers' weights go to stdout, progress to stderr.
"""

import argparse
import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from elmo_cli import Elmo, ElmoEmbedder, batch_to_ids
from elmo_cli.errors import ElmoError, TextError

HIDDEN = 128
ROWS = 32
FROZEN_RATE, TUNED_RATE = 1e-2, 3e-3
"""Adam's learning rates at the start; they fall to 0. Chosen by accuracy on dev, see README.md here."""

Sentence = tuple[list[str], list[str]]
"""Words and their tags."""


@dataclass
class Batch:
    """Sentences, the tags of their N words one after the other, and the layers that frozen ELMo has for these words."""

    sentences: list[list[str]]
    tags_N: Tensor
    layers_LNE: Tensor


class Tagger(nn.Module):
    """ELMo, then one hidden layer from a word's vector to the scores of its tags."""

    def __init__(self, elmo: Elmo, tags: int) -> None:
        super().__init__()
        self.elmo = elmo
        self.frozen = True
        self.score = nn.Sequential(nn.Linear(elmo.get_output_dim(), HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, tags))

    def forward(self, batch: Batch) -> Tensor:
        if self.frozen:
            # Frozen layers never change, so they were computed once; only their mix is computed here.
            return self.score(self.elmo.scalar_mixes[0](batch.layers_LNE))
        out = self.elmo(batch_to_ids(batch.sentences))
        return self.score(out["elmo_representations"][0][out["mask"]])

    @torch.no_grad()
    def accuracy(self, batches: list[Batch]) -> float:
        """Share of words that get their tag."""
        self.eval()
        right = sum(int((self(batch).argmax(dim=1) == batch.tags_N).sum()) for batch in batches)
        return right / count(batches)


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and prints a line for each kind of vectors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="model folder, for example runs/books/model")
    parser.add_argument("ud_dir", metavar="UD_DIR", type=Path, help="folder of the treebank")
    parser.add_argument("--epochs", type=int, default=5, help="passes over the training set (%(default)s)")
    parser.add_argument("--limit", type=int, help="use only so many sentences of each file")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same figures (%(default)s)")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or (options.limit is not None and options.limit < 1):
        parser.error("--epochs and --limit: expected 1 or more")
    try:
        results = compare(options.model, options.ud_dir, options.epochs, options.limit, options.seed)
    except ElmoError as error:
        sys.exit(str(error))
    print(f"{'vectors':18}   {'dev':>6}   {'test':>6}   {'gamma':>5}   weights of the layers, token layer first")
    for name, (tagger, dev, test) in results.items():
        mix = tagger.elmo.scalar_mixes[0]
        weights = torch.softmax(torch.cat(list(mix.scalar_parameters)), dim=0)
        figures = "  ".join(f"{weight:.3f}" for weight in weights.tolist())
        print(f"{name:18}   {dev:6.2%}   {test:6.2%}   {mix.gamma.item():5.2f}   {figures}")


def compare(
    model: str, ud_dir: Path, epochs: int, limit: int | None, seed: int
) -> dict[str, tuple[Tagger, float, float]]:
    """The three taggers, trained, with their accuracies on dev and test."""
    texts = {part: read_treebank(ud_dir, part, limit) for part in ("train", "dev", "test")}
    tags = sorted({tag for _, tags in texts["train"] for tag in tags})
    embedder = ElmoEmbedder(model_dir=model)
    train_set, dev_set, test_set = (make_batches(part, text, tags, embedder) for part, text in texts.items())
    results = {}

    def learn(tagger: Tagger, rate: float, name: str) -> None:
        train(tagger, train_set, epochs, rate, name)
        results[name] = tagger, tagger.accuracy(dev_set), tagger.accuracy(test_set)

    only_tokens = [1.0] + [-9e10] * (len(train_set[0].layers_LNE) - 1)
    for layer_weights, name in [(only_tokens, "token layer alone"), (None, "frozen ELMo")]:
        torch.manual_seed(seed)
        elmo = Elmo.from_pretrained(model, 1, dropout=0.0, scalar_mix_parameters=layer_weights)
        tagger = Tagger(elmo, len(tags))
        learn(tagger, FROZEN_RATE, name)

    tuned = copy.deepcopy(tagger)
    tuned.frozen = False
    tuned.elmo.requires_grad_(True)
    learn(tuned, TUNED_RATE, "fine-tuned ELMo")
    return results


def train(tagger: Tagger, batches: list[Batch], epochs: int, rate: float, name: str) -> None:
    """Teaches the tagger, and of ELMo what has gradients."""
    order = [batches[place] for _ in range(epochs) for place in torch.randperm(len(batches)).tolist()]
    optimizer = torch.optim.Adam([weight for weight in tagger.parameters() if weight.requires_grad], lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=len(order))
    progress = Progress(f"training on {name}", count(order))
    tagger.train()
    for batch in order:
        loss = nn.functional.cross_entropy(tagger(batch), batch.tags_N)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress.add(len(batch.tags_N))


def read_treebank(ud_dir: Path, part: str, limit: int | None) -> list[Sentence]:
    """The first sentences of a CoNLL-U file."""
    files = list(ud_dir.glob(f"*-{part}.conllu"))
    if len(files) != 1:
        raise TextError(
            f"{ud_dir}: expected one file *-{part}.conllu, found {len(files)}",
            hint="the English treebank is at https://github.com/UniversalDependencies/UD_English-EWT",
        )
    sentences = []
    for block in files[0].read_text(encoding="utf-8").strip().split("\n\n")[:limit]:
        rows = [line.split("\t") for line in block.splitlines()]
        # Left out: comments, "1-2", how two words are spelled together, and "1.1", a word that is only thought.
        words = [row for row in rows if row[0].isdecimal()]
        if short := [row for row in words if len(row) < 4]:
            raise TextError(
                f"{files[0]}: expected ten columns, found {len(short[0])}: {short[0]}", hint="is it CoNLL-U?"
            )
        sentences.append(([row[1] for row in words], [row[3] for row in words]))
    return sentences


def make_batches(part: str, text: list[Sentence], tags: list[str], embedder: ElmoEmbedder) -> list[Batch]:
    """Sentences of like lengths together, so that little is padding, with the layers that ELMo has for them."""
    text = sorted(text, key=lambda sentence: len(sentence[0]))
    numbers = {tag: number for number, tag in enumerate(tags)}
    arrays = embedder.embed_sentences((words for words, _ in text), batch_size=512)
    progress = Progress(f"vectors of {part}", sum(len(words) for words, _ in text))
    batches = []
    for first in range(0, len(text), ROWS):
        piece = text[first : first + ROWS]
        # A tag that training does not have is -1, which no tagger gives.
        tags_N = torch.tensor([numbers.get(tag, -1) for _, tags in piece for tag in tags])
        layers_LNE = torch.cat([torch.from_numpy(next(arrays)) for _ in piece], dim=1)
        batches.append(Batch([words for words, _ in piece], tags_N, layers_LNE))
        progress.add(len(tags_N))
    return batches


def count(batches: list[Batch]) -> int:
    """Words in batches."""
    return sum(len(batch.tags_N) for batch in batches)


class Progress:
    """Where a stage takes longer than 2 seconds, a line on stderr now and then: how far, how fast, how long still."""

    def __init__(self, stage: str, words: int) -> None:
        self.stage, self.words, self.done = stage, words, 0
        self.began = time.monotonic()
        self.due = self.began + 2

    def add(self, words: int) -> None:
        """Counts words that are done."""
        self.done += words
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + 10
        rate = self.done / (now - self.began)
        left = f"{rate:,.0f} words/s, {(self.words - self.done) / rate:.0f} s left"
        print(f"{self.stage}: {self.done:,} of {self.words:,} words, {left}", file=sys.stderr)


if __name__ == "__main__":
    main()
