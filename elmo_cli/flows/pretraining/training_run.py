"""The steps of a run, with what is due on the way: evaluations, checkpoints, and what to do when the loss fails."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from elmo_cli.config import RunConfig
from elmo_cli.errors import DivergedError, OutputError
from elmo_cli.flows.corpora.corpus import Corpus
from elmo_cli.flows.evaluation.line_losses import LineLosses
from elmo_cli.flows.evaluation.scoring import score, sentence_sequences
from elmo_cli.flows.evaluation.shared_losses import gather_losses
from elmo_cli.flows.pretraining.agreed_stop import AgreedStop
from elmo_cli.flows.pretraining.memory_use import give_back
from elmo_cli.flows.pretraining.origin import origin_record
from elmo_cli.flows.pretraining.run_length import RunLength
from elmo_cli.flows.pretraining.run_log import RunLog, perplexity
from elmo_cli.flows.pretraining.run_notes import bar_note, describe_run
from elmo_cli.flows.pretraining.run_standing import Standing
from elmo_cli.flows.pretraining.start_weights import begin, keep_start
from elmo_cli.flows.pretraining.trained_model import write_trained_model
from elmo_cli.flows.pretraining.training import Trainer
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.flows.run_results import PretrainResult, StoppedResult
from elmo_cli.flows.stopping import Stop, StopAskedError
from elmo_cli.text.store import EncodedText
from elmo_cli.text.windows import Line
from elmo_cli.train.checkpoint import (
    Checkpoint,
    checkpoints,
    load_newest,
    remove_checkpoint,
    remove_old,
    save_checkpoint,
)
from elmo_cli.train.process_group import ProcessGroup

HELD_OUT_WORDS = 100_000
"""Held-out words that training evaluates on: evenly spaced sentences where there are more."""

QUIET_SECONDS = 1.0
"""Time that writing a checkpoint takes before it is reported; a stage of its own ends that of training."""

LOG_EVERY = 10
"""Steps between readings of the loss. On a GPU each reading waits for the device."""


class TrainingRun:
    """A run in progress, in one process or in several that do the same; the first of them reads and writes its folder.

    Args:
        run_dir: Its folder, which this process holds.
        config: All settings.
        corpus: Text that is ready.
        device: Where to compute.
        stop: Looked at after every step and between batches of an evaluation.
        group: The processes.
    """

    def __init__(
        self,
        run_dir: Path,
        config: RunConfig,
        corpus: Corpus,
        device: torch.device,
        stop: Stop,
        group: ProcessGroup | None = None,
    ) -> None:
        train, text = config.train, corpus.training
        self.run_dir, self.config, self.corpus, self.device = run_dir, config, corpus, device
        self.group = group or ProcessGroup()
        self.stop = AgreedStop(stop, self.group)
        self.trainer = Trainer(config.model, train, text, device, self.group)
        self.words_per_step = text.num_tokens / (text.num_tokens + text.num_sentences) * (train.rows * train.window)
        self.length = RunLength.of(
            train, steps_per_epoch=self.trainer.windows.steps_per_epoch, words_per_step=self.words_per_step
        )
        self.trainer.total_steps = self.length.steps
        self.origin = origin_record(run_dir)
        self.held_out = Line(corpus.held_out, _evenly(corpus.held_out))
        self.standing = Standing()
        self.log: RunLog | None = None
        self._fresh = True
        self.began, self.seconds_before = time.perf_counter(), 0.0

    def resume(self, *, tensorboard: bool) -> Iterator[Report]:
        """Takes up the newest whole checkpoint, if there is one."""
        keep_start(self.trainer, self.run_dir, self.origin)
        found, passed_over = self._load()
        for sentence in passed_over:
            yield Notice(text=sentence, warning=True)
        if found is not None:
            self.trainer.restore(found.tensors)
            self.standing = Standing.of(found.meta)
            if self.group.is_first and not passed_over:
                remove_old(self.run_dir, self.config.train.keep)  # what a kill left after the newest was saved
            if not self.group.as_first([(self.run_dir / "model").exists()])[0]:
                self.standing.best_loss = math.inf  # a kill between two renames; the next evaluation writes it again
        self.trainer.rate_scale = self.standing.rate_scale
        step = self.trainer.step_number
        sampled = self.trainer.sampled
        self._fresh = found is None
        known = -1 if self._fresh else step  # what a model did before the first step is measured again, too
        writes = self.group.is_first
        self.log = RunLog(self.run_dir, known, self.device, sampled=sampled, tensorboard=tensorboard, writes=writes)
        if found is None:
            yield from describe_run(self.trainer, self.config, self.corpus, self.length)
            yield from begin(self.trainer, self.run_dir, self.origin)
            self._begin_alike()
        else:
            self.log.restore(found.meta)
            yield Notice(text=f"going on from step {step:,} of {self.length}")

    def train(self) -> Iterator[Report]:
        """All that is left, with evaluations and checkpoints on the way, and the result."""
        self.began, self.seconds_before = time.perf_counter(), self.standing.seconds
        try:
            with self.stop.own.heeding():
                yield from self._catch_up()
                while not self._ended():
                    self.stop.check()
                    try:
                        yield from self._advance()
                    except DivergedError as error:
                        yield from self._back_off(error)
            yield self._result()
        except StopAskedError:
            yield from self._put_away()
        except OutputError as error:
            raise OutputError(
                error.message,
                hint=f"{self._newest()}; free space or check the folder's permissions, and go on with --resume",
            ) from error

    def close(self) -> None:
        """Puts what is left of the log on the disk."""
        if self.log is not None:
            self.log.close()

    @property
    def seconds(self) -> float:
        """Running time over all calls."""
        return self.seconds_before + time.perf_counter() - self.began

    @property
    def _log(self) -> RunLog:
        assert self.log is not None, "a run is resumed before it trains"
        return self.log

    def _ended(self) -> bool:
        patience = self.config.train.patience
        if patience is not None and self.standing.since_best >= patience:
            return True
        return self.length.reached(self.trainer.step_number, self.standing.seconds)

    def _advance(self) -> Iterator[Report]:
        """One step, and what is due after it."""
        before, began = self.standing.seconds, time.perf_counter()
        self.stop.begin(self.seconds)
        result = self.trainer.step()
        step = self.trainer.step_number
        self._log.add(result, began)
        self.standing.seconds = self.stop.end(self.seconds)
        evaluates = self.length.evaluates(step, before, self.standing.seconds)
        saves = self._saves(step, evaluates)
        if step % LOG_EVERY == 0 or evaluates or saves:
            self._read(step)
        yield self._progress(step)
        self.stop.check()
        if evaluates:
            yield from self._evaluate(step)
            saves = saves or self._ended()
        if saves:
            yield from self._save(step)

    def _saves(self, step: int, evaluates: bool) -> bool:
        every = self.config.train.checkpoint_every
        return evaluates if every is None else step % every == 0 or self._ended()

    def _catch_up(self) -> Iterator[Report]:
        """Does the evaluation that a stop fell in, and that of a continued model before its first step."""
        step, every = self.trainer.step_number, self.length.evaluate_every
        due = self._ended() or (every is not None and step % every == 0)
        missed = step > 0 and due and self.standing.evaluated_step < step
        if missed or (self._fresh and self.origin is not None):
            yield from self._evaluate(step)
            yield from self._save(step)

    def _put_away(self) -> Iterator[Report]:
        """Saves what there is when stopping was asked for."""
        step = self.trainer.step_number
        newest = checkpoints(self.run_dir)[:1]
        is_saved = bool(newest) and newest[0].name == f"step-{step:09d}"
        if step and not self.group.as_first([is_saved])[0]:
            yield from self._save(step)
            newest = checkpoints(self.run_dir)[:1]
        yield StoppedResult(
            run_dir=str(self.run_dir), steps=step, checkpoint=str(newest[0]) if newest else None, seconds=self.seconds
        )

    def _result(self) -> PretrainResult:
        step, standing, log = self.trainer.step_number, self.standing, self._log
        return PretrainResult(
            run_dir=str(self.run_dir),
            model_dir=str(self.run_dir / "model"),
            steps=step,
            epochs=step / self.trainer.windows.steps_per_epoch,
            words=round(step * self.words_per_step),
            seconds=time.perf_counter() - self.began,
            running_seconds=self.seconds,
            words_per_second=log.steps * self.words_per_step / log.seconds if log.steps else 0.0,
            train_perplexity_sampled=log.training_perplexity,
            held_out_perplexity=perplexity(standing.best_loss),
            held_out_step=standing.best_step,
            held_out_text=str(self.corpus.held_out_path),
            stopped_early=not self.length.reached(step, standing.seconds),
            back_offs=len(standing.back_offs),
        )

    def _read(self, step: int) -> None:
        per_step = (self.seconds - self.seconds_before) / max(1, self._log.steps_done)
        self._log.read(
            step,
            self.words_per_step,
            epoch=step / self.trainer.windows.steps_per_epoch,
            seconds=self.seconds,
            seconds_left=self.length.seconds_left(step, self.seconds, per_step),
        )

    def _progress(self, step: int) -> Progress:
        total = self.length.total_steps(step, self.standing.seconds)
        epoch = step / self.trainer.windows.steps_per_epoch
        return Progress(
            stage="training",
            done=round(step * self.words_per_step),
            total=round(total * self.words_per_step),
            unit="words",
            note=bar_note(epoch, self._log, self.standing, sampled=self.trainer.sampled),
        )

    def _evaluate(self, step: int) -> Iterator[Report]:
        with self.trainer.up_to_date():
            yield from self._measure(step)

    def _measure(self, step: int) -> Iterator[Report]:
        losses, trainer = LineLosses(self.held_out), self.trainer
        sequences, total, ranks = sentence_sequences(self.held_out), self.held_out.num_positions, self.group.ranks
        start, share = trainer.start_state(), (self.group.rank, ranks)
        for done in score(trainer.bilm, trainer.softmax, sequences, start, losses, share=share):
            if self.stop.wished:
                break
            yield Progress(
                stage=f"held-out perplexity at step {step:,}",
                done=min(done * ranks, total),
                total=total,
                unit="positions",
            )
        self.stop.agree(self.seconds)
        self.stop.check()
        gather_losses(losses.losses_GP, self.group)
        if not math.isfinite(losses.mean_loss):
            raise DivergedError(f"the held-out loss is no longer a number at step {step:,} ({self._rate_and_norm()})")
        forward, backward = map(perplexity, losses.mean_losses_G.tolist())
        joint = perplexity(losses.mean_loss)
        better = self.standing.add(step, losses.mean_loss)
        trainer.evaluated(losses.mean_loss)
        self._log.record(
            step,
            epoch=step / trainer.windows.steps_per_epoch,
            words=round(step * self.words_per_step),
            held_out_perplexity=joint,
            held_out_forward=forward,
            held_out_backward=backward,
            best=better,
            seconds=self.seconds,
        )
        if better and self.group.is_first:
            write_trained_model(self.run_dir / "model", trainer, start, self.config, self.corpus, losses, self.origin)
        yield Notice(
            text=f"step {step:,}: held-out perplexity {joint:,.1f} (forward {forward:,.1f}, backward "
            f"{backward:,.1f}){' - the best so far' if better else ''}"
        )
        patience = self.config.train.patience
        if patience is not None and self.standing.since_best >= patience:
            yield Notice(
                text=f"no better held-out perplexity in {patience} evaluations: ending here, at step {step:,}; the "
                f"best is of step {self.standing.best_step:,}"
            )

    def _save(self, step: int) -> Iterator[Report]:
        self.standing.seconds = self.stop.agree(self.seconds)
        meta = self.standing.to_meta() | self._log.to_meta()
        began, tensors = time.perf_counter(), self.trainer.tensors()
        if not self.group.is_first:
            return
        for done, total in save_checkpoint(self.run_dir, step, tensors, meta):
            if time.perf_counter() - began >= QUIET_SECONDS:
                yield Progress(stage=f"saving step {step:,}", done=done, total=total, unit="bytes")
        remove_old(self.run_dir, self.config.train.keep)

    def _back_off(self, error: DivergedError) -> Iterator[Report]:
        """Back to the last good checkpoint, and on from there at half the rate.

        Raises:
            DivergedError: That is not what the settings ask for, or it was done often enough.
        """
        train, standing, failed = self.config.train, self.standing, self.trainer.step_number
        if train.on_non_finite == "stop" or len(standing.back_offs) >= train.back_offs:
            raise self._with_a_way_out(error) from error
        newest = checkpoints(self.run_dir)[:1] if self.group.is_first else []
        # Twice from the same one: its weights are spoiled themselves.
        if newest and standing.back_offs and newest[0].name == f"step-{standing.back_offs[-1]['to_step']:09d}":
            remove_checkpoint(newest[0])
        found, _ = self._load()
        if found is None:
            self._drop_trainer()
            self.trainer = Trainer(self.config.model, train, self.corpus.training, self.device, self.group)
            self.trainer.total_steps = self.length.steps
            keep_start(self.trainer, self.run_dir, self.origin)
            yield from begin(self.trainer, self.run_dir, self.origin)
            self._begin_alike()
        else:
            self.trainer.restore(found.tensors)
        step = self.trainer.step_number
        standing.rate_scale /= 2
        self.trainer.rate_scale = standing.rate_scale
        standing.back_offs.append({"step": failed, "to_step": step, "rate_scale": standing.rate_scale})
        self._log.go_back(step)
        self._log.restore({"recent_losses": ()} if found is None else found.meta)
        standing.since_best = 0 if found is None else Standing.of(found.meta).since_best
        # With the step after it, so that a resumed run forgets the record exactly where it will write it again.
        self._log.record(step + 1, back_off=standing.back_offs[-1])
        yield Notice(
            text=f"{error.message}; going back to step {step:,}, on from there at {standing.rate_scale:g} of the rate",
            warning=True,
        )

    def _drop_trainer(self) -> None:
        """Lets go of weights, graphs and all, so that the next trainer finds their memory: a GPU may hold only one."""
        self.trainer.batches.wait()
        del self.trainer
        give_back(self.device)

    def _load(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest whole checkpoint, which the first process reads and the others are told."""
        found, passed_over = load_newest(self.run_dir, self.device) if self.group.is_first else (None, [])
        if not self.group.as_first([found is not None])[0]:
            return None, passed_over
        folder, meta = self.group.told([str(found.folder), found.meta] if found else None)
        return Checkpoint(Path(folder), self.group.copied(found and found.tensors, self.device), meta), passed_over

    def _begin_alike(self) -> None:
        """Gives all processes the weights that the first one begins with."""
        if self.group.ranks > 1:
            self.trainer.restore(self.group.copied(self.trainer.tensors(), self.device))

    def _with_a_way_out(self, error: DivergedError) -> DivergedError:
        lower = self.config.train.rate * self.standing.rate_scale / 2
        way = f"begin again with a lower rate, --set train.learning_rate={lower:g}"
        if self.config.train.on_non_finite == "stop":
            way += ", or go on with --resume --set train.on_non_finite=back_off"
        times = len(self.standing.back_offs)
        after = f", after backing off {times} time{'s' if times != 1 else ''}" if times else ""
        return DivergedError(f"{self.run_dir}: {error.message}{after}", hint=f"{self._newest()}; {way}")

    def _newest(self) -> str:
        newest = checkpoints(self.run_dir)[:1]
        return f"the last good checkpoint is {newest[0]}" if newest else "no checkpoint was saved before"

    def _rate_and_norm(self) -> str:
        latest = self._log.latest
        if not latest:
            return "before any step was read"
        return f"learning rate {latest['learning_rate']:g}, gradient norm {latest['gradient_norm']:g}"


def _evenly(text: EncodedText) -> np.ndarray:
    """Sentence numbers, evenly spaced, that hold about :data:`HELD_OUT_WORDS` words; all where there are fewer."""
    every = max(1, math.ceil(text.num_tokens / HELD_OUT_WORDS))
    return np.arange(0, text.num_sentences, every, dtype=np.int64)
