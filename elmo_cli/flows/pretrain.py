"""``elmo pretrain``: text in, a trained model and its held-out perplexity out."""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elmo_cli import __version__
from elmo_cli.config import RunConfig, TrainConfig, to_dict
from elmo_cli.device import describe, pick_device, use_threads
from elmo_cli.errors import ElmoError
from elmo_cli.files import hold, remove_leftovers
from elmo_cli.flows.corpus import Corpus, Sources, encode_corpus
from elmo_cli.flows.line_losses import LineLosses
from elmo_cli.flows.reports import Notice, PretrainResult, Progress, Report, Reports
from elmo_cli.flows.run_settings import check_place, settle
from elmo_cli.flows.scoring import score, sentence_sequences
from elmo_cli.flows.training import StepResult, Trainer
from elmo_cli.formats.model_folder import ModelFiles, write_model_folder
from elmo_cli.model.published import to_published
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Line
from elmo_cli.train.checkpoint import load_newest, remove_old, save_checkpoint
from elmo_cli.train.metrics import MetricsLog

HELD_OUT_WORDS = 100_000
"""Held-out words that training evaluates on: evenly spaced sentences where there are more."""

LOG_EVERY = 10
"""Steps between readings of the loss. On a GPU each reading waits for the device."""


def pretrain(
    inputs: Sequence[str],
    run_dir: Path,
    *,
    preset: str = "auto",
    settings: Mapping[str, Any] | None = None,
    vocabulary_path: Path | None = None,
    validation: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
) -> Reports:
    """Trains a biLM from text.

    Args:
        inputs: Text files, folders or globs; one prepared folder; or ``python-docs:`` for the demo corpus. May be
            empty when resuming.
        run_dir: The run's folder.
        preset: A preset's name, or ``auto`` for one that suits the machine and the corpus.
        settings: Nested settings laid over the preset.
        vocabulary_path: A vocabulary in the published format; None builds one from the training text.
        validation: Text to measure held-out perplexity on; empty holds out a share of the input.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        resume: Go on from the newest checkpoint in ``run_dir``. Without one, the run starts from the beginning.
        threads: CPU threads; None takes every core this process may use.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.reports.PretrainResult`.

    Raises:
        ElmoError: Settings, text or place are not usable, or the loss stopped being a number.
    """
    target = pick_device(device)
    use_threads(threads)
    check_place(run_dir)
    with hold(run_dir):
        remove_leftovers(run_dir)
        sources = Sources(tuple(inputs), vocabulary_path, tuple(validation))
        config, sources = yield from settle(run_dir, sources, preset, settings or {}, target, resume)
        corpus = yield from encode_corpus(run_dir, sources, config)
        run = _Run(run_dir, config, corpus, target)
        yield from run.resume()
        yield from run.train()
        yield run.result()


@dataclass
class _Run:
    """A run in progress."""

    run_dir: Path
    config: RunConfig
    corpus: Corpus
    device: torch.device
    trainer: Trainer = field(init=False)
    best_step: int = 0
    best_loss: float = math.inf
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    """Sampled losses of the last hundred steps."""
    train_seconds: float = 0.0
    seconds: float = 0.0
    first_step: int = 0

    def __post_init__(self) -> None:
        train = self.config.train
        self.trainer = Trainer(self.config.model, train, self.corpus.training, self.device)
        self.total_steps = _total_steps(train, self.trainer.windows.steps_per_epoch)
        self.evaluate_every = train.evaluate_every or max(1, math.ceil(self.total_steps / 10))
        self.checkpoint_every = train.checkpoint_every or self.evaluate_every
        self.words_per_step = (
            self.corpus.training.num_tokens
            / (self.corpus.training.num_tokens + self.corpus.training.num_sentences)
            * (train.rows * train.window)
        )
        self.held_out = Line(self.corpus.held_out, _evenly(self.corpus.held_out))

    def resume(self) -> Iterator[Report]:
        """Takes up the newest whole checkpoint, if there is one."""
        found = load_newest(self.run_dir, self.device)
        if found is None:
            self.log = MetricsLog(self.run_dir / "metrics.jsonl", 0)
            yield from self._describe()
            return
        tensors, meta, passed_over = found
        for sentence in passed_over:
            yield Notice(text=sentence, warning=True)
        self.trainer.restore(tensors)
        self.first_step = self.trainer.step_number
        self.best_step, self.best_loss = meta["best_step"], meta["best_loss"]
        self.recent.extend(meta["recent_losses"])
        self.log = MetricsLog(self.run_dir / "metrics.jsonl", self.first_step)
        yield Notice(text=f"going on from step {self.first_step:,} of {self.total_steps:,}")

    def train(self) -> Iterator[Report]:
        """All steps that are left, with evaluations and checkpoints on the way."""
        trainer, began = self.trainer, time.perf_counter()
        pending: list[StepResult] = []
        while (step := trainer.step_number) < self.total_steps:
            before = time.perf_counter()
            pending.append(trainer.step())
            step += 1
            last = step == self.total_steps
            evaluates, saves = step % self.evaluate_every == 0 or last, step % self.checkpoint_every == 0 or last
            if step % LOG_EVERY == 0 or evaluates or saves:
                self._read(pending, step)
                pending.clear()
            self.train_seconds += time.perf_counter() - before
            yield self._progress(step)
            if evaluates:
                yield from self._evaluate(step)
            if saves:
                self._save(step)
        self.seconds = time.perf_counter() - began

    def result(self) -> PretrainResult:
        """What the run reached."""
        step = self.trainer.step_number
        trained = step - self.first_step
        return PretrainResult(
            run_dir=str(self.run_dir),
            model_dir=str(self.run_dir / "model"),
            steps=step,
            epochs=step / self.trainer.windows.steps_per_epoch,
            words=round(step * self.words_per_step),
            seconds=self.seconds,
            words_per_second=trained * self.words_per_step / self.train_seconds if trained else 0.0,
            train_perplexity_sampled=math.exp(np.mean(self.recent)) if self.recent else None,
            held_out_perplexity=math.exp(self.best_loss),
            held_out_step=self.best_step,
            held_out_text=str(self.corpus.held_out_path),
        )

    def _describe(self) -> Iterator[Report]:
        text, train, trainer = self.corpus.training, self.config.train, self.trainer
        parameters = sum(part.numel() for part in trainer.bilm.parameters())
        yield Notice(
            text=f"{text.num_tokens:,} words in {text.num_sentences:,} sentences to train on, "
            f"{self.corpus.held_out.num_tokens:,} held out; vocabulary {len(text.vocabulary):,}"
        )
        yield Notice(
            text=f"{parameters:,} parameters, {len(text.vocabulary) * (self.config.model.lstm.projection_dim + 1):,} "
            f"more in the softmax; {self.total_steps:,} steps of {train.rows} x {train.window} positions, "
            f"{self.total_steps / trainer.windows.steps_per_epoch:.1f} epochs; {describe(self.device)}"
        )
        if not trainer.sampled:
            yield Notice(
                text=f"the vocabulary is no larger than {train.negatives:,} negatives: training with the full softmax"
            )

    def _read(self, pending: Sequence[StepResult], step: int) -> None:
        losses = torch.stack([result.loss for result in pending]).tolist()
        self.recent.extend(losses)
        norm = float(pending[-1].gradient_norm)
        if not (all(map(math.isfinite, losses)) and math.isfinite(norm)):
            raise ElmoError(
                f"{self.run_dir}: the loss is no longer a number near step {step:,} (learning rate "
                f"{pending[-1].learning_rate:g}, gradient norm {norm:g})",
                hint="go on from the last checkpoint's settings with a lower rate: --set train.learning_rate=0.1",
            )
        self.log.append(
            step=step,
            epoch=step / self.trainer.windows.steps_per_epoch,
            loss_sampled=float(np.mean(losses)),
            loss_sampled_worst=max(losses),
            gradient_norm=norm,
            learning_rate=pending[-1].learning_rate,
        )

    def _progress(self, step: int) -> Progress:
        kind = "sampled" if self.trainer.sampled else "training"
        note = f"{kind} perplexity {math.exp(np.mean(self.recent)):,.0f}" if self.recent else ""
        if self.best_step:
            note += f", held-out {math.exp(self.best_loss):,.1f}"
        return Progress(
            stage="training",
            done=round(step * self.words_per_step),
            total=round(self.total_steps * self.words_per_step),
            unit="words",
            note=note,
        )

    def _evaluate(self, step: int) -> Iterator[Report]:
        losses, trainer = LineLosses(self.held_out), self.trainer
        sequences = sentence_sequences(self.held_out)
        for done in score(trainer.bilm, trainer.softmax, sequences, trainer.start_state(), losses):
            yield Progress(
                stage=f"held-out perplexity at step {step:,}",
                done=done,
                total=self.held_out.num_positions,
                unit="positions",
            )
        forward, backward = np.exp(losses.mean_losses_G)
        perplexity = math.exp(losses.mean_loss)
        better = losses.mean_loss < self.best_loss
        self.log.append(
            step=step,
            epoch=step / trainer.windows.steps_per_epoch,
            held_out_perplexity=perplexity,
            held_out_forward=float(forward),
            held_out_backward=float(backward),
            best=better,
        )
        if better:
            self.best_step, self.best_loss = step, losses.mean_loss
            self._write_model(step, losses)
        yield Notice(
            text=f"step {step:,}: held-out perplexity {perplexity:,.1f} (forward {forward:,.1f}, backward "
            f"{backward:,.1f}){' - the best so far' if better else ''}"
        )

    def _save(self, step: int) -> None:
        meta = {"best_step": self.best_step, "best_loss": self.best_loss, "recent_losses": list(self.recent)}
        save_checkpoint(self.run_dir, step, self.trainer.tensors(), meta)
        remove_old(self.run_dir, self.config.train.keep)

    def _write_model(self, step: int, losses: LineLosses) -> None:
        trainer, text = self.trainer, self.corpus.training
        forward, backward = np.exp(losses.mean_losses_G).tolist()
        softmax = trainer.softmax
        info = {
            "tool": f"elmo {__version__}",
            "text": to_dict(self.corpus.text),
            "libraries": dict(self.corpus.libraries),
            "training": {
                "words": text.num_tokens,
                "sentences": text.num_sentences,
                "steps": step,
                "epochs": round(step / trainer.windows.steps_per_epoch, 3),
                "settings": to_dict(self.config.train),
            },
            "held_out": {
                "perplexity": math.exp(losses.mean_loss),
                "forward": forward,
                "backward": backward,
                "targets_per_direction": losses.targets,
                "context": "sentence: each from the start state",
                "definition": "exp of the mean loss of both directions, full softmax, every position once",
            },
        }
        files = ModelFiles(
            config=self.config.model,
            weights=to_published(trainer.bilm),
            softmax=(_host(softmax.weight_VD), _host(softmax.bias_V)),
            start_state=trainer.start_state().to_arrays(),
            vocabulary_path=self.corpus.vocabulary_path,
            info=info,
        )
        write_model_folder(self.run_dir / "model", files)


def _total_steps(train: TrainConfig, steps_per_epoch: int) -> int:
    if train.steps is not None:
        return train.steps
    return max(1, round((train.epochs or 10) * steps_per_epoch))


def _evenly(text: EncodedText) -> np.ndarray:
    """Sentence numbers, evenly spaced, that hold about :data:`HELD_OUT_WORDS` words; all where there are fewer."""
    every = max(1, math.ceil(text.num_tokens / HELD_OUT_WORDS))
    return np.arange(0, text.num_sentences, every, dtype=np.int64)


def _host(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()
