"""``elmo pretrain``: text in, a trained model and its held-out perplexity out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elmo_cli.cores import CoreWatch
from elmo_cli.device import pick_device, use_threads
from elmo_cli.files import remove_leftovers
from elmo_cli.flows.core_notes import describe_cores
from elmo_cli.flows.corpora.corpus import Sources, encode_corpus
from elmo_cli.flows.pretraining.run_place import held_place, require_the_same
from elmo_cli.flows.pretraining.run_settings import check_place, settle
from elmo_cli.flows.pretraining.training_run import TrainingRun
from elmo_cli.flows.reports import Reports
from elmo_cli.flows.stopping import Stop
from elmo_cli.model.precision import check_precision
from elmo_cli.train.process_group import process_group, restarts


def pretrain(
    inputs: Sequence[str],
    run_dir: Path,
    *,
    preset: str = "auto",
    settings: Mapping[str, Any] | None = None,
    vocabulary_path: Path | None = None,
    pieces_model: Path | None = None,
    validation: Sequence[str] = (),
    device: str = "auto",
    resume: bool = False,
    threads: int | None = None,
    tensorboard: bool = False,
    init_from: str | None = None,
    keep_vocabulary: bool | None = None,
    stop: Stop | None = None,
) -> Reports:
    """Trains a biLM from text.

    Under ``torchrun`` its processes train together: each computes its share of the rows, and all do the same updates.
    Those that ``torchrun`` has started again go on from the newest checkpoint.

    Args:
        inputs: Text files, folders or globs; one prepared folder; or ``python-docs:`` for the demo corpus. May be
            empty when resuming.
        run_dir: The run's folder.
        preset: A preset's name, or ``auto`` for one that suits the machine and the corpus.
        settings: Nested settings laid over the preset.
        vocabulary_path: A vocabulary in the published format; None builds one from the training text.
        pieces_model: A SentencePiece model, for the tokenizer ``sentencepiece``; None learns one from the text.
        validation: Text to measure held-out perplexity on; empty holds out a share of the input.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        resume: Go on from the newest checkpoint in ``run_dir``. Without one, the run starts from the beginning.
        threads: CPU threads; None takes every core this process may use.
        tensorboard: Write ``tensorboard/`` in the run folder, too.
        init_from: A model to continue, path or address. It is copied into the run folder; architecture and text
            settings are its own, and the optimizer starts afresh.
        keep_vocabulary: With ``init_from`` and without ``vocabulary_path``: whether the model's vocabulary stays, or
            one is counted on the text. None keeps that of a model that has its softmax.
        stop: Where a wish to stop is told: the flow then saves a checkpoint and ends.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.run_results.PretrainResult`, or a
        :class:`~elmo_cli.flows.run_results.StoppedResult` where stopping was asked for.

    Raises:
        ElmoError: Settings, text or place are not usable, or the loss stopped being a number.
    """
    target = pick_device(device)
    use_threads(threads)
    if precision := (settings or {}).get("train", {}).get("precision"):
        check_precision(precision, target)  # before there is a folder
    group = process_group(target)
    watch = CoreWatch()
    if group.is_first:
        check_place(run_dir)
    with group.leaving_word(), held_place(run_dir, group) as place:
        sources = Sources(tuple(inputs), vocabulary_path, tuple(validation), pieces_model, init_from, keep_vocabulary)
        place.await_text()
        goes_on = resume or restarts() > 0 or not place.is_kept_here
        config, sources = yield from settle(run_dir, sources, preset, settings or {}, target, goes_on)
        corpus = yield from encode_corpus(run_dir, sources, config, ready=not place.is_kept_here)
        if place.is_kept_here:
            remove_leftovers(run_dir / "checkpoints")
        place.text_is_ready()
        require_the_same(run_dir, config, corpus, group)
        run = TrainingRun(run_dir, config, corpus, target, stop or Stop(), group)
        try:
            yield from run.resume(tensorboard=tensorboard)
            yield from describe_cores(target, threads, watch)
            yield from run.train()
        finally:
            run.close()
