"""Reads a text to be scored: its sentences as numbers, which file each is from, and how large the original is."""

from array import array
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.config import InputConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.found_inputs import found_inputs
from elmo_cli.flows.models.loaded import LoadedModel
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.measure.scored_text import TextSize
from elmo_cli.text.prepared import is_prepared, read_prepared
from elmo_cli.text.sources import BlockReader, BlockText, read_block
from elmo_cli.text.store import EncodedText, TextEncoder
from elmo_cli.text.tokenizers import Tokenizer, WhitespaceTokenizer
from elmo_cli.text.vocabulary import Vocabulary

SPLITS = ("held-out", "test", "train")
"""What may be read of a prepared folder."""


@dataclass(frozen=True, kw_only=True)
class EvaluationText:
    """A text that is ready to be scored."""

    text: EncodedText
    files: Sequence[str]
    """Names of the files."""
    files_S: npt.NDArray[np.int64]
    """Which of them each sentence is from."""
    paragraphs_S: npt.NDArray[np.int64]
    """Which paragraph each sentence is from: the same number for every model that reads this text."""
    bytes_P: npt.NDArray[np.int64]
    """Bytes of each paragraph, its line end included."""
    size: TextSize | None
    """Of the original; None where that is not at hand: in prepared folders and tagged files."""


def read_evaluation_text(
    inputs: Sequence[str],
    *,
    model: LoadedModel,
    vocabulary: Vocabulary,
    reading: InputConfig,
    text: TextConfig,
    split: str = "held-out",
) -> Generator[Report, None, EvaluationText]:
    """Reads text as the model's own was read.

    Memory holds 4 bytes a token, 32 a sentence, and the lexicon.

    Args:
        inputs: Files, folders, glob patterns, ``-``; or one prepared folder.
        model: Whose tokenizer and character table are used.
        vocabulary: Its classes.
        reading: How files are read.
        text: How their text is cut.
        split: Of a prepared folder: ``held-out``, ``test`` or ``train``.

    Raises:
        TextError: An input is missing or unreadable, or there is no sentence.
        ConfigError: There is no such split.
    """
    tokenizer: Tokenizer = model.make_tokenizer(text)
    prepared = len(inputs) == 1 and is_prepared(Path(inputs[0]))
    if prepared:
        paths, tokenizer = _split_of(Path(inputs[0]), split), WhitespaceTokenizer()
        reading = InputConfig()
        yield Notice(text=f"reading the {split} text of {inputs[0]}")
    else:
        paths = yield from found_inputs(inputs)
    builder, reader = _Builder(vocabulary), BlockReader(paths, reading)
    size = None if prepared else TextSize(bytes=0, characters=0, words=0)
    replaced = 0
    for block in reader:
        found = read_block(block, reading)
        builder.take(block.name, found, tokenizer)
        replaced += found.oddities["replaced bytes"]
        size = None if size is None or found.tokenised else sum(map(TextSize.of, found.paragraphs), size)
        yield Progress(stage="reading text", done=reader.bytes_read, total=reader.total_bytes, unit="bytes")
    if replaced:
        yield Notice(text=f"bytes that were not {reading.encoding} became U+FFFD in {replaced:,} places", warning=True)
    if not builder.files_S:
        raise TextError(f"{', '.join(inputs)}: no sentence found", hint="check that the text is not empty")
    yield Notice(text=f"{builder.encoder.num_tokens:,} tokens in {len(builder.files_S):,} sentences")
    return builder.finish(model.max_characters, size)


class _Builder:
    """Numbers sentences as they come."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.encoder = TextEncoder(vocabulary)
        self.files: list[str] = []
        self.files_S = array("q")
        self.paragraphs_S = array("q")
        self.bytes_P = array("q")

    def take(self, name: str, found: BlockText, tokenizer: Tokenizer) -> None:
        """Takes the sentences of a block of a file."""
        if not self.files or self.files[-1] != name:
            self.files.append(name)
        for paragraph in found.paragraphs:
            sentences = [tokenizer.of_tokenised(paragraph)] if found.tokenised else tokenizer.sentences(paragraph)
            for sentence in filter(None, sentences):
                self.encoder.add(sentence)
                self.files_S.append(len(self.files) - 1)
                self.paragraphs_S.append(len(self.bytes_P))
            self.bytes_P.append(len(paragraph.encode(errors="surrogatepass")) + 1)

    def finish(self, max_characters: int, size: TextSize | None) -> EvaluationText:
        """All of it."""
        return EvaluationText(
            text=self.encoder.finish(max_characters),
            files=self.files,
            files_S=np.array(self.files_S, dtype=np.int64),
            paragraphs_S=np.array(self.paragraphs_S, dtype=np.int64),
            bytes_P=np.array(self.bytes_P, dtype=np.int64),
            size=size,
        )


def _split_of(folder: Path, split: str) -> list[Path]:
    corpus = read_prepared(folder)
    if split == "train":
        return list(corpus.shards)
    if split not in SPLITS:
        raise ConfigError(f"--split {split}: expected {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    file = corpus.held_out if split == "held-out" else corpus.test
    if file is None:
        what = "held out of it" if split == "held-out" else "kept for testing"
        raise TextError(f"{folder}: nothing was {what}", hint="name a text file to score")
    return [file]
