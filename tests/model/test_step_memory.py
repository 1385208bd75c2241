"""Steps' matrices one behind the other in memory."""

import torch

from elmo_cli.model.step_memory import by_step, front, runs_of_steps


def test_the_front_of_some_memory_has_no_gaps() -> None:
    room = torch.arange(2 * 5 * 3)
    part = front(room, 4, 3)
    assert part.shape == (2, 4, 3)
    assert part.is_contiguous()
    assert part.flatten().tolist() == list(range(24))
    assert front(room.view(2, 5, 3), 1, 2).tolist() == [[[0, 1]], [[2, 3]]]


def test_steps_share_all_of_the_memory_between_them() -> None:
    sizes = [4, 3, 1]
    room = torch.zeros(2 * sum(sizes) * 5)
    parts = by_step(room, sizes, 5)
    assert [tuple(part.shape) for part in parts] == [(2, 4, 5), (2, 3, 5), (2, 1, 5)]
    for part in parts:
        assert part.is_contiguous()
        part += 1
    assert torch.equal(room, torch.ones_like(room))


def test_runs_of_steps_hold_every_step_once_and_in_order() -> None:
    sizes = [300, 250, 250, 240, 60, 3]
    for few_rows, together in [(256, 640), (1, 1), (1000, 1), (1000, 10_000)]:
        runs = list(runs_of_steps(sizes, few_rows, together))
        assert [size for run in runs for size in run] == sizes
        assert all(len(run) == 1 or (run[0] < few_rows and sum(run) <= together) for run in runs)
    assert list(runs_of_steps([], 1, 1)) == []
