"""A model made ready to say how probable text is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ModelError
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import CHUNK_POSITIONS, packed_chunks, score, sentence_sequences
from elmo_cli.flows.models.loaded import LoadedModel, load_model, start_state
from elmo_cli.flows.models.token_vectors import TokenVectors
from elmo_cli.measure.scored_text import ScoredText, TextSize
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.softmax import Softmax
from elmo_cli.text.store import EncodedText, encode
from elmo_cli.text.vocabulary import Vocabulary
from elmo_cli.text.windows import Line


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """A model with its softmax, its vocabulary and the state that text starts from."""

    model: LoadedModel
    softmax: Softmax
    vocabulary: Vocabulary
    start: LstmState
    start_name: str
    """What the start state is, for the record."""

    def encode(self, sentences: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> EncodedText:
        """Sentences of tokens as numbers."""
        return encode(sentences, self.vocabulary, self.model.max_characters)

    def losses(self, sentences: Sequence[Sequence[str]], budget: int = CHUNK_POSITIONS) -> LineLosses:
        """Losses of sentences that each begin from the start state."""
        losses = LineLosses(Line(self.encode(sentences)))
        model, sequences = self.model, sentence_sequences(losses.line)
        for _ in score(model.bilm, self.softmax, sequences, self.start, losses, budget, precision=model.precision):
            pass
        return losses

    @torch.no_grad()
    def log_probabilities(self, sentence: Sequence[str], place: int) -> npt.NDArray[np.float64]:
        """What may stand at a place of a sentence, whatever does: log-probabilities (G, V) from either side.

        Args:
            sentence: Tokens. The one at ``place`` is never read.
            place: From 0.
        """
        line = Line(self.encode([sentence]))
        tokens = TokenVectors(self.model.bilm, line.text)
        state, hidden_GD = self.start.expand(1), []
        wanted = (place, len(sentence) - 1 - place)
        done = 0
        for positions_N, sizes in packed_chunks(np.zeros(1, np.int64), np.array([max(wanted) + 1])):
            outputs, state = self.model.bilm(tokens.distinct(line.read(positions_N).inputs_GX), sizes, state)
            hidden_GD += [
                (direction, outputs[-1][direction, at - done])
                for direction, at in enumerate(wanted)
                if done <= at < done + len(positions_N)
            ]
            done += len(positions_N)
        hidden = torch.stack([vector for _, vector in sorted(hidden_GD, key=lambda pair: pair[0])])
        logits_GV = torch.addmm(self.softmax.bias_V, hidden, self.softmax.weight_VD.t()).double()
        return torch.log_softmax(logits_GV, dim=1).cpu().numpy()


def open_scorer(
    model_dir: Path | str,
    *,
    start: str = "model",
    device: str = "auto",
    threads: int | None = None,
    precision: str = "fp32",
) -> Scorer:
    """Loads a model to score with.

    Args:
        model_dir: As :func:`elmo_cli.flows.models.loaded.load_model` takes it; it must have its softmax and its
            vocabulary.
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.loaded.start_state`.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        precision: Of matrix products; see :func:`elmo_cli.flows.models.loaded.load_model`.

    Raises:
        ModelError: The model has no softmax, or is not usable.
        ConfigError: The start state or device is none that there is.
    """
    target = pick_device(device)
    use_threads(threads)
    model = load_model(model_dir, target, precision=precision)
    if model.softmax is None or model.vocabulary is None:
        raise ModelError(
            f"{model.path}: has no softmax, and probabilities need one",
            hint="published weights come without it; vectors work: elmo embed",
        )
    state, name = start_state(model, start)
    return Scorer(model=model, softmax=model.softmax, vocabulary=model.vocabulary, start=state, start_name=name)


def scored_text(losses: LineLosses, size: TextSize | None = None) -> ScoredText:
    """A text with all its losses, for :mod:`elmo_cli.measure`. The line must be in the order of the text."""
    assert losses.complete, "a position has no loss"
    text = losses.line.text
    types_N = np.asarray(text.tokens_N).astype(np.int64)
    known_N = losses.known_N
    return ScoredText(
        classes_N=np.where(known_N, types_N, text.vocabulary.unknown_id),
        types_N=types_N,
        lengths_S=losses.line.lengths_S,
        words_GN=losses.words_GN.astype(np.float64),
        boundaries_GS=losses.boundaries_GS.astype(np.float64),
        known_N=known_N,
        size=size,
    )
