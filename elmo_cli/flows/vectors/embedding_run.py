"""A text to vectors and on into a file: the stages of ``elmo embed``, which overlap where that costs no core."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain

import numpy as np
import torch

from elmo_cli.cores import usable_cores
from elmo_cli.errors import TextError
from elmo_cli.flows.model_results import EmbedResult
from elmo_cli.flows.models.loaded import LoadedModel, start_state
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.flows.vectors.agreement import measure_agreement
from elmo_cli.flows.vectors.carried_states import CarriedStates
from elmo_cli.flows.vectors.chosen_vectors import ChosenVectors
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, Vectors
from elmo_cli.flows.vectors.line_windows import LineMaker, Window, windows_of_lines, windows_of_tokens
from elmo_cli.flows.vectors.numbered_text import NumberedText
from elmo_cli.flows.vectors.overlap import read_ahead, worked_off
from elmo_cli.flows.vectors.shared_embedding import carried_windows, embedded_windows
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import journal_folder
from elmo_cli.formats.feature_writer import FeaturesWriter
from elmo_cli.train.process_group import ProcessGroup

Written = tuple[Window, list[Vectors], int]
"""A window, the arrays of its sentences, and how many of its lines are in the file already."""
PART_BYTES = 16 << 20
"""Bytes of vectors that are handed to the writer together."""


class EmbeddingRun:
    """One run: windows in, arrays out, and an account of both."""

    def __init__(
        self,
        *,
        model: LoadedModel,
        chosen: ChosenVectors,
        form: FeatureForm,
        text: NumberedText,
        maker: LineMaker,
        state: str,
        batch: int,
        budget: int | None,
        group: ProcessGroup,
    ) -> None:
        self.chosen, self.form, self.text, self.maker, self.state, self.group = chosen, form, text, maker, state, group
        self.batch, self.budget = batch, budget
        self.carried = state == "carry" and chosen.in_context
        start, _ = start_state(model, "model" if state == "warm" else "zero")
        self.embedder = SentenceEmbedder(model, start, carry=self.carried)
        self.began = time.perf_counter()
        self.tokens = self.computed = 0

    def run(self, writer: FeaturesWriter | None) -> Iterator[Report]:
        """Computes everything that is not written yet, and writes it if this is the process that writes."""
        done = _from_first(writer.done if writer is not None else 0, self.group)
        passed, room = 0, self.embedder.room
        with ExitStack() as stack:
            windows = self._windows()
            hand_over: Callable[[Written], None] = partial(self._write, writer)
            at_once = self._has_cores_to_spare()
            if at_once and self.text.path.is_file():  # what may wait for input for ever must not be in a thread
                windows = stack.enter_context(closing(read_ahead(windows)))
            windows = yield from self._with_agreement(windows)
            if at_once or (writer is not None and writer.waits):
                hand_over = stack.enter_context(worked_off(hand_over))
            for window, arrays in self._embedded(windows, done, writer):
                tokens = sum(len(sentence) for line in window for sentence in line.sentences)
                self.tokens += tokens
                if arrays is not None:
                    self.computed += tokens
                    hand_over((window, arrays, max(0, done - passed)))
                passed += len(window)
                if self.embedder.room != room:
                    room = self.embedder.room
                    what = f"memory ran out: {room:,} positions are computed together from now on"
                    yield Notice(text=what, warning=True)
                yield self._progress()

    def _with_agreement(self, windows: Iterator[Window]) -> Generator[Notice, None, Iterator[Window]]:
        """The same windows, after int8 was compared with float32 on sentences of the first one.

        Raises:
            ConfigError: They are too far apart.
        """
        model = self.embedder.model
        if model.precision != "int8" or not self.chosen.in_context:
            return windows
        first = next(windows, None)
        if first is None:
            return windows
        sentences = (sentence for line in first for sentence in line.sentences)
        if agreement := measure_agreement(model, self.embedder.start, sentences):
            agreement.check()
            yield Notice(text=str(agreement))
        return chain([first], windows)

    def losses(self) -> Iterator[Notice]:
        """Says what of the text could not be read."""
        text = self.text
        if text.replaced:
            what = f"bytes that were not {text.reading.encoding} became U+FFFD in {text.replaced:,} places"
            yield Notice(text=what, warning=True)
        if text.skipped:
            yield Notice(text=f"{text.skipped:,} lines or records could not be read and have no vectors", warning=True)

    def finish(self, writer: FeaturesWriter | None, input_path: str) -> EmbedResult:
        """Makes the file appear.

        Raises:
            TextError: There is nothing to write.
        """
        if writer is not None and not writer.done:
            raise TextError(f"{input_path}: no sentence to embed", hint="check that the text is not empty")
        finished = writer.finish() if writer is not None else None
        seconds = time.perf_counter() - self.began
        return EmbedResult(
            path=", ".join(map(str, finished.paths)) if finished else "",
            sentences=finished.sentences if finished else 0,
            tokens=self.tokens,
            shape=self.chosen.shape,
            state=self.state,
            precision=self.embedder.model.precision,
            blank_lines=self.maker.blank,
            layout=self.form.layout,
            format=self.form.format,
            file_bytes=finished.file_bytes if finished else 0,
            left_out=finished.left_out if finished else 0,
            seconds=seconds,
            tokens_per_second=self.computed / seconds,
        )

    def _has_cores_to_spare(self) -> bool:
        """Whether other stages at the same time take nothing from computing; else they cost more than they save.

        Where every core computes, one that is taken away makes the others wait for it at the end of each product. A
        writer that mostly waits for the disk takes none away.
        """
        return self.embedder.model.device.type != "cpu" or torch.get_num_threads() < usable_cores()

    def _windows(self) -> Iterator[Window]:
        lines = self.maker.lines(self.text.rows())
        if self.carried:
            return windows_of_lines(lines, self.batch)
        model = self.embedder.model
        if not self.chosen.in_context:
            return windows_of_tokens(lines, 4 * self.chosen.width)
        token_bytes = 4 * model.bilm.config.vector_layers * model.bilm.config.vector_dim
        weights = sum(weight.numel() for layer in model.bilm.layers for weight in layer.parameters())
        operations = 2 * weights if model.device.type == "cpu" else 0
        return windows_of_tokens(lines, token_bytes, operations)

    def _embedded(
        self, windows: Iterator[Window], done: int, writer: FeaturesWriter | None
    ) -> Iterator[tuple[Window, list[Vectors] | None]]:
        if self.carried:
            assert writer is not None, "carried state has one process"
            states = CarriedStates(journal_folder(writer.path), lambda: writer.safe)
            return carried_windows(windows, self.embedder, done=done, states=states)
        return embedded_windows(
            windows,
            self.embedder,
            in_context=self.chosen.in_context,
            budget=self.budget,
            done=done,
            group=self.group,
        )

    def _write(self, writer: FeaturesWriter | None, computed: Written) -> None:
        """Writes the lines of a window behind the first ``skip``, a bounded part of them at a time."""
        assert writer is not None, "the first process writes"
        window, arrays, skip = computed
        whole = list(_of_lines(window, arrays))[skip:]
        lines, begin, held = window[skip:], 0, 0
        for end, array in enumerate(whole, 1):
            held += array.nbytes
            if held >= PART_BYTES or end == len(whole):
                part, chosen = lines[begin:end], [self.chosen(array) for array in whole[begin:end]]
                pooled = self.chosen.config.sentence_vectors and self.form.layout == "flat"
                writer.write_many(
                    [line.number for line in part],
                    chosen,
                    tokens=[[" ".join(line.tokens)] if pooled and line.tokens else line.tokens for line in part],
                    sentences=[line.text for line in part],
                    keys=[line.key for line in part],
                    more=end < len(whole),
                )
                begin, held = end, 0

    def _progress(self) -> Progress:
        reader = self.text.reader
        rate = self.computed / (time.perf_counter() - self.began)
        note = f"{self.tokens:,} tokens, {rate:,.0f} a second"
        return Progress(stage="embedding", done=reader.bytes_read, total=reader.total_bytes, unit="bytes", note=note)


def _of_lines(window: Window, arrays: list[Vectors]) -> Iterator[Vectors]:
    """One array for each line, those of its sentences one behind the other."""
    remaining = iter(arrays)
    for line in window:
        parts = [next(remaining) for _ in line.sentences]
        yield parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)


def _from_first(number: int, group: ProcessGroup) -> int:
    """The first process's number, in all of them."""
    return int(group.add_up(torch.tensor([number if group.is_first else 0])).item())
