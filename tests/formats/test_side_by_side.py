"""Room for weights."""

import numpy as np

from elmo_cli.formats.side_by_side import room_for


def test_the_directions_of_a_layer_are_the_halves_of_one_array() -> None:
    shapes = {"RNN_1/Cell0/B": (4,), "char_embed": (2, 3), "RNN_0/Cell0/B": (4,), "RNN_0/Cell1/B": (5,)}
    room = room_for(shapes)
    assert {name: array.shape for name, array in room.items()} == shapes
    forward, backward = room["RNN_0/Cell0/B"], room["RNN_1/Cell0/B"]
    assert forward.base is backward.base
    forward[...], backward[...] = 1, 2
    assert forward.base.tolist() == [[1] * 4, [2] * 4]


def test_what_has_no_like_stands_alone() -> None:
    room = room_for({"RNN_0/B": (4,), "RNN_1/B": (5,)})
    assert room["RNN_0/B"].base is None and room["RNN_1/B"].base is None
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in room.values())
