"""The charts of the page about training runs, each with its caption."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from elmo_cli.pages.charts import Axis, Spec, lines
from elmo_cli.pages.page import Chart

Curve = Sequence[tuple[float, float]]
"""Places on the axis, rising, each with its value."""

MOST_POINTS = 400
"""Of a curve that a chart draws; more are drawn over one another."""
WIDE = 8.0
"""Ratio of the largest value to the smallest from which an axis is logarithmic."""


class Drawn(Protocol):
    """What is drawn of a run."""

    @property
    def name(self) -> str:
        """Another for each run."""

    @property
    def curves(self) -> Mapping[str, Curve]:
        """By the figure's name."""

    @property
    def sampled(self) -> bool:
        """Whether the training loss is that of a sampled softmax."""


def held_out_charts(runs: Sequence[Drawn], axis: str) -> Iterator[Chart]:
    """Joint perplexity of all, then the two directions."""
    joint = _gathered(runs, "held_out_perplexity")
    if not joint:
        return
    name, (_, best) = min(
        ((name, min(curve, key=lambda point: point[1])) for name, curve in joint.items()), key=lambda entry: entry[1][1]
    )
    whose = f" ({name})" if len(runs) > 1 else ""
    yield Chart(
        _lines(joint, axis, "held-out perplexity, joint", runs),
        f"The lowest held-out perplexity is {best:,.1f}{whose}.",
        "Measured with the full softmax on text that the model does not learn from, both directions together. Where a "
        "curve turns upward while the training loss still falls, the model learns its text by heart.",
    )
    directions = {
        f"{run.name} {word}" if len(runs) > 1 else word: run.curves[f"held_out_{word}"]
        for run in runs
        for word in ("forward", "backward")
        if run.curves.get(f"held_out_{word}")
    }
    if directions:
        yield Chart(
            _lines(directions, axis, "held-out perplexity"),
            "Forward and backward perplexity apart.",
            "Both directions read the same text and should stay close; one that leaps away has lost its way in the "
            "state it starts sentences from.",
        )


def step_charts(runs: Sequence[Drawn], axis: str) -> Iterator[Chart]:
    """Loss, rate and gradient."""
    kinds = {run.sampled for run in runs}
    kind = "sampled softmax" if kinds == {True} else "full softmax" if kinds == {False} else "sampled or full softmax"
    losses = _gathered(runs, "loss_sampled")
    if losses:
        last = ", ".join(f"{curve[-1][1]:.3f}{f' ({name})' if len(runs) > 1 else ''}" for name, curve in losses.items())
        yield Chart(
            _lines(losses, axis, f"training loss, nats ({kind}, dropout on)", runs),
            f"The training loss ends at {last} nats.",
            "Mean of both directions over the steps between two records. "
            + (
                "It is the loss of a choice among sampled words: it is lower than that of the full softmax, depends on "
                "how many are sampled, and its exponential is no perplexity."
                if True in kinds
                else "It is measured with dropout, on text that is learned; it does not compare with held-out loss."
            ),
        )
    for figure, title, finding, caption in (
        (
            "learning_rate",
            "learning rate",
            "The learning rate {last}.",
            "As it was set, warmed up and scheduled; the optimizer's own scaling comes on top of it.",
        ),
        (
            "gradient_norm",
            "norm of the gradient, before the clip",
            "The gradient's norm ends at {last}.",
            "Of the last step before each record, over all parameters. Long stretches above the clip mean that the "
            "clip decides the step size; single peaks are normal.",
        ),
    ):
        if curves := _gathered(runs, figure):
            yield _simple(curves, axis, title, finding, caption, lambda value: f"{value:.3g}", runs)


def machine_charts(runs: Sequence[Drawn], axis: str) -> Iterator[Chart]:
    """Words a second, waiting, memory."""
    if curves := _gathered(runs, "words_per_second"):
        yield _simple(
            curves,
            axis,
            "words per second",
            "Training runs at {last} words per second in the end.",
            "Of the training steps alone, evaluations and checkpoints left out.",
            lambda value: f"{value:,.0f}",
            runs,
        )
    if curves := _gathered(runs, "waiting_share"):
        yield Chart(
            lines(
                _series(curves, runs),
                x=Axis(title=axis, from_zero=True),
                y=Axis(title="share of a step spent waiting for words", percent=True, from_zero=True),
            ),
            f"At most {max(value for curve in curves.values() for _, value in curve):.1%} of a step is spent waiting "
            "for its words.",
            "What is not waiting is computing, or exchanging gradients where several processes train. A share above a "
            "tenth says that reading text holds the machine up.",
        )
    for figure, what in (("peak_memory_bytes", "memory"), ("peak_device_bytes", "memory of the GPU")):
        if curves := _gathered(runs, figure):
            scaled = {name: [(x, value / 1e9) for x, value in curve] for name, curve in curves.items()}
            yield _simple(
                scaled,
                axis,
                f"peak {what}, GB",
                f"The peak of {what} is {{last}} GB.",
                "The most that the process had so far; it never falls, save where a run was resumed.",
                lambda value: f"{value:.2f}",
                runs,
            )


def thinned(curve: Curve) -> Curve:
    """A curve of at most :data:`MOST_POINTS` points, each the mean of its neighbours."""
    size = -(-len(curve) // MOST_POINTS)
    if size <= 1:
        return curve
    parts = [curve[begin : begin + size] for begin in range(0, len(curve), size)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _gathered(runs: Sequence[Drawn], figure: str) -> dict[str, Curve]:
    return {run.name: run.curves[figure] for run in runs if run.curves.get(figure)}


def _simple(
    curves: Mapping[str, Curve],
    axis: str,
    title: str,
    finding: str,
    caption: str,
    shown: Callable[[float], str],
    runs: Sequence[Drawn],
) -> Chart:
    ends = [f"{shown(curve[-1][1])}{f' ({name})' if len(curves) > 1 else ''}" for name, curve in curves.items()]
    last = ", ".join(ends)
    if finding.startswith("The learning rate"):
        constant = all(value == curve[0][1] for curve in curves.values() for _, value in curve)
        last = f"is constant: {last}" if constant else f"ends at {last}"
    return Chart(_lines(curves, axis, title, runs), finding.format(last=last), caption)


def _lines(curves: Mapping[str, Curve], axis: str, title: str, runs: Sequence[Drawn] = ()) -> Spec:
    values = [value for curve in curves.values() for _, value in curve]
    wide = min(values) > 0 and max(values) > WIDE * min(values)
    return lines(_series(curves, runs), x=Axis(title=axis, from_zero=True), y=Axis(title=title, log=wide))


def _series(curves: Mapping[str, Curve], runs: Sequence[Drawn]) -> dict[str, list[dict[str, float]]]:
    # A run without this curve keeps its place, so that every run has one colour on the whole page.
    names = [run.name for run in runs] or list(curves)
    return {name: _points(curves.get(name, ())) for name in names}


def _points(curve: Curve) -> list[dict[str, float]]:
    return [{"x": x, "y": float(f"{value:.6g}")} for x, value in thinned(curve)]
