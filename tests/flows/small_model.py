"""A model of a few hundred random weights with its softmax, on the disk and as NumPy has it."""

from pathlib import Path

import numpy as np

from elmo_cli.config import CharCnnConfig, LstmConfig, ModelConfig
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.text.vocabulary import Vocabulary
from tests import numpy_elmo as reference

CONFIG = ModelConfig(
    char_cnn=CharCnnConfig(embedding_dim=4, filters=((1, 3), (2, 4), (3, 5)), highways=1, max_characters=12),
    lstm=LstmConfig(cell_dim=9, projection_dim=5, cell_clip=0.9, projection_clip=0.7),
)
WORDS = ["<S>", "</S>", "<UNK>", "the", ".", "bank", "a"]


class SmallModel:
    """A model folder with random weights, and what NumPy says about a text under it."""

    def __init__(self, folder: Path, *, seed: int = 3) -> None:
        self.folder = folder
        Vocabulary(WORDS).write(folder.parent / "vocab.txt")
        self.weights = reference.random_model(CONFIG, seed=seed)
        rng = np.random.default_rng(seed + 1)
        self.softmax = (rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=7).astype(np.float32))
        self.start = (
            rng.normal(size=(2, 2, 9)).astype(np.float32) * 0.3,
            rng.normal(size=(2, 2, 5)).astype(np.float32) * 0.3,
        )
        files = ModelFiles(
            config=CONFIG,
            weights=self.weights,
            softmax=self.softmax,
            start_state=self.start,
            vocabulary_path=folder.parent / "vocab.txt",
            info={"text": {"tokenizer": "whitespace"}},
        )
        write_model_folder(folder, files)

    def losses(
        self, sentences: list[list[str]], state: reference.State
    ) -> tuple[list[float], list[float], reference.State]:
        """Loss of every target of both directions over sentences read one after another, and the state at the end."""
        losses: tuple[list[float], list[float]] = ([], [])
        ids = {word: number for number, word in enumerate(WORDS)}
        for words in sentences:
            inputs = np.stack([[self._row(w) for w in ["<S>", *words]], [self._row(w) for w in ["</S>", *words[::-1]]]])
            top_GBTD, state = reference.read_window(self.weights, CONFIG, inputs[:, None], state)
            for direction, targets in enumerate(([*words, "</S>"], [*words[::-1], "<S>"])):
                numbers = np.array([ids.get(word, 2) for word in targets])
                losses[direction].extend(reference.full_losses(top_GBTD[direction, 0], numbers, *self.softmax))
        return *losses, state

    def start_state(self) -> reference.State:
        """The state that the folder records, for one row."""
        return reference.State(self.start[0][:, :, None], self.start[1][:, :, None])

    def _row(self, word: str) -> list[int]:
        return reference.word_characters(word, 12)
