"""The progress of a flow on stderr: a bar on a terminal, else a plain line every so often.

Nothing here runs beside the flow: no thread wakes to redraw, since a flow may fork workers at any moment.
"""

import sys
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elmo_cli.cli.pace import Pace
from elmo_cli.flows.reports import Progress

PATIENCE = 2.0
"""Seconds a stage lasts before it is shown at all."""
LINE_EVERY = 10.0
"""Seconds between lines where there is no terminal."""
REDRAW_EVERY = 0.1
"""Seconds between drawings of a bar."""


class Stages:
    """Shows one stage after the other, and how each that was shown ended. Use it in a ``with``.

    A stage that gives way to another and comes back (training, measuring, training) goes on where it was, and its bar
    is back at once.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace: Pace | None = None
        self._shown = False
        self._paces: dict[str, Pace] = {}
        self._seen: set[str] = set()
        self._drawn_at = float("-inf")
        # rich's own answer can be forced by FORCE_COLOR, and a log file that is coloured still is no terminal.
        self._draws_bars = sys.stderr.isatty() and not console.is_dumb_terminal
        self._live: Live | None = None

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        pace = self._pace
        self._end_stage(finished=error is None)
        if isinstance(error, KeyboardInterrupt):
            where = f" while {pace.last.stage}, at {pace.position}" if pace is not None else ""
            self.say(f"Stopped by Ctrl-C{where}.")

    def say(self, text: str, style: str = "") -> None:
        """Prints a line of its own, above the bar if there is one."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def show(self, report: Progress) -> None:
        """Takes in a report and draws, if it is time to."""
        now = time.monotonic()
        if self._pace is not None and report.stage == self._pace.last.stage:
            self._pace.add(report, now)
        else:
            self._end_stage(finished=True)
            self._pace = self._begin_stage(report, now)
        since_drawn = now - self._drawn_at
        patient = self._pace.seconds >= PATIENCE
        if self._draws_bars:
            if (patient or report.stage in self._seen) and since_drawn >= REDRAW_EVERY:
                self._draw_bar(self._pace)
                self._mark_drawn(now)
        elif patient and (since_drawn >= LINE_EVERY or report.stage not in self._seen):
            self.say(f"{report.stage}: {self._pace.underway()}")
            self._mark_drawn(now)

    def _begin_stage(self, report: Progress, now: float) -> Pace:
        before = self._paces.get(report.stage)
        if before is not None and before.last.done <= report.done:
            before.go_on(report, now)
        else:  # new, or of a name that was there before and begins anew
            self._paces[report.stage] = Pace(report, now)
        return self._paces[report.stage]

    def _mark_drawn(self, now: float) -> None:
        assert self._pace is not None
        self._seen.add(self._pace.last.stage)
        self._shown = True
        self._drawn_at = now

    def _draw_bar(self, pace: Pace) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        report = pace.last
        line = Table.grid(padding=(0, 1, 0, 0), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True, justify="right")
        share = f"{100 * report.done / report.total:.0f} %" if report.total else ""
        line.add_row(
            Text(report.stage, style="bold"),
            ProgressBar(total=report.total, completed=report.done, pulse=report.total is None),
            share,
        )
        words = Text(f"  {pace.underway()}", style="dim", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(line, words), refresh=True)

    def _end_stage(self, *, finished: bool) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if finished and self._pace is not None:
            report = self._pace.last
            if self._shown or (report.stage in self._seen and report.done == report.total):
                self.say(f"{report.stage}: {self._pace.ended()}")
        self._pace, self._shown = None, False
