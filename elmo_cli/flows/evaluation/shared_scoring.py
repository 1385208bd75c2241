"""Scoring by one process or several, and file by file where losses are kept."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.flows.evaluation.evaluation_text import EvaluationText
from elmo_cli.flows.evaluation.kept_scores import kept_files
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scorer import Scorer
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences
from elmo_cli.flows.evaluation.shared_losses import gather_losses
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.model.lstm import LstmState
from elmo_cli.train.process_group import ProcessGroup

Ids = npt.NDArray[np.int64]

EVERYWHERE = slice(None)


def score_shared(
    scorer: Scorer,
    sequences: tuple[Ids, Ids],
    start: LstmState,
    losses: LineLosses,
    budget: int,
    group: ProcessGroup,
    positions: slice = EVERYWHERE,
) -> Iterator[int]:
    """Scores sequences, each process its share of the batches; afterwards all processes have all losses.

    Args:
        scorer: The model.
        sequences: Begin and length of each on the line.
        start: State of one row that each begins from.
        losses: Where the losses go.
        budget: Positions per batch.
        group: The processes.
        positions: Part of the line that the sequences are in.

    Yields:
        Positions done, about, by all processes.
    """
    total, share = int(sequences[1].sum()), (group.rank, group.ranks)
    precision = scorer.model.precision
    for done in score(scorer.model.bilm, scorer.softmax, sequences, start, losses, budget, share, precision):
        yield min(done * group.ranks, total)
    gather_losses(losses.losses_GP[:, positions], group)


def score_files(
    scorer: Scorer, read: EvaluationText, losses: LineLosses, folder: Path, budget: int, group: ProcessGroup
) -> Iterator[Report]:
    """Scores sentences from the scorer's start state, file by file, and keeps each file's losses at once.

    Files whose losses are in the folder are not scored again. The first process reads and writes.
    """
    files = kept_files(folder, scorer, read, losses)
    known = group.as_first([file.path.exists() for file in files])
    if any(known):
        yield Notice(text=f"{sum(known):,} of {len(files):,} files were scored before: {folder}")
    begins, lengths = sentence_sequences(losses.line)
    total = losses.targets
    for file, is_known in zip(files, known, strict=True):
        if not is_known:
            own = (begins[file.sentences], lengths[file.sentences])
            for done in score_shared(scorer, own, scorer.start, losses, budget, group, file.positions):
                yield Progress(stage="scoring", done=file.positions.start + done, total=total, unit="positions")
            if group.is_first:
                file.write(losses)
            continue
        if group.is_first:
            file.read(losses)
        gather_losses(losses.losses_GP[:, file.positions], group)
    yield Progress(stage="scoring", done=total, total=total, unit="positions")
