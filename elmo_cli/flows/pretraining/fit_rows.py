"""The largest number of rows whose steps fit into a bound on memory, found by trying a few.

Memory is close to a line, ``fixed + rows x bytes per row``: what steps hold grows with their positions, and the
distinct words among these a little slower. So a line through two trials says where the bound is, too low rather than
too high, and a trial there says whether it is right.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from elmo_cli.flows.reports import Report

ENOUGH = 0.93
"""Share of the bound from which on no larger number is tried."""
MOST_TRIALS = 8
FURTHEST = 16
"""Times the most rows that ended so far; what a line through two small trials says is not trusted further than that."""

Try = Callable[[int], Generator[Report, None, int | None]]
"""Does steps with so many rows and gives the most bytes at once; None where memory ran out."""


@dataclass
class Search:
    """What was tried."""

    budget: int
    trials: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The most that fitted; 0 for none."""
        return max((rows for rows, taken in self._ended if taken <= self.budget), default=0)

    @property
    def line(self) -> tuple[float, float]:
        """Bytes that any number of rows takes, and those of each row: through the smallest and the largest trial."""
        if len(self._ended) < 2:
            return (0.0, 0.0)
        return _through(self._ended[0], self._ended[-1])

    @property
    def _ended(self) -> list[tuple[int, int]]:
        return sorted((rows, taken) for rows, taken in self.trials if taken is not None)

    def next_rows(self, most: int) -> int:
        """Where a line meets the bound, between the most that fitted and the least that did not."""
        ended, rows = self._ended, self.rows
        too_many = min((rows for rows, taken in self.trials if taken is None or taken > self.budget), default=most + 1)
        guess = min(most, FURTHEST * max((rows for rows, _ in ended), default=1))
        fixed, each = self.line
        above = [trial for trial in ended if trial[0] >= too_many]
        if rows and above:
            fixed, each = _through((rows, dict(ended)[rows]), above[0])
        if each > 0:
            guess = min(guess, int((self.budget - fixed) / each))
        if guess >= too_many:  # the line is wrong up there
            guess = (rows + too_many) // 2
        return max(rows, guess)


def _through(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    (fewer, less), (more, most) = one, other
    each = (most - less) / (more - fewer)
    return less - each * fewer, each


def search_rows(attempt: Try, *, start: int, most: int, budget: int) -> Generator[Report, None, Search]:
    """Looks for the largest number of rows that fits.

    Args:
        attempt: Tries a number of rows.
        start: Where to begin.
        most: More than this the corpus does not fill.
        budget: Bytes that a step may have at once.

    Returns:
        What was found; ``rows`` 0 where not even one row fits.
    """
    search = Search(budget)
    few = max(1, min(start, most) // 4)
    for rows in sorted({few, min(2 * few, most)}):
        search.trials.append((rows, (yield from attempt(rows))))
    while len(search.trials) < MOST_TRIALS:
        rows = search.next_rows(most)
        if rows < 1 or rows in dict(search.trials):
            break
        taken = yield from attempt(rows)
        search.trials.append((rows, taken))
        if taken is not None and ENOUGH * budget <= taken <= budget:
            break
    return search
