"""Results on their way between processes."""

import os
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from elmo_cli import shared_memory
from elmo_cli.shared_memory import SLOT_BYTES, Slots

slots = Slots(3)


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(0, 2))
@example([], 1)
@example([b""], 2)
def test_arrays_and_all_the_rest_arrive(contents: list[bytes], slot: int) -> None:
    result = {"arrays": [np.frombuffer(content, dtype=np.uint8) for content in contents], "rest": contents}
    arrived = slots.unpacked(slots.packed(result, slot), slot)
    assert [array.tobytes() for array in arrived["arrays"]] == arrived["rest"] == contents


def test_the_pipe_carries_little_of_a_result_that_has_room_and_all_of_a_larger_one() -> None:
    room = np.zeros(SLOT_BYTES, dtype=np.uint8)
    assert len(slots.packed(room, 2).rest) < 1_000
    larger = np.zeros(SLOT_BYTES + 1, dtype=np.uint8)
    assert len(slots.packed(larger, 2).rest) > SLOT_BYTES
    for result in (room, larger):
        assert np.array_equal(slots.unpacked(slots.packed(result, 2), 2), result)


def test_slots_keep_out_of_each_other_s_way_and_what_has_arrived_stays() -> None:
    results = [np.full(SLOT_BYTES, number, dtype=np.uint8) for number in range(3)]
    packed = [slots.packed(result, slot) for slot, result in enumerate(results)]
    arrived = [slots.unpacked(one, slot) for slot, one in enumerate(packed)]
    slots.packed(results[2], 0)
    assert [set(array.tolist()) for array in arrived] == [{0}, {1}, {2}]


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_process_that_is_started_has_the_same_memory_and_nothing_has_a_name(
    in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(shared_memory.tempfile, "tempdir", str(tmp_path))
    own = Slots(2)
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(own, sender))
    process.start()
    sender.close()
    packed = receiver.recv()
    assert len(packed.rest) < 1_000
    assert np.array_equal(own.unpacked(packed, 1), np.arange(100_000))
    process.join()
    assert list(tmp_path.iterdir()) == []
    own.close()


def _send(slots: Slots, sender: Any) -> None:
    sender.send(slots.packed(np.arange(100_000), 1))
