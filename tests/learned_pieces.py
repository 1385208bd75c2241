"""A SentencePiece model learned from sentences, for tests that do not watch it learn."""

from collections.abc import Sequence
from pathlib import Path

from elmo_cli.config import PiecesConfig
from elmo_cli.text.pieces_training import learning


def train_pieces(sentences: Sequence[str], config: PiecesConfig, workspace: Path | None = None) -> bytes:
    """:func:`learning` to its end, for those who show nothing meanwhile."""
    rounds = learning(sentences, config, workspace)
    while True:
        try:
            next(rounds)
        except StopIteration as end:
            model: bytes = end.value
            return model
