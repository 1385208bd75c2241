"""Room for weights in which a network can use them as they lie."""

from collections.abc import Mapping

import numpy as np

_FORWARD, _BACKWARD = "RNN_0/", "RNN_1/"


def room_for(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Empty float32 arrays by name. Those of an LSTM's two directions are the halves of one, forward first.

    Our networks have both directions of a layer in one parameter; weights that are read into such halves become
    parameters without being copied, so that loading takes no more memory than the weights.

    Example:
        >>> room = room_for({"RNN_0/B": (4,), "RNN_1/B": (4,), "char_embed": (2, 3)})
        >>> room["RNN_0/B"].base is room["RNN_1/B"].base, room["char_embed"].shape
        (True, (2, 3))
    """
    room: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        other = name.replace(_FORWARD, _BACKWARD, 1) if name.startswith(_FORWARD) else ""
        if shapes.get(other) == shape:
            both = np.empty((2, *shape), np.float32)
            room[name], room[other] = both[0], both[1]
        elif name not in room:
            room[name] = np.empty(shape, np.float32)
    return {name: room[name] for name in shapes}  # writers keep this order
