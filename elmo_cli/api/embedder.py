"""Vectors of sentences as arrays, in the place of ``allennlp.commands.elmo.ElmoEmbedder``."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from elmo_cli.api.loading import Place, load_one
from elmo_cli.device import named_device
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.models.loaded import start_state
from elmo_cli.flows.vectors.agreement import measure_agreement
from elmo_cli.flows.vectors.embedding import STATES, Sentence, SentenceEmbedder, Vectors, layer_choice
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_writer import open_writer
from elmo_cli.model.lstm import LstmState
from elmo_cli.model.precision import check_inference_precision

FORMATS = ("all", "top", "average")


class ElmoEmbedder:
    """All layers of an ELMo for tokenised sentences, as arrays and without gradient.

    Methods have the signatures and shapes of AllenNLP 0.9. Under ``warm`` and ``zero`` a sentence's vectors depend on
    the sentence alone; ``carry`` computes what AllenNLP did, where they depend on the batches before.

    Args:
        options_file: ``options.json``.
        weight_file: ``weights.hdf5``.
        cuda_device: Number of the GPU; -1 computes on the CPU.
        model_dir: A model folder, instead of the two files.
        state: What sentences begin from: ``warm`` (the model's recorded start state, or a fixed neutral text),
            ``zero``, or ``carry`` (where the same place of the batch before ended).
        normalize: Whether every vector that is given or written is scaled to length 1.
        precision: Of matrix products: ``fp32``, ``bf16``, on CUDA ``tf32``, on CPUs ``int8``, whose first vectors are
            compared with those of float32.

    Raises:
        ConfigError: The arguments do not go together, or this machine has no such GPU or products. Methods raise it
            where int8 is too far from float32 on their first sentences.
        ModelError: The files cannot be read or do not fit together.
    """

    def __init__(
        self,
        options_file: Place | None = None,
        weight_file: Place | None = None,
        cuda_device: int = -1,
        *,
        model_dir: Place | None = None,
        state: str = "warm",
        normalize: bool = False,
        precision: str = "fp32",
    ) -> None:
        if state not in STATES:
            raise ConfigError(f"state={state!r}: expected {', '.join(STATES)}")
        device = named_device("cpu" if cuda_device < 0 else f"cuda:{cuda_device}")
        check_inference_precision(precision, device)
        self.model = replace(load_one(options_file, weight_file, model_dir), precision=precision)
        self.model.bilm.to(device)
        self.state = state
        self.normalize = normalize
        start, _ = start_state(self.model, "model" if state == "warm" else "zero")
        start = LstmState(*(part.to(device) for part in start))
        self._start = start
        self._embedder = SentenceEmbedder(self.model, start, carry=state == "carry")
        self._compared = precision != "int8"

    def reset_states(self) -> None:
        """Forgets the state that ``state="carry"`` took from batch to batch."""
        self._embedder = SentenceEmbedder(self.model, self._start, carry=self.state == "carry")

    def batch_to_embeddings(self, batch: Iterable[Sentence]) -> tuple[Tensor, Tensor]:
        """Vectors of a batch, padded to its longest sentence.

        Args:
            batch: Tokenised sentences.

        Returns:
            Vectors (B, L, T, E), zeros in the padding, and the mask (B, T), bool, both on the embedder's device.
        """
        arrays = self.embed_batch(batch)
        config = self.model.bilm.config
        longest = max((array.shape[1] for array in arrays), default=0)
        vectors_BLTE = np.zeros((len(arrays), config.vector_layers, longest, config.vector_dim), np.float32)
        mask_BT = np.zeros((len(arrays), longest), np.bool_)
        for row, vectors_LTE in enumerate(arrays):
            vectors_BLTE[row, :, : vectors_LTE.shape[1]] = vectors_LTE
            mask_BT[row, : vectors_LTE.shape[1]] = True
        device = self.model.device
        return torch.from_numpy(vectors_BLTE).to(device), torch.from_numpy(mask_BT).to(device)

    def embed_sentence(self, sentence: Sentence) -> Vectors:
        """Vectors (L, n, E) of one sentence of n tokens, float32; n may be 0."""
        return self.embed_batch([sentence])[0]

    def embed_batch(self, batch: Iterable[Sentence]) -> list[Vectors]:
        """Vectors (L, n, E) of each sentence of a batch, float32.

        Raises:
            ValueError: The batch is one sentence, or text that nobody cut into tokens.
        """
        return [self._scaled(vectors) for vectors in self._embed(batch)]

    def embed_sentences(self, sentences: Iterable[Sentence], batch_size: int = 64) -> Iterator[Vectors]:
        """Vectors (L, n, E) of any number of sentences, in their order, as they are asked for.

        Args:
            sentences: Tokenised sentences.
            batch_size: Sentences computed together. It decides the result under ``carry`` and nowhere else.
        """
        return map(self._scaled, self._embed_all(sentences, batch_size))

    def embed_file(
        self,
        input_file: IO[str],
        output_file_path: Place,
        output_format: str = "all",
        batch_size: int = 64,
        forget_sentences: bool = False,
        use_sentence_keys: bool = False,
    ) -> None:
        """Writes the vectors of every line of a text to HDF5, in AllenNLP's layout.

        What stops it leaves nothing behind; ``elmo embed`` goes on where it was stopped.

        Args:
            input_file: Text, one sentence a line, tokens between spaces. It is closed at the end.
            output_file_path: The file, which appears whole, in the place of an older one.
            output_format: ``all`` (L, n, E); ``top`` or ``average`` (n, E).
            batch_size: Sentences computed together.
            forget_sentences: Whether to leave out ``sentence_to_index``.
            use_sentence_keys: Whether the sentences themselves are the keys, instead of line numbers. HDF5 takes a
                ``/`` in them for the end of a group's name.

        Raises:
            ConfigError: The format is none of these.
            TextError: A line is blank; or, as a key, a sentence occurs twice or is no name for HDF5.
            OutputError: The place cannot be written to.
        """
        if output_format not in FORMATS:
            raise ConfigError(f"output_format={output_format!r}: expected {', '.join(FORMATS)}")
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size}: expected at least 1")
        with input_file:
            lines = [line.strip() for line in input_file]
        blank = [number for number, line in enumerate(lines, 1) if not line]
        if blank:
            shown = ", ".join(map(str, blank[:5]))
            raise TextError(
                f"line {shown}: blank, where a sentence was expected",
                hint="remove blank lines, or let elmo embed --blank-lines skip pass over them",
            )
        pick = layer_choice(output_format, self.model.bilm.config.vector_layers)
        arrays = (self._scaled(pick(array)) for array in self._embed_all((line.split() for line in lines), batch_size))
        attributes = self.model.feature_attributes(layers=output_format, state=self.state)
        if self.normalize:
            attributes["normalized"] = "every vector has length 1"
        form = FeatureForm(
            layers=self.model.bilm.config.vector_layers if output_format == "all" else None,
            width=self.model.bilm.config.vector_dim,
            sentence_keys=use_sentence_keys,
            forget_sentences=forget_sentences,
        )
        self._write(Path(output_file_path), form, attributes, lines, arrays, batch_size)

    def _write(
        self,
        path: Path,
        form: FeatureForm,
        attributes: dict[str, str],
        lines: list[str],
        arrays: Iterator[Vectors],
        batch_size: int,
    ) -> None:
        # With an origin that no other call has, nothing is gone on with: under ``carry`` the state would be missing.
        origin = {"call": [os.getpid(), time.time_ns()]}
        with closing(open_writer(path, form=form, attributes=attributes, origin=origin, overwrite=True)) as writer:
            try:
                for first in range(0, len(lines), batch_size):
                    some = lines[first : first + batch_size]
                    vectors = list(islice(arrays, len(some)))
                    writer.write_many(range(first, first + len(some)), vectors, sentences=some)
                writer.finish()
            except TextError as error:
                writer.discard()
                hint = "leave use_sentence_keys away: line numbers are keys without exception"
                raise TextError(error.message, hint=hint) from error
            except BaseException:
                writer.discard()
                raise

    def _embed_all(self, sentences: Iterable[Sentence], batch_size: int) -> Iterator[Vectors]:
        if batch_size < 1:
            raise ConfigError(f"batch_size={batch_size}: expected at least 1")
        remaining = iter(sentences)
        while batch := list(islice(remaining, batch_size)):
            yield from self._embed(batch)

    def _embed(self, batch: Iterable[Sentence]) -> list[Vectors]:
        sentences = [sentence if isinstance(sentence, str) else list(sentence) for sentence in batch]
        if isinstance(batch, str) or any(isinstance(sentence, str) for sentence in sentences):
            raise ValueError("expected a list of sentences, each a list of tokens, found a string in the place of one")
        if not sentences:
            return []
        with torch.autocast(self.model.device.type, enabled=False):  # a program may be inside of one
            if not self._compared and (agreement := measure_agreement(self.model, self._start, sentences)):
                agreement.check()
                self._compared = True
            if self.state == "carry":
                return self._embedder.embed_batch(sentences)
            return self._embedder.embed(sentences)

    def _scaled(self, vectors: Vectors) -> Vectors:
        if not self.normalize:
            return vectors
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
