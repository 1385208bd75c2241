"""Runs the command line inside the test process, on flows that the test makes up."""

import importlib
import inspect
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from elmo_cli.cli import stages
from elmo_cli.cli.app import main
from elmo_cli.flows.evaluation_results import Breakdowns, CostlySentence, CostlyWord, EvaluateResult
from elmo_cli.flows.reports import Report
from elmo_cli.measure.bootstrap import Interval
from elmo_cli.measure.breakdowns import Band
from elmo_cli.measure.perplexity import DirectionFigures
from elmo_cli.measure.scored_text import TextSize

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Outcome:
    """How a command ended and what it wrote, colours removed."""

    code: int
    out: str
    err: str


@dataclass
class Call:
    """What a command called its flow with."""

    args: tuple[Any, ...]
    options: dict[str, Any]


@pytest.fixture
def elmo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Outcome]]:
    """``elmo("eval", "model", "text.txt")`` types that command."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["elmo", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        written = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), COLOURS.sub("", written.out), COLOURS.sub("", written.err))

    yield run
    logging.getLogger("elmo_cli").setLevel(logging.NOTSET)


Play = Callable[..., list[Call]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """``play("evaluation.evaluate", reports)`` puts a made-up flow in a flow's place and returns the list of its calls.

    ``reports`` is what the flow yields: a list, a generator function, or an exception that it raises.
    """

    def put(module: str, reports: Any, function: str | None = None) -> list[Call]:
        name, function = f"elmo_cli.flows.{module}", function or module.rpartition(".")[2]
        calls: list[Call] = []
        real = inspect.signature(getattr(importlib.import_module(name), function))

        def flow(*args: Any, **options: Any) -> Iterator[Report]:
            real.bind(*args, **options)  # a made-up flow takes anything; the real one must take this call as well
            calls.append(Call(args, options))
            if isinstance(reports, BaseException):
                raise reports
            source: Iterable[Report] = reports() if callable(reports) else reports
            yield from source

        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**{function: flow}))
        return calls

    return put


class Clock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that stages are timed with."""
    made_up = Clock()
    monkeypatch.setattr(stages, "time", made_up)
    return made_up


def _direction(loss: float, perplexity: float) -> DirectionFigures:
    return DirectionFigures(
        loss=loss,
        perplexity=perplexity,
        targets=13023,
        perplexity_words=perplexity + 20,
        perplexity_boundaries=1.5,
        perplexity_without_oov=perplexity - 20,
        ppl1=perplexity - 10,
        log10=-loss * 13023 / 2.302585093,
        bits_per_token=loss / 0.6931472,
        bits_per_byte=1.8125,
        bits_per_character=1.875,
        perplexity_per_space_word=perplexity + 100,
    )


@pytest.fixture
def evaluation() -> EvaluateResult:
    """A result with a figure of every kind."""
    band = Band(name="word 1", targets=678, share=0.0625, forward=6.5, backward=4.25)
    return EvaluateResult(
        model="run/model",
        context="sentence",
        start_state="zero (the model's own, trained for)",
        stretches=None,
        sentences=678,
        words=12345,
        size=TextSize(bytes=61234, characters=60000, words=12345),
        loss=5.35,
        perplexity=210.61,
        interval=Interval(low=201.25, high=220.5, confidence=0.95),
        joint=_direction(5.35, 210.61),
        forward=_direction(5.5, 244.69),
        backward=_direction(5.2, 181.27),
        oov_tokens=123,
        oov_types=99,
        oov_rate=123 / 12345,
        breakdowns=Breakdowns(
            by_place=[band],
            by_frequency=[replace(band, name="rank 1 to 10")],
            by_length=[replace(band, name="1 to 5 words", targets=1)],
            by_file=[],
            sentences=[CostlySentence(sentence=17, file="a.txt", words=3, loss=9.5, text="odd words here")],
            words=[CostlyWord(word="the", count=600, loss=2.5, share=0.125)],
        ),
        baseline=None,
        seconds=3.25,
        words_per_second=3798.4,
    )
