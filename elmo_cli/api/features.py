"""Files of vectors: one call that opens any of them, and a data set of them for training."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from elmo_cli.formats.feature_file import FeatureFile
from elmo_cli.formats.feature_reader import read_any


def open_features(path: str | os.PathLike[str]) -> FeatureFile:
    """Opens vectors of sentences in any layout, by ``elmo embed``, AllenNLP, bilm-tf or ELMoForManyLangs.

    What comes is a sequence of arrays (L, n, E) or (n, E) in the order of the text, each read when it is asked for, and
    a context manager. It has ``lines``, ``attributes``, ``at_line(number)``, ``by_sentence(text)``, ``by_key(key)``,
    ``tokens(i)``, ``sentence(i)`` and ``key(i)``. One process uses what it opened itself; :class:`FeatureDataset` sees
    to that.

    Args:
        path: A file, or a folder of npy files.

    Raises:
        ModelError: It holds something else, or is damaged.

    Example:
        >>> import tempfile
        >>> from elmo_cli.formats.feature_writer import FeatureForm, open_writer
        >>> path = Path(tempfile.mkdtemp()) / "vectors.hdf5"
        >>> with open_writer(path, form=FeatureForm(width=8), attributes={}) as writer:
        ...     writer.write(0, np.zeros((3, 2, 8), np.float32), sentence="Hello world")
        ...     _ = writer.finish()
        >>> with open_features(path) as features:
        ...     len(features), features[0].shape, features.by_sentence("Hello world").shape
        (1, (3, 2, 8), (3, 2, 8))
    """
    return read_any(Path(path))


class FeatureDataset(Dataset[Tensor]):
    """The vectors of a file as a map-style data set: item ``i`` is the i-th sentence, a float tensor.

    Every process opens the file for itself when it first reads, so it goes with any number of workers of a DataLoader.

    Args:
        path: As for :func:`open_features`.

    Raises:
        ModelError: The file holds something else, or is damaged.

    Example:
        ``DataLoader(FeatureDataset("vectors.hdf5"), batch_size=32, num_workers=2, collate_fn=pad_features)``
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with open_features(path) as features:
            self._length = len(features)
        self._opened: tuple[int, FeatureFile] | None = None

    @property
    def features(self) -> FeatureFile:
        """The file, as this process has it open."""
        # HDF5 forgets nothing in a fork: a file opened before it would be read at one place by two processes.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), open_features(self.path)
        return self._opened[1]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Tensor:
        """The vectors of a sentence, (L, n, E) or (n, E), in float32 or float16 as the file has them."""
        return torch.from_numpy(np.array(self.features[index], order="C"))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None}


def pad_features(batch: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sentences of a batch in one tensor, zeros behind the shorter ones; a ``collate_fn`` for DataLoaders.

    Args:
        batch: Vectors (L, n, E) or (n, E) of each sentence.

    Returns:
        Vectors (B, L, T, E) or (B, T, E), and the mask (B, T), true where there is a token.
    """
    longest = max(vectors.shape[-2] for vectors in batch)
    first = batch[0]
    padded = first.new_zeros((len(batch), *first.shape[:-2], longest, first.shape[-1]))
    mask_BT = torch.zeros((len(batch), longest), dtype=torch.bool)
    for row, vectors in enumerate(batch):
        padded[row, ..., : vectors.shape[-2], :] = vectors
        mask_BT[row, : vectors.shape[-2]] = True
    return padded, mask_BT
