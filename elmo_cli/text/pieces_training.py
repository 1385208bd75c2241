"""Learns SentencePiece's inventory from a sample of a text: the same bytes for the same text and settings."""

import json
import re
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from elmo_cli.config import PiecesConfig
from elmo_cli.errors import ConfigError, ElmoError, TextError
from elmo_cli.text.packages import import_package

LONGEST = 1_000
"""Characters of a sample sentence; longer ones are cut, because SentencePiece would leave them out whole."""

THREADS = 4
"""Fixed: sums over threads are rounded in their order, and pieces hang on them."""

EVERY = 0.5
"""Seconds between two looks at how far it is."""

SPACED = 0.05
"""Share of spaces from which on a text is taken to have spaces between words; English has 0.18, Japanese 0.00."""

_PROGRAM = "import json, sys, sentencepiece; sentencepiece.SentencePieceTrainer.train(**json.loads(sys.argv[1]))"
_ROUND = re.compile(rb"EM sub_iter=|Added: |Merged: ")
"""What SentencePiece logs of each round of ``unigram``, and once for many pieces of ``bpe``."""
_TOO_FEW = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def learning(
    sentences: Sequence[str], config: PiecesConfig, workspace: Path | None = None
) -> Generator[int, None, bytes]:
    """Learns an inventory, and yields every so often how many rounds SentencePiece has done.

    SentencePiece runs in a process of its own: its log stays out of the way, its memory comes back, and where it ends
    the process, only that one ends. It normalises nothing; the sentences are in their form already.

    Args:
        sentences: Single-spaced sentences, as :class:`~elmo_cli.text.sampling.SentenceSample` gives them.
        config: Size, algorithm and character coverage. A text too small for the size gives fewer pieces.
        workspace: Where the sample is written for a while; None takes the system's place for temporary files.

    Returns:
        The bytes of the model.

    Raises:
        ConfigError: The size does not even hold the characters.
        TextError: There is nothing to learn from.
        ElmoError: SentencePiece is missing, or failed otherwise.
    """
    if not any(sentences):
        raise TextError("no sentence to learn pieces from", hint="check that the text is not empty")
    import_package("sentencepiece")
    with TemporaryDirectory(prefix=".partial-pieces-", dir=workspace) as name:
        folder = Path(name)
        with (folder / "sample.txt").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{part}\n" for sentence in sentences for part in _short(sentence))
        # Relative names, because the model records them.
        settings = {
            "input": "sample.txt",
            "model_prefix": "tokenizer",
            "vocab_size": config.size,
            "model_type": config.algorithm,
            "character_coverage": config.character_coverage,
            "normalization_rule_name": "identity",
            "hard_vocab_limit": False,
            # As if a space stood before the first word, so that it is the same piece at the beginning and further on.
            "add_dummy_prefix": _share_of_spaces(sentences) >= SPACED,
            "max_sentence_length": 4 * LONGEST,
            "num_threads": THREADS,
            "bos_id": -1,
            "eos_id": -1,
        }
        log = folder / "log.txt"
        status = yield from _run([sys.executable, "-c", _PROGRAM, json.dumps(settings)], log)
        if status:
            raise _failure(log.read_text("utf-8", "replace"), status, len(sentences), config)
        return (folder / "tokenizer.model").read_bytes()


def _run(command: list[str], log: Path) -> Generator[int, None, int]:
    """Runs a program in its log's folder; yields the rounds in the log, returns the exit status."""
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=log.parent, stdout=stream, stderr=stream)
        try:
            ended = False
            while not ended:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(EVERY)
                    ended = True
                yield len(_ROUND.findall(log.read_bytes()))
        finally:
            process.kill()
            process.wait()
    return process.returncode


def _share_of_spaces(sentences: Sequence[str]) -> float:
    return sum(sentence.count(" ") for sentence in sentences) / sum(map(len, sentences))


def _short(sentence: str) -> Iterator[str]:
    for begin in range(0, len(sentence), LONGEST):
        yield sentence[begin : begin + LONGEST]


def _failure(log: str, status: int, sentences: int, config: PiecesConfig) -> ElmoError:
    if found := _TOO_FEW.search(log):
        characters = int(found[1])
        return ConfigError(
            f"--pieces {config.size:,}: the text has {characters:,} characters that need a piece each",
            hint=f"ask for {max(config.size, 2 * characters):,} or more, or spell fewer of them: "
            "--character-coverage 0.99",
        )
    if status < 0:
        return ElmoError(
            f"SentencePiece was ended by signal {-status} while it learned from {sentences:,} sentences; most often "
            "that is the system, for want of memory",
            hint="learn from fewer: --set pieces.sample_sentences=100000",
        )
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it gave no reason")
    return ElmoError(f"SentencePiece could not learn {config.size:,} pieces from {sentences:,} sentences: {last}")
