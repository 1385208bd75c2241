"""``python -m benchmarks.run``: measures every part beside what the machine could do, and writes JSON."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import TEXT, Figure, besides, number
from benchmarks.machine import describe_machine, is_busy
from benchmarks.plans import PLANS
from benchmarks.session import PARTS, measure_all, record
from benchmarks.texts import find_text
from elmo_cli.device import pick_device, use_threads
from elmo_cli.errors import ElmoError
from elmo_cli.files import write_text

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; the exit code is 1 where a setting does not fit the machine."""
    wanted = _parse(arguments)
    try:
        return _run(wanted)
    except ElmoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(wanted: argparse.Namespace) -> int:
    device = pick_device(wanted.device)
    use_threads(wanted.threads)
    plan = PLANS[wanted.plan or device.type]
    machine = describe_machine(device)
    if is_busy(machine):
        print(
            f"warning: load average {machine['load_average']} on {machine['cores']} cores: other processes are "
            "running, or were a minute ago; figures taken beside them are too low",
            file=sys.stderr,
        )
    begin, out = time.perf_counter(), wanted.out or RESULTS / f"{plan.name}.json"
    figures: list[Figure] = []

    def write(*, is_whole: bool) -> float:
        took = time.perf_counter() - begin
        content = record(
            figures,
            plan=plan,
            text=text,
            machine=machine,
            seconds=wanted.seconds,
            took=took,
            is_whole=is_whole,
        )
        write_text(out, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return took

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = find_text(folder)
        print(f"{machine.get('gpu', machine['cpu'])}, {machine['threads']} threads, torch {machine['torch']}")
        print(f"text: {text.description}")
        for figure in measure_all(
            plan, device, text, folder, seconds=wanted.seconds, only=wanted.only or PARTS, large=wanted.large
        ):
            if not figures or figure.case != figures[-1].case:
                if figures:
                    write(is_whole=False)  # a run of many minutes may be ended from outside
                print(f"\n{'Text and machine' if figure.case == TEXT else figure.case}")
            print(show(figure), flush=True)
            figures.append(figure)
    took = write(is_whole=True)
    print(f"\n{took:.0f} seconds. Written to {out}; as Markdown: python -m benchmarks.report {out}")
    return 0


def show(figure: Figure) -> str:
    """A figure as a line of the table, and what it is in the next."""
    spread = f"{number(figure.low)} to {number(figure.high)}, {figure.repeats} times"
    line = f"  {figure.name:<38}{number(figure.median):>10} {figure.unit:<12} {spread:<36}"
    if figure.share_of_products is not None and figure.share_of_large is not None:
        line += f"{figure.share_of_products:>5.0%} of its products, {figure.share_of_large:>4.0%} of the large one"
    return f"{line.rstrip()}\n      {figure.explanation}{besides(figure.details)}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.partition(": ")[2])
    parser.add_argument("--device", default="cpu", help="cpu (the default), cuda, cuda:N, or auto")
    parser.add_argument("--out", type=Path, metavar="FILE", help="JSON to write; benchmarks/results/PLAN.json")
    parser.add_argument("--only", nargs="+", choices=PARTS[1:], metavar="PART", help=f"of {', '.join(PARTS[1:])}")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="time per figure; 2 without this")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; without it, every core")
    parser.add_argument(
        "--large",
        action="store_true",
        help="corpus: 2 GB of text as well; needs time, and several times that room in TMPDIR",
    )
    parser.add_argument("--plan", choices=PLANS, help="what to measure; without it, what suits the device")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
