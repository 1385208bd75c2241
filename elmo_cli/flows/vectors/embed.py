"""``elmo embed``: a text file to vectors, one sentence a line or record."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from elmo_cli.config import InputConfig, VectorConfig
from elmo_cli.cores import CoreWatch
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.core_notes import describe_cores, other_load
from elmo_cli.flows.models.loaded import load_model, other_libraries
from elmo_cli.flows.reports import Notice, Report, Reports
from elmo_cli.flows.vectors.chosen_vectors import ChosenVectors
from elmo_cli.flows.vectors.embedding import STATES
from elmo_cli.flows.vectors.embedding_run import EmbeddingRun
from elmo_cli.flows.vectors.line_windows import BLANK_LINES, LineMaker
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.flows.vectors.text_survey import Survey, survey
from elmo_cli.formats.feature_form import FeatureForm, check_space
from elmo_cli.formats.feature_writer import FeaturesWriter, check_place, open_writer
from elmo_cli.model.precision import slow_precision
from elmo_cli.text.readers import find_inputs, format_of
from elmo_cli.train.process_group import ProcessGroup, process_group


def embed(
    model_dir: Path,
    input_path: str,
    out: Path,
    *,
    vectors: VectorConfig | None = None,
    state: str = "warm",
    blank_lines: str = "error",
    tokenizer: str | None = None,
    pairs: bool = False,
    split_sentences: bool = False,
    reading: InputConfig | None = None,
    batch_tokens: int | None = None,
    batch_sentences: int = 64,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "fp32",
    overwrite: bool = False,
) -> Reports:
    """Writes the vectors of every line of a text.

    Whatever stops it, the same call goes on where it stopped, and ends with the same content. Under ``torchrun``
    processes share the work, and the first one writes.

    Args:
        model_dir: A model folder, or a run folder with one in it.
        input_path: A text file, one sentence a line or record; ``-`` reads standard input.
        out: The file, which appears when it is whole. By default an HDF5 file in AllenNLP's layout: a dataset per line
            or record under its number from 0.
        vectors: Which vectors, in what kind of file.
        state: ``warm`` (every sentence from the model's recorded start state, or from a fixed neutral context),
            ``zero``, or ``carry`` (from where the same row of the batch before ended).
        blank_lines: ``error``, ``skip`` (no array for the line; all others keep their numbers), or ``empty`` (an
            array of no tokens).
        tokenizer: Instead of the model's own: ``words``, ``whitespace`` or ``sentencepiece``.
        pairs: Whether a line has two texts with a tab between them: those of line i become the lines 2 i and 2 i + 1.
        split_sentences: Whether a line is a document whose sentences are read one by one; their words stand one behind
            the other in its array.
        reading: How the text is read. A record of a format that has them is a line here.
        batch_tokens: Positions computed together, for ``warm`` and ``zero``; None for as many as suit the device.
        batch_sentences: Rows of a batch, for ``carry``, where they decide the result.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        precision: Of matrix products: ``fp32``, ``bf16``, on CUDA ``tf32``, on CPUs ``int8``, which is compared with
            float32 on sentences of the text first.
        overwrite: Whether an existing ``out`` may be replaced.

    Returns:
        Reports, the last of them an :class:`~elmo_cli.flows.model_results.EmbedResult`.

    Raises:
        ElmoError: Model, text, settings or place are not usable; no file appears.
    """
    watch = CoreWatch()
    config, reading = vectors or VectorConfig(), reading or InputConfig()
    _check(state, blank_lines, batch_tokens, batch_sentences)
    target = pick_device(device)
    use_threads(threads)
    group = process_group(target)
    _check_together(config, state, blank_lines, group, split_sentences=split_sentences)
    model = load_model(model_dir, target, precision=precision)
    chosen = ChosenVectors(config, model)
    form = _form(config, chosen, reading)
    if group.is_first:
        check_place(out, form=form, layers=chosen.name, overwrite=overwrite)
    text_config = model.text_settings(tokenizer=tokenizer)
    if warning := other_libraries(model, text_config):
        yield Notice(text=warning, warning=True)
    yield from describe_cores(target, threads)
    if warning := slow_precision(precision, target):
        yield Notice(text=warning, warning=True)
    path = _single_input(input_path)
    if pairs and reading.format == "auto" and format_of(path) == "tsv":
        reading = replace(reading, format="text")
    maker = LineMaker(
        path=path,
        tokenizer=model.make_tokenizer(text_config),
        blank_lines=blank_lines,
        pairs=pairs,
        split_sentences=split_sentences,
    )
    found = None
    if path.is_file():
        found = yield from survey(NumberedText(path, reading), maker, form)
    work = EmbeddingRun(
        model=model,
        chosen=chosen,
        form=form,
        text=NumberedText(path, reading),
        maker=maker,
        state=state,
        batch=batch_sentences,
        budget=batch_tokens,
        group=group,
    )
    origin = {
        "input": path.name,
        "sha256": found.sha256 if found else None,
        "reading": repr(reading),
        "text settings": repr(text_config),
        "blank lines": blank_lines,
        "split sentences": split_sentences,
        "batch": batch_sentences if state == "carry" else None,
        "precision": precision,
    }
    with ExitStack() as stack:
        writer = None
        if group.is_first:
            attributes = model.feature_attributes(layers=chosen.name, state=state) | chosen.attributes
            has_tokens = format_of(path, reading.format) in ("conllu", "tagged")
            attributes["tokenizer"] = "as given" if has_tokens else text_config.tokenizer
            if state == "carry":
                attributes["batch_sentences"] = str(batch_sentences)
            if pairs:
                attributes["pairs"] = "of line i text_a is 2 i and text_b 2 i + 1"
            opened = open_writer(out, form=form, attributes=attributes, origin=origin, overwrite=overwrite)
            writer = stack.enter_context(opened)
            yield from _announce(writer, found, config)
        try:
            yield from work.run(writer)
            yield from work.losses()
            yield from other_load(target, watch)
            yield work.finish(writer, input_path)
        except (TextError, ConfigError):
            if writer is not None:
                writer.discard()  # the same command would meet the same error again
            raise


def _announce(writer: FeaturesWriter, found: Survey | None, config: VectorConfig) -> Iterator[Report]:
    """Says what was there before and how large it will be."""
    if writer.done:
        where = "; the text has to be the same" if found is None else ""
        yield Notice(text=f"going on behind {writer.done:,} sentences that were written before{where}")
    if found is None:
        return
    if found.cut_otherwise and config.layout in ("allennlp", "bilm") and not config.sentence_vectors:
        what = f"{found.cut_otherwise:,} of {found.cut:,} lines looked at have tokens other than what is between spaces"
        how = "--layout flat keeps them, --tokenizer whitespace cuts at spaces"
        yield Notice(text=f"{what}, and layout {config.layout} keeps no tokens: {how}")
    arrays = found.lines if config.sentence_vectors else found.tokens
    needed = writer.form.estimate(found.lines, arrays, found.text_bytes)
    if config.compression is None:
        check_space(writer.path, needed, written=writer.file_bytes)
    less = ", less what compression saves" if config.compression else ""
    yield Notice(text=f"{writer.path} will take up to {_size(needed)}{less}")


def _size(count: int) -> str:
    unit, name = (1e9, "GB") if count >= 1e9 else (1e6, "MB")
    return f"{count / unit:,.1f} {name}"


def _check(state: str, blank_lines: str, batch_tokens: int | None, batch_sentences: int) -> None:
    if state not in STATES:
        raise ConfigError(f"--state {state}: expected {', '.join(STATES)}")
    if blank_lines not in BLANK_LINES:
        raise ConfigError(f"--blank-lines {blank_lines}: expected {', '.join(BLANK_LINES)}")
    if batch_tokens is not None and batch_tokens < 1:
        raise ConfigError(f"--batch-tokens {batch_tokens}: expected at least 1")
    if batch_sentences < 1:
        raise ConfigError(f"--batch-sentences {batch_sentences}: expected at least 1")


def _check_together(
    config: VectorConfig, state: str, blank_lines: str, group: ProcessGroup, *, split_sentences: bool
) -> None:
    if blank_lines == "empty" and (config.layout == "manylangs" or config.sentence_keys):
        raise ConfigError(
            "--blank-lines empty: a line without tokens cannot be a key", hint="choose --blank-lines skip"
        )
    if state == "carry" and (split_sentences or group.ranks > 1):
        what = "--split-sentences" if split_sentences else f"{group.ranks} processes"
        raise ConfigError(
            f"--state carry and {what}: expected one sentence a line and one process, whose order is that of the text",
            hint="choose --state warm or zero",
        )


def _form(config: VectorConfig, chosen: ChosenVectors, reading: InputConfig) -> FeatureForm:
    return FeatureForm(
        layout=config.layout,
        format=config.format,
        dtype=config.dtype,
        compression=config.compression,
        layers=chosen.layers,
        width=chosen.width,
        sentence_keys=config.sentence_keys,
        forget_sentences=config.forget_sentences,
        identifiers=reading.id_field is not None,
    )


def _single_input(pattern: str) -> Path:
    paths = find_inputs([pattern])
    if len(paths) > 1:
        raise TextError(
            f"{pattern}: {len(paths)} files, and one file of vectors has one text's lines",
            hint="embed one file at a time, or join them: cat FILES | elmo embed MODEL - --out OUT",
        )
    return paths[0]
