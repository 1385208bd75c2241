"""Steps' matrices without gaps in memory: a CPU's batched product writes to nothing else in one go.

Of an array (G, N, X) a step's part (G, B, X) has the other steps between its directions. torch then multiplies one
direction after the other, with all threads at each, which is a fifth slower than a thread for each direction.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor


def front(room: Tensor, rows: int, columns: int) -> Tensor:
    """So many rows of both directions (G, rows, columns) at the front of some memory."""
    return room.view(-1)[: 2 * rows * columns].view(2, rows, columns)


def by_step(room: Tensor, batch_sizes: Sequence[int], columns: int) -> list[Tensor]:
    """All steps' parts (G, B, columns), one behind the other.

    Args:
        room: As many numbers as they have together.
        batch_sizes: Sequences still going at each step.
        columns: X.
    """
    parts = room.view(-1).split([2 * size * columns for size in batch_sizes])
    return [part.view(2, size, columns) for part, size in zip(parts, batch_sizes, strict=True)]


def runs_of_steps(batch_sizes: Sequence[int], few_rows: int, together: int) -> Iterator[list[int]]:
    """Runs of steps whose inputs are read together: of so many positions at most, or of one step.

    Args:
        batch_sizes: Sequences still going at each step.
        few_rows: A step of as many sequences or more stays by itself.
        together: Positions.

    Example:
        >>> list(runs_of_steps([300, 250, 250, 240, 60, 3], few_rows=256, together=640))
        [[300], [250, 250], [240, 60, 3]]
    """
    run: list[int] = []
    for size in batch_sizes:
        if run and (run[0] >= few_rows or sum(run) + size > together):
            yield run
            run = []
        run.append(size)
    if run:
        yield run
