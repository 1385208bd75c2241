"""Carried state: AllenNLP's rules (reference/allennlp.md, 1.7), except that it moves with the module."""

import copy

import pytest
import torch

from elmo_cli.api.states import RowStates
from elmo_cli.model.lstm import LstmState


def make(carry: bool = True) -> RowStates:
    return RowStates(LstmState(torch.zeros(2, 2, 1, 4), torch.zeros(2, 2, 1, 3)), carry=carry)


def write(states: RowStates, rows: int, value: float, order: list[int] | None = None) -> None:
    places = torch.tensor(order if order is not None else range(rows))
    states.begin(places)
    states.end(places, LstmState(torch.full((2, 2, rows, 4), value), torch.full((2, 2, rows, 3), value)))


def rows_of(states: RowStates) -> list[float]:
    return states.carried.cell[0, 0, :, 0].tolist()


def test_a_larger_batch_begins_its_new_rows_at_the_start() -> None:
    states = make()
    write(states, 3, 1.0)
    begin = states.begin(torch.arange(5))
    assert begin.cell[1, 1, :, 0].tolist() == begin.output[1, 1, :, 0].tolist() == [1, 1, 1, 0, 0]


def test_a_smaller_batch_leaves_the_other_rows_as_they_were() -> None:
    states = make()
    write(states, 10, 1.0)
    write(states, 5, 2.0)
    assert rows_of(states) == [2] * 5 + [1] * 5


def test_rows_are_those_of_the_caller_whatever_the_order_of_computing() -> None:
    states = make()
    order = torch.tensor([2, 0, 1])
    states.begin(order)
    values = torch.tensor([7.0, 8.0, 9.0])
    states.end(order, LstmState(values[:, None].expand(2, 2, 3, 4), values[:, None].expand(2, 2, 3, 3)))
    assert rows_of(states) == [8, 9, 7]
    assert states.begin(order).cell[0, 0, :, 0].tolist() == [7, 8, 9]


def test_a_mask_resets_its_rows_and_none_resets_all() -> None:
    states = make()
    write(states, 3, 1.0)
    states.reset(torch.tensor([True, False, True]))
    assert rows_of(states) == [0, 1, 0]
    states.reset()
    assert rows_of(states) == []


def test_a_mask_of_another_length_is_refused() -> None:
    states = make()
    write(states, 3, 1.0)
    with pytest.raises(ValueError, match=r"expected a mask of 3 rows, as many as carry state, found \(2,\)"):
        states.reset(torch.tensor([True, False]))


def test_no_gradient_goes_from_batch_to_batch() -> None:
    states = make()
    places = torch.arange(2)
    states.begin(places)
    states.end(
        places, LstmState(torch.ones(2, 2, 2, 4, requires_grad=True), torch.ones(2, 2, 2, 3, requires_grad=True))
    )
    assert not states.begin(places).cell.requires_grad


def test_state_is_copied_and_moved_and_stands_in_no_state_dict() -> None:
    states = make()
    write(states, 2, 1.0)
    assert states.state_dict() == {}
    assert rows_of(copy.deepcopy(states)) == [1, 1]
    assert states.double().begin(torch.arange(3)).cell.dtype == torch.float64


def test_state_outlives_the_replica_that_computed_it() -> None:
    states = make()
    for value in (1.0, 2.0):
        replica = states._replicate_for_data_parallel()  # what DataParallel computes each batch with
        write(replica, 3, value)
        assert rows_of(states) == [value] * 3
    states.reset()
    assert rows_of(states._replicate_for_data_parallel()) == []


def test_rows_of_several_devices_are_one_after_another() -> None:
    states = make()
    parts = LstmState(torch.ones(2, 2, 2, 4), torch.ones(2, 2, 2, 3))
    for number, rows in ((1, 1), (0, 2)):  # whichever device is done first
        states._by_device[torch.device("cuda", number)] = LstmState(*(part[:, :, :rows] * number for part in parts))
    assert rows_of(states) == [0, 0, 1]
    with pytest.raises(ValueError, match="expected a mask of 3 rows"):
        states.reset(torch.ones(2))
    assert rows_of(states.double()) == [0, 0, 1]
    states.reset(torch.tensor([False, False, True]))
    assert rows_of(states) == [0, 0, 0]


def test_a_fixed_start_is_never_left() -> None:
    states = make(carry=False)
    write(states, 3, 1.0)
    states.reset(torch.tensor([True]))
    assert states.begin(torch.arange(3)).cell.abs().max() == 0
