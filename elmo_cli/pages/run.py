"""The page about training runs: their curves over one another, and what differs in their settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from elmo_cli.pages.page import Figure, Figures, Folded, Paragraph, Part, Section, Table, Tiles, render
from elmo_cli.pages.run_charts import Curve, held_out_charts, machine_charts, step_charts


@dataclass(frozen=True, kw_only=True)
class RunFigures:
    """One run on the page."""

    name: str
    """Another for each run."""
    path: str
    curves: Mapping[str, Curve]
    """By the figure's name in ``metrics.jsonl``: the place on the axis, and the value. Others were not recorded."""
    sampled: bool
    """Whether the training loss is that of a sampled softmax."""
    best: Mapping[str, float] | None
    """Step, and joint, forward and backward perplexity of the best evaluation; None before the first."""
    facts: Sequence[tuple[str, str, str]]
    """Name, value and meaning of its other figures."""
    settings: Mapping[str, str]
    """By dotted name."""
    events: Sequence[str] = field(default_factory=list)
    """What happened on the way, in sentences."""


def run_page(runs: Sequence[RunFigures], *, axis: str, explained: Mapping[str, str], made_by: str) -> str:
    """The page as HTML.

    Args:
        runs: In the order of their colours.
        axis: What the curves run over.
        explained: What a setting is, by its dotted name.
        made_by: Which program wrote it.

    Raises:
        ElmoError: The package that draws charts is not installed.
    """
    title = f"Training run {runs[0].name}" if len(runs) == 1 else f"{len(runs)} training runs"
    sections = [
        Section("What came of it", list(_outcome(runs))),
        Section("Held-out perplexity", list(held_out_charts(runs, axis)) or [Paragraph("Nothing was measured yet.")]),
        Section("Training", list(step_charts(runs, axis))),
        Section("Speed and memory", list(machine_charts(runs, axis)) or [Paragraph("These runs do not record them.")]),
        Section("Settings", list(_settings(runs, explained))),
    ]
    return render(title, ", ".join(run.path for run in runs), sections, made_by=made_by)


def _outcome(runs: Sequence[RunFigures]) -> Iterator[Part]:
    if len(runs) == 1:
        (run,) = runs
        if run.best is not None:
            meanings = {
                "joint": "exp of the mean loss of both directions: the figure that runs are compared by",
                "forward": "words from those before them",
                "backward": "words from those after them",
            }
            yield Tiles([Figure(f"{name} perplexity", number(run.best[name]), meanings[name]) for name in meanings])
            yield Paragraph(
                f"The best held-out perplexity of the run, measured at step {run.best['step']:,.0f} with the full "
                "softmax, every sentence from the start state. The model folder has the weights of this step."
            )
        yield Figures([Figure(*fact) for fact in run.facts])
    else:
        names = list(dict.fromkeys(name for run in runs for name, _, _ in run.facts))
        rows = [(run.name, *_best_cells(run), *_fact_cells(run, names)) for run in runs]
        heads = ("run", "joint", "forward", "backward", "at step", *names)
        yield Table(heads, rows, frozenset(range(1, len(heads))))
        yield Paragraph(
            "Joint, forward and backward are held-out perplexities at each run's best evaluation, with the full "
            "softmax. They are comparable between runs with the same held-out text and the same vocabulary."
        )
    for run in runs:
        for event in run.events:
            yield Paragraph(event if len(runs) == 1 else f"{run.name}: {event}")


def _best_cells(run: RunFigures) -> list[str]:
    if run.best is None:
        return ["–"] * 4
    return [*(number(run.best[name]) for name in ("joint", "forward", "backward")), f"{run.best['step']:,.0f}"]


def _fact_cells(run: RunFigures, names: Sequence[str]) -> list[str]:
    values = {name: value for name, value, _ in run.facts}
    return [values.get(name, "–") for name in names]


def _settings(runs: Sequence[RunFigures], explained: Mapping[str, str]) -> Iterator[Part]:
    names = list(dict.fromkeys(name for run in runs for name in run.settings))
    heads = ("setting", *(run.name for run in runs), "what it is")
    rows = [(name, *(run.settings.get(name, "–") for run in runs), explained.get(name, "")) for name in names]
    if len(runs) == 1:
        heads = ("setting", "value", "what it is")
        yield Paragraph("As they were resolved from preset, files and flags; the run can be repeated with them.")
        yield Table(heads, rows)
        return
    apart = [row for row in rows if len(set(row[1:-1])) > 1]
    yield Paragraph("Settings in which the runs differ." if apart else "The runs have the same settings.")
    if apart:
        yield Table(heads, apart)
    yield Folded("All settings", Table(heads, rows))


def number(value: float) -> str:
    """Four significant digits, more where the whole part has more.

    Example:
        >>> number(139.487), number(8123.4)
        ('139.5', '8,123')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
