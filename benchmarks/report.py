"""``python -m benchmarks.report FILE.json``: the figures of a run as Markdown, for benchmarks/README.md."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import TEXT, besides, number
from benchmarks.session import FORMAT
from elmo_cli.errors import ElmoError

Entry = Mapping[str, Any]
"""One figure of the JSON: the fields of :class:`benchmarks.figures.Figure`."""

WHOLE_STEP = "training step"
HEADER = (
    "what",
    "median",
    "lowest to highest",
    "times",
    "MFLOP each",
    "GFLOP/s",
    "of its products",
    "of the large one",
)


def main(arguments: Sequence[str]) -> int:
    """Prints the tables; the exit code is 1 where the file is none of ours."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.report FILE.json", file=sys.stderr)
        return 2
    try:
        print("\n".join(markdown(read(Path(arguments[0])))))
    except ElmoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> dict[str, Any]:
    """The JSON of a run.

    Raises:
        ElmoError: It cannot be read, or is not of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ElmoError(f"{path}: cannot be read: {error}", hint="write one with python -m benchmarks.run") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ElmoError(
            f"{path}: format {found}, this version reads {FORMAT}", hint="measure again with python -m benchmarks.run"
        )
    return content


def markdown(content: Mapping[str, Any]) -> Iterator[str]:
    """All tables of a run, line by line."""
    machine, figures = content["machine"], content["figures"]
    yield f"### {machine.get('gpu', machine['cpu'])}, {content['date'][:10]}"
    yield ""
    yield f"{describe(machine)}. Text: {content['text']}. {content['seconds']:.0f} seconds in all."
    if not content.get("is_whole", True):
        yield "The run ended before its time: what follows is what it had measured by then."
    if content["drawn_text"]:
        cases = "; ".join(content["drawn_text"])
        yield f"Training text drawn from the log-uniform law, since no text here has such a vocabulary: {cases}."
    for case in dict.fromkeys(figure["case"] for figure in figures):
        of_case = [figure for figure in figures if figure["case"] == case]
        yield ""
        yield f"**{'Text and machine' if case == TEXT else case}**{_sizes(of_case)}"
        yield ""
        yield from _table(HEADER, [_row(figure) for figure in of_case])
        profile = _profile(of_case)
        if profile:
            yield ""
            yield from _table(("stage of a training step", "ms", "share"), profile)


def describe(machine: Mapping[str, Any]) -> str:
    """A machine in one line.

    Example:
        >>> describe({"cpu": "Z80", "cores": 1, "threads": 1, "torch": "2.6", "float32_products": "highest"})
        'Z80, 1 of 1 cores in use, torch 2.6, float32'
    """
    precision = "float32" if machine["float32_products"] == "highest" else f"float32 ({machine['float32_products']})"
    processor = f"{machine['cpu']}, {machine['threads']} of {machine['cores']} cores in use"
    if "gpu" in machine:
        processor = f"{machine['gpu']} ({machine['gpu_memory_gib']:.0f} GiB, CUDA {machine['cuda']}) beside {processor}"
    return f"{processor}, torch {machine['torch']}, {precision}"


def _row(figure: Entry) -> tuple[str, ...]:
    each, gflops = figure["flops_per_unit"], figure["gflops"]
    return (
        figure["name"],
        f"{number(figure['median'])} {figure['unit']}{besides(figure['details'])}",
        f"{number(figure['low'])} to {number(figure['high'])}",
        str(figure["repeats"]),
        "" if each is None else number(each / 1e6),
        "" if gflops is None else number(gflops),
        _percent(figure["share_of_products"]),
        _percent(figure["share_of_large"]),
    )


def _profile(figures: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Where a step's time goes; nothing where its stages were not measured."""
    times = {figure["name"]: figure["step_milliseconds"] for figure in figures if figure["step_milliseconds"]}
    whole = times.pop(WHOLE_STEP, None)
    if whole is None or not times:
        return []
    times["the rest: dropout, gathering, waiting"] = whole - sum(times.values())
    rows = [(name, number(time), _percent(time / whole)) for name, time in times.items()]
    return [*rows, ("the whole step", number(whole), "100 %")]


def _sizes(figures: Sequence[Entry]) -> str:
    step = next((figure["details"] for figure in figures if figure["name"] == WHOLE_STEP), None)
    if step is None:
        return ""
    return (
        f", window {step['window']}, vocabulary {step['vocabulary']:,}, {step['negatives']:,} negatives, "
        f"{step['types_per_step']:,.0f} word types a step"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}".replace("%", " %")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
