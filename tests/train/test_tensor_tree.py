"""Nested tensors are taken apart and put together again."""

import json

import pytest
import torch

from elmo_cli.train.tensor_tree import gather, scatter


def test_what_was_taken_apart_is_put_together_the_same() -> None:
    values = {"a": [1, 2.5, "word", None, True], "b": {"c": (torch.ones(2), (torch.zeros(0),))}, "empty": {}, "d": ()}
    named, tree = gather(values)
    again = scatter(json.loads(json.dumps(tree)), named)
    assert again["a"] == values["a"]
    assert again["empty"] == {}
    assert again["d"] == ()
    one, (two,) = again["b"]["c"]
    assert torch.equal(one, torch.ones(2))
    assert two.shape == (0,)


def test_a_tensor_in_two_places_is_kept_once() -> None:
    table = torch.ones(3, 2)
    named, tree = gather({"encoder": table, "softmax": table, "other": torch.ones(3, 2)})
    assert set(named) == {"encoder", "other"}
    assert scatter(tree, named)["softmax"] is table


def test_a_part_of_a_tensor_is_another_one() -> None:
    table = torch.arange(6.0).reshape(3, 2)
    named, _ = gather({"whole": table, "turned": table.t(), "first": table[:1]})
    assert set(named) == {"whole", "turned", "first"}


def test_what_json_cannot_hold_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="a: set"):
        gather({"a": {1, 2}})
