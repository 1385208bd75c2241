"""The SentencePiece model of a corpus that is being made: the one that the user gives, or one learned from the text."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from elmo_cli.config import InputConfig, PiecesConfig, TextConfig
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.processes import map_in_order
from elmo_cli.text.normalization import Normaliser
from elmo_cli.text.pieces import LARGEST_PIECES_FILE, load_pieces
from elmo_cli.text.pieces_training import learning
from elmo_cli.text.readers import STDIN
from elmo_cli.text.sampling import Drawn, SentenceSample, draw
from elmo_cli.text.sentences import SentenceSplitter
from elmo_cli.text.sources import Block, BlockReader, read_block

_Item = tuple[Block, float]


def read_pieces(path: Path) -> bytes:
    """The bytes of a SentencePiece model, checked to be one.

    Raises:
        TextError: It is missing, far too large, or none.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_PIECES_FILE:
            raise TextError(
                f"{path}: expected a SentencePiece model of at most {LARGEST_PIECES_FILE:,} bytes, found {size:,}"
            )
        model = path.read_bytes()
    except OSError as error:
        raise TextError(f"{path}: cannot be read: {error.strerror or error}", hint="check --pieces-model") from error
    load_pieces(model, str(path))
    return model


def learn_pieces(
    paths: Sequence[Path],
    *,
    reading: InputConfig,
    text: TextConfig,
    pieces: PiecesConfig,
    processes: int = 1,
    workspace: Path | None = None,
) -> Generator[Report, None, bytes]:
    """Learns pieces from a sample of a text, the same for any number of processes.

    Args:
        paths: The files, as for :class:`~elmo_cli.text.sources.BlockReader`. They are read to their end, and so once
            more than the text alone needs.
        workspace: Folder for the sample; None takes the system's place for temporary files.

    Returns:
        The bytes of the model.

    Raises:
        ConfigError: The text is standard input, which can be read only once; or the size does not hold its characters.
        TextError: A file cannot be read, or there is no sentence in any.
    """
    if STDIN in paths:
        raise ConfigError(
            "standard input can be read once, and learning pieces takes one more time",
            hint="put the text into a file, or give a model that is learned already: --pieces-model FILE",
        )
    sample = SentenceSample(pieces.sample_sentences)
    reader = BlockReader(paths, reading)
    drawing = map_in_order(
        _draw, _with_lots(reader, sample), processes=processes, prepare=_prepare, arguments=(reading, text)
    )
    for number, drawn in drawing:
        sample.add(number, drawn)
        yield Progress(
            stage="sampling sentences", done=reader.bytes_read, total=reader.total_bytes, unit="bytes", note=""
        )
    sentences = sample.sentences()
    yield Notice(text=f"learning {pieces.size:,} pieces ({pieces.algorithm}) from {len(sentences):,} sentences")
    model = yield from _learn(sentences, pieces, workspace)
    found = load_pieces(model, "what was learned").get_piece_size()
    if found < pieces.size:
        yield Notice(text=f"the text yields {found:,} pieces, fewer than the {pieces.size:,} of --pieces", warning=True)
    return model


def _learn(sentences: Sequence[str], pieces: PiecesConfig, workspace: Path | None) -> Generator[Report, None, bytes]:
    rounds = learning(sentences, pieces, workspace)
    with closing(rounds):
        while True:
            try:
                yield Progress(stage="learning pieces", done=next(rounds), total=None, unit="rounds")
            except StopIteration as end:
                model: bytes = end.value
                return model


def _with_lots(reader: BlockReader, sample: SentenceSample) -> Iterator[_Item]:
    # The bound only spares work: what lies above it now cannot get in later.
    return ((block, sample.below) for block in reader)


_worker: tuple[InputConfig, SentenceSplitter, Normaliser]
"""What every block needs, once in each process."""


def _prepare(reading: InputConfig, text: TextConfig) -> None:
    global _worker
    _worker = reading, SentenceSplitter(text.language), Normaliser(text)


def _draw(item: _Item) -> tuple[int, Drawn]:
    block, below = item
    reading, splitter, normaliser = _worker
    return block.number, draw(read_block(block, reading).paragraphs, block.number, below, splitter, normaliser)
