"""Losses of whole files, kept in a folder, so that an evaluation of many files that was interrupted goes on.

A file of losses is named by what it was computed from: the model's weights, its vocabulary, the start state, and the
tokens of the file's sentences. So nothing that is found can be of something else, and nothing is recorded beside it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmo_cli.errors import OutputError
from elmo_cli.files import whole_file
from elmo_cli.flows.evaluation.evaluation_text import EvaluationText
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scorer import Scorer

FORMAT = "elmo losses 1"
"""Changes when the same name would stand for other numbers."""

AGAIN = "delete it; the losses are computed again"


@dataclass(frozen=True)
class KeptFile:
    """One file of a text, and where its losses are kept."""

    path: Path
    sentences: slice
    """Its sentences."""
    positions: slice
    """Its positions on the line of the text."""

    def read(self, losses: LineLosses) -> None:
        """Takes the losses from the folder.

        Raises:
            OutputError: The file is not one of ours.
        """
        expected = (2, self.positions.stop - self.positions.start)
        try:
            found = np.load(self.path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise OutputError(f"{self.path}: cannot be read: {error}", hint=AGAIN) from error
        if getattr(found, "shape", None) != expected or found.dtype != np.float32 or not np.isfinite(found).all():
            raise OutputError(f"{self.path}: expected {expected} finite losses", hint=AGAIN)
        losses.losses_GP[:, self.positions] = found

    def write(self, losses: LineLosses) -> None:
        """Keeps the losses.

        Raises:
            OutputError: They cannot be written.
        """
        with whole_file(self.path) as partial, partial.open("wb") as stream:
            np.save(stream, losses.losses_GP[:, self.positions])


def kept_files(folder: Path, scorer: Scorer, read: EvaluationText, losses: LineLosses) -> list[KeptFile]:
    """The files of a text that have a sentence, in its order."""
    origin = _origin(scorer)
    ends_S = losses.line.ends_S
    bounds = np.flatnonzero(np.diff(read.files_S)) + 1
    found = []
    for first, last in zip([0, *bounds.tolist()], [*bounds.tolist(), len(ends_S)], strict=True):
        digest = origin.copy()
        starts = np.asarray(read.text.starts[first : last + 1], dtype=np.int64)
        digest.update(np.diff(starts).tobytes())
        ids_N = np.asarray(read.text.tokens_N[starts[0] : starts[-1]])
        digest.update("\n".join(read.text.lexicon[number] for number in ids_N.tolist()).encode(errors="surrogatepass"))
        begin = int(ends_S[first - 1]) if first else 0
        path = folder / f"{digest.hexdigest()[:40]}.npy"
        found.append(KeptFile(path, slice(first, last), slice(begin, int(ends_S[last - 1]))))
    return found


def _origin(scorer: Scorer) -> "hashlib._Hash":
    """A digest of all that losses depend on but the text."""
    digest = hashlib.sha256(FORMAT.encode())
    digest.update(scorer.model.fingerprint.encode())
    if scorer.model.precision != "fp32":
        digest.update(scorer.model.precision.encode())
    digest.update(scorer.vocabulary.sha256.encode())
    for values in (scorer.softmax.weight_VD, scorer.softmax.bias_V, *scorer.start):
        digest.update(np.ascontiguousarray(values.cpu().numpy()).data)
    return digest
