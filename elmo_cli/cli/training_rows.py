"""The figures of a run that has ended, as rows: name, value, and what it is."""

from elmo_cli.cli import figures
from elmo_cli.cli.console import Row
from elmo_cli.flows.run_results import PretrainResult


def training_rows(result: PretrainResult) -> list[Row]:
    """What the run reached."""
    rows: list[Row] = [
        (
            "held-out perplexity",
            figures.decimal(result.held_out_perplexity),
            f"best of the run, at step {figures.whole(result.held_out_step)}; full softmax, sentence by sentence",
        ),
        (
            "training perplexity",
            figures.decimal(result.train_perplexity_sampled),
            "last hundred steps; sampled softmax, dropout on: not comparable",
        ),
        ("steps", figures.whole(result.steps), f"of training, {figures.decimal(result.epochs)} passes over the text"),
        ("words", figures.whole(result.words), "read in training"),
        ("time", figures.duration(result.seconds), "of training and its evaluations in this call"),
        ("speed", figures.rate(result.words_per_second, "words"), "in the training steps of this call"),
    ]
    if result.running_seconds > 1.01 * result.seconds:
        rows.append(("running time", figures.duration(result.running_seconds), "over all calls"))
    if result.stopped_early:
        rows.append(("ended early", "yes", "held-out perplexity got no better; see train.patience"))
    if result.back_offs:
        rows.append(
            ("backed off", figures.whole(result.back_offs), "times: the loss was no number, the rate was halved")
        )
    return rows
