"""Work shared out over processes."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_cli import processes as module
from elmo_cli.errors import ConfigError, ElmoError
from elmo_cli.processes import AHEAD, IN_FLIGHT, SLOTS, map_in_order, place_in_group, suitable_processes, workers
from elmo_cli.shared_memory import SLOT_BYTES


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_the_order_of_the_items_whatever_the_number_of_processes(processes: int) -> None:
    assert list(map_in_order(abs, range(-20, 0), processes=processes)) == list(range(20, 0, -1))


def test_a_slow_item_holds_its_place() -> None:
    # The process that meets it sleeps while the other does the rest.
    assert list(map_in_order(_sleep, [0.3, *[0.01] * 40, 0.3, 0.01], processes=2)) == [0.3, *[0.01] * 40, 0.3, 0.01]


def test_the_calling_process_works_from_the_first_moment_on() -> None:
    pids = list(map_in_order(_pid, range(4), processes=3))
    assert pids[0] == os.getpid(), "it does not wait until the others have started"


def test_the_calling_process_works_while_the_others_do(tmp_path: Path, others_in_time: list[float]) -> None:
    # The others go on only when it has worked on a second item.
    pids = list(map_in_order(_pid_once_allowed, [(os.getpid(), tmp_path, 2)] * 60, processes=3))
    assert pids.count(os.getpid()) == len(others_in_time) >= 2
    assert 2 <= len(set(pids)) <= 3


def test_one_item_alone_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ProcessPoolExecutor", None)
    assert list(map_in_order(abs, [-1], processes=2)) == [1]
    assert list(map_in_order(abs, [], processes=2)) == []


def test_items_are_taken_lazily_and_stopping_early_takes_no_more() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_order(abs, items(), processes=2)
    assert next(results) == 0
    assert 2 <= len(taken) <= 2 * IN_FLIGHT
    so_far = len(taken)
    results.close()  # type: ignore[attr-defined]
    assert len(taken) == so_far


def test_what_waits_for_a_slow_process_is_bounded(tmp_path: Path, others_in_time: list[float]) -> None:
    taken: list[int] = []
    behind = (
        2 * IN_FLIGHT - AHEAD
    )  # so many own results wait for the first one of the other process, which does not come

    def items() -> Iterator[tuple[int, Path, int]]:
        for number in range(100):
            taken.append(number)
            yield os.getpid(), tmp_path, 1 + behind

    results = map_in_order(_pid_once_allowed, items(), processes=2)
    waiting = [len(taken) - given for given, _ in enumerate(results)]
    assert 2 * IN_FLIGHT <= max(waiting) <= 2 * IN_FLIGHT + SLOTS


@pytest.mark.parametrize("processes", [1, 2])
def test_every_process_is_prepared_before_its_first_item(processes: int) -> None:
    found = map_in_order(_multiply, range(9), processes=processes, prepare=_keep_factor, arguments=(7,))
    assert list(found) == [7 * number for number in range(9)]


def test_arrays_of_any_size_come_as_they_were_made(others_in_time: list[float]) -> None:
    sizes = [0, 1, 70_000, SLOT_BYTES // 4 - 1, SLOT_BYTES // 4, SLOT_BYTES, 3, *range(20)]
    for made, size in zip(map_in_order(_array, sizes, processes=2), sizes, strict=True):
        made["numbers"] += 0  # it may be written to
        assert np.array_equal(made["numbers"], np.arange(size, dtype=np.uint32))
        assert made["size"] == size
    assert 0 < len(others_in_time) < len(sizes), "the other one worked, too"


def test_a_result_stays_as_it_is_when_others_have_come(others_in_time: list[float]) -> None:
    results = list(map_in_order(_array, range(3_000, 3_040), processes=2))
    assert [int(made["numbers"].sum()) for made in results] == [size * (size - 1) // 2 for size in range(3_000, 3_040)]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_work_raises_comes_through_as_it_is(processes: int) -> None:
    results = map_in_order(math.sqrt, [4.0, -1.0, 9.0], processes=processes)
    assert next(results) == 2
    with pytest.raises(ValueError, match=r"nonnegative|math domain"):
        next(results)


def test_our_errors_keep_their_hint_on_the_way_between_processes() -> None:
    with pytest.raises(ElmoError, match="far away\nHint: come closer"):
        list(map_in_order(_raise, [ElmoError("far away", hint="come closer")], processes=2))


def test_what_the_items_raise_comes_through_and_ends_the_processes() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the file went away")

    with pytest.raises(OSError, match="the file went away"):
        list(map_in_order(abs, items(), processes=2))


def test_a_process_that_dies_is_an_error_that_says_so(others_in_time: list[float]) -> None:
    with pytest.raises(ElmoError, match=r"a worker process died.*memory\nHint: .*--processes"):
        list(map_in_order(_die_elsewhere, [os.getpid()] * 400, processes=2))


def test_one_pool_serves_several_stages() -> None:
    with workers(2) as pool:
        first = set(pool.map_in_order(_pid, range(8)))
        second = set(pool.map_in_order(_pid, range(8)))
    assert os.getpid() not in first
    assert len(first | second) <= 2


def test_small_inputs_get_one_process_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 5)
    sizes = {None: 5, 0: 1, 8 << 20: 5, (8 << 20) - 1: 1}
    assert {size: suitable_processes(None, size) for size in sizes} == sizes
    assert [suitable_processes(None, size, 9 << 20) for size in (8 << 20, 9 << 20)] == [1, 5]
    assert suitable_processes(3, 0) == 3


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\n"
        "from elmo_cli.processes import workers\n"
        "def pid(_):\n"
        "    time.sleep(0.1)\n"
        "    return os.getpid()\n"
        "if __name__ == '__main__':\n"
        "    with workers(2) as pool:\n"
        "        print(*set(pool.map_in_order(pid, range(6))), flush=True)\n"
        "        time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert pids
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 60
        while any(map(_alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not any(map(_alive, pids))


_kept: list[int] = []


def _keep_factor(factor: int) -> None:
    _kept[:] = [factor]


def _multiply(number: int) -> int:
    return _kept[0] * number


def _array(size: int) -> dict[str, Any]:
    return {"numbers": np.arange(size, dtype=np.uint32), "size": size}


def _raise(error: Exception) -> None:
    raise error


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _pid_once_allowed(item: tuple[int, Path, int]) -> int:
    """In the calling process at once; elsewhere when that one has begun so many items."""
    caller, folder, number = item
    if os.getpid() == caller:
        (folder / f"{len(list(folder.iterdir()))}").touch()
    while len(list(folder.iterdir())) < number and os.getpid() != caller:
        time.sleep(0.001)
    return os.getpid()


def _die_elsewhere(caller: int) -> None:
    if os.getpid() != caller:
        os._exit(9)
    time.sleep(0.005)


def _pid(_: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def _alive(pid: int) -> bool:
    # One that nobody has waited for is gone as well.
    try:
        return Path("/", "proc", str(pid), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_torchrun_s_environment_says_which_process_of_how_many_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert place_in_group() == (0, 1)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert place_in_group() == (3, 4)
    monkeypatch.setenv("RANK", "4")
    with pytest.raises(ConfigError, match="RANK=4 WORLD_SIZE=4: expected numbers as torchrun sets them"):
        place_in_group()
