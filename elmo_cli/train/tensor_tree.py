"""Nested dictionaries, tuples and lists of tensors, taken apart into tensors by name and a tree that JSON can hold."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

TENSOR, TUPLE = "<tensor>", "<tuple>"
"""Keys of the tree that stand for what JSON has no word for."""


def gather(values: Any, place: str = "") -> tuple[dict[str, Tensor], Any]:
    """All tensors by their place, and the tree that says where they belong.

    A tensor that stands in several places, such as a shared table, is gathered once.

    Example:
        >>> import torch
        >>> named, tree = gather({"step": 3, "state": (torch.zeros(2),)})
        >>> list(named), tree
        (['state/0'], {'step': 3, 'state': {'<tuple>': [{'<tensor>': 'state/0'}]}})
    """
    named: dict[str, Tensor] = {}
    return named, _gather(values, place, named, {})


def scatter(tree: Any, named: Mapping[str, Tensor]) -> Any:
    """The inverse of :func:`gather`."""
    if isinstance(tree, list):
        return [scatter(entry, named) for entry in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {TENSOR}:
        return named[tree[TENSOR]]
    if tree.keys() == {TUPLE}:
        return tuple(scatter(entry, named) for entry in tree[TUPLE])
    return {key: scatter(entry, named) for key, entry in tree.items()}


def _gather(values: Any, place: str, named: dict[str, Tensor], seen: dict[tuple[Any, ...], str]) -> Any:
    if isinstance(values, Tensor):
        identity = (values.data_ptr(), values.shape, values.stride(), values.dtype) if values.numel() else (place,)
        name = seen.setdefault(identity, place)
        named[name] = values
        return {TENSOR: name}
    inner = f"{place}/" if place else ""
    if isinstance(values, Mapping):
        assert all(isinstance(key, str) for key in values), f"{place}: keys of a checkpoint are words"
        return {key: _gather(value, f"{inner}{key}", named, seen) for key, value in values.items()}
    if isinstance(values, tuple | list):
        entries = [_gather(value, f"{inner}{number}", named, seen) for number, value in enumerate(values)]
        return {TUPLE: entries} if isinstance(values, tuple) else entries
    assert values is None or isinstance(values, bool | int | float | str), f"{place}: {type(values).__name__}"
    return values
