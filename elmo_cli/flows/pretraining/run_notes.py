"""What a run says of itself to people."""

from collections.abc import Iterator

from elmo_cli.config import RunConfig
from elmo_cli.device import describe
from elmo_cli.flows.corpora.corpus import Corpus
from elmo_cli.flows.pretraining.run_length import RunLength
from elmo_cli.flows.pretraining.run_log import RunLog, perplexity
from elmo_cli.flows.pretraining.run_standing import Standing
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.reports import Notice
from elmo_cli.model.precision import slow_precision


def describe_run(trainer: Trainer, config: RunConfig, corpus: Corpus, length: RunLength) -> Iterator[Notice]:
    """How much text, how large a model and how long a run."""
    text, train = corpus.training, config.train
    parameters = sum(part.numel() for part in trainer.bilm.parameters())
    yield Notice(
        text=f"{text.num_tokens:,} words in {text.num_sentences:,} sentences to train on, "
        f"{corpus.held_out.num_tokens:,} held out; vocabulary {len(text.vocabulary):,}"
    )
    epochs = f", {length.steps / trainer.windows.steps_per_epoch:.1f} epochs" if length.steps is not None else ""
    yield Notice(
        text=f"{parameters:,} parameters, {len(text.vocabulary) * (config.model.lstm.projection_dim + 1):,} "
        f"more in the softmax; {length} steps of {train.rows} x {train.window} positions{epochs}; "
        f"{describe(trainer.device)}"
    )
    if (slow := slow_precision(train.precision, trainer.device)) is not None:
        yield Notice(text=slow, warning=True)
    if not trainer.sampled:
        yield Notice(
            text=f"the vocabulary is no larger than {train.negatives:,} negatives: training with the full softmax"
        )


def bar_note(epoch: float, log: RunLog, standing: Standing, *, sampled: bool) -> str:
    """A few words beside the bar.

    Args:
        epoch: Passes over the text so far.
        log: Figures of the moment.
        standing: The best evaluation.
        sampled: Whether the training loss is that of a sampled softmax, and says so.
    """
    words = [f"epoch {epoch:.2f}"]
    if log.training_perplexity is not None:
        words.append(f"{'sampled' if sampled else 'training'} perplexity {log.training_perplexity:,.0f}")
    if standing.best_step:
        words.append(f"held-out {perplexity(standing.best_loss):,.1f}")
    if log.latest:
        words.append(f"rate {log.latest['learning_rate']:.3g}")
        words.append(f"norm {log.latest['gradient_norm']:.3g}")
        words.append(f"waiting {log.latest.get('waiting_share', 0):.0%}")
        peak = log.latest.get("peak_device_bytes", log.latest["peak_memory_bytes"])
        words.append(f"peak {peak / 1e9:.1f} GB")
    return ", ".join(words)
