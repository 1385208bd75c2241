"""``elmo eval --protocol bilm-tf``: perplexity by the reference's own procedure, and what it left out."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from elmo_cli.config import InputConfig
from elmo_cli.device import pick_device
from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.evaluated import check_inputs, check_settings, read_text
from elmo_cli.flows.evaluation.reference_protocol import ROWS, deal_text, score_as_reference
from elmo_cli.flows.evaluation.scorer import open_scorer
from elmo_cli.flows.evaluation_results import ProtocolResult
from elmo_cli.flows.reports import Notice, Progress, Reports
from elmo_cli.train.process_group import process_group


def evaluate_as_reference(
    model_dir: Path | str,
    inputs: Sequence[str],
    *,
    rows: int = ROWS,
    tokenizer: str | None = None,
    reading: InputConfig | None = None,
    split: str = "held-out",
    device: str = "auto",
    threads: int | None = None,
    batch_tokens: int = 4096,
) -> Reports:
    """Scores a text by bilm-tf's own procedure, which drops a part of it.

    Args:
        model_dir: As for :func:`elmo_cli.flows.evaluation.evaluate.evaluate`.
        inputs: The same.
        rows: Sentences read side by side (bilm-tf: 256).

    The other arguments are those of :func:`elmo_cli.flows.evaluation.evaluate.evaluate`.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.evaluation_results.ProtocolResult`.

    Raises:
        ElmoError: Model, text or settings are not usable.
    """
    check_settings("sentence", batch_tokens)
    if rows < 1:
        raise ConfigError(f"--rows {rows}: expected at least 1")
    group = process_group(pick_device(device))
    check_inputs(inputs, group=group)
    scorer = open_scorer(model_dir, start="zero", device=device, threads=threads)
    read = yield from read_text(scorer, inputs, tokenizer, reading or InputConfig(), split)
    began = time.perf_counter()
    dealt, losses = deal_text(read.text, rows)
    scored = rows * dealt.steps
    for done in score_as_reference(scorer, dealt, losses, batch_tokens, group):
        yield Progress(stage="scoring as bilm-tf does", done=done, total=scored, unit="positions")
    forward, backward = (float(np.nansum(losses_P, dtype=np.float64)) for losses_P in losses.losses_GP)
    positions = losses.targets
    if scored < positions:
        yield Notice(
            text=f"bilm-tf's procedure with {rows} rows never scores {positions - scored:,} of the {positions:,} "
            "positions of this text",
            warning=True,
        )
    yield ProtocolResult(
        model=str(scorer.model.path),
        rows=rows,
        steps=dealt.steps,
        scored=scored,
        dropped=positions - scored,
        perplexity=math.exp((forward + backward) / (2 * scored)) if scored else None,
        forward=math.exp(forward / scored) if scored else None,
        backward=math.exp(backward / scored) if scored else None,
        seconds=time.perf_counter() - began,
    )
