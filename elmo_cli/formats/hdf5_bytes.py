"""HDF5's own structures, as bytes: what stands in a file around values that are in it already.

The library cannot be asked to describe values that lie in a file before it opens it, nor does it survive a kill while
it writes. So vectors are written as they come, one after another, and these structures are put around them at the end.
They are those of the format's first version (HDF5 File Format Specification, version 1.1), which every reader knows and
which AllenNLP's own files have: a symbol table, version 1 object headers, version 1 B-trees.
"""

from collections.abc import Mapping, Sequence
from struct import pack

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

UNDEFINED = 2**64 - 1
"""The address of what is not there."""
LEAF_K, TREE_K = 16, 16
"""Half of the names in a symbol node, and half of the children of a B-tree's node."""
_FLOATS = {2: (15, 10, 5, 10, 15), 4: (31, 23, 8, 23, 127), 8: (63, 52, 11, 52, 1023)}
"""By size: where the sign and the exponent begin, bits of exponent and mantissa, the bias."""
STRING = pack("<B3BI", 0x19, 1, 1, 0, 16) + pack("<B3BIHH", 0x10, 0, 0, 0, 1, 0, 8)
"""The type of UTF-8 strings of any length: what stands in a dataset is a reference into a heap."""
REFERENCE = np.dtype([("length", "<u4"), ("heap", "<u8"), ("number", "<u4")])
"""A string of any length, as datasets and attributes have it."""
HEAP_NUMBERS = 60_000
"""Strings in one heap: they are counted in two bytes."""
_SMALLEST_HEAP = 4096
_PADS = [bytes(count) for count in range(8)]


def number_type(dtype: np.dtype) -> bytes:
    """The datatype message of little-endian floats or integers."""
    size = dtype.itemsize
    if dtype.kind == "f":
        sign, exponent, exponent_bits, mantissa_bits, bias = _FLOATS[size]
        bits = pack("<HHBBBBI", 0, 8 * size, exponent, exponent_bits, 0, mantissa_bits, bias)
        return pack("<B3BI", 0x11, 0x20, sign, 0, size) + bits
    return pack("<B3BIHH", 0x10, 8 if dtype.kind == "i" else 0, 0, 0, size, 0, 8 * size)


def message(kind: int, content: bytes) -> bytes:
    """A message of an object header."""
    content = padded(content)
    return pack("<HHB3x", kind, len(content), 0) + content


def space(shape: Sequence[int]) -> bytes:
    """A dataspace message's content: how long each axis is, none for a single value."""
    return pack(f"<BBB5x{len(shape)}Q", 1, len(shape), 0, *shape)


def object_header(messages: Sequence[bytes]) -> bytes:
    """A group's or dataset's header."""
    content = b"".join(messages)
    return pack("<BxHII4x", 1, len(messages), 1, len(content)) + content


def attribute(name: str, datatype: bytes, value: bytes) -> bytes:
    """An attribute message: one value under an ASCII name."""
    key, shape = name.encode("ascii") + b"\0", space(())
    sizes = pack("<BxHHH", 1, len(key), len(datatype), len(shape))
    return message(0x0C, sizes + padded(key) + padded(datatype) + padded(shape) + value)


def plain_headers(shapes: npt.NDArray, datatype: bytes, addresses: npt.NDArray, item: int) -> Bytes:
    """Headers of datasets whose values stand in one piece each, a row for each dataset.

    Args:
        shapes: A row of lengths for each.
        datatype: The datatype message of their values.
        addresses: Where the values of each begin. Where there are none, they stand nowhere.
        item: Bytes of a value.
    """
    count, rank = shapes.shape
    sizes = shapes.prod(axis=1).astype(np.uint64) * np.uint64(item)
    layout = message(0x08, pack("<BBQQ", 3, 1, 0, 0))
    form = np.frombuffer(_dataset([0] * rank, datatype, fill=2, messages=[layout]), np.uint8)
    headers = np.tile(form, (count, 1))
    lengths_at = 16 + 8 + 8  # behind the prefix, the head of the first message, and the head of its dataspace
    address_at = len(form) - 24 + 2
    headers[:, lengths_at : lengths_at + 8 * rank] = shapes.astype("<u8").view(np.uint8).reshape(count, 8 * rank)
    places = np.where(sizes == 0, np.uint64(UNDEFINED), addresses.astype(np.uint64))
    headers[:, address_at : address_at + 8] = places[:, None].view(np.uint8)
    headers[:, address_at + 8 : address_at + 16] = sizes[:, None].view(np.uint8)
    return headers


def plain_header(shape: Sequence[int], datatype: bytes, address: int, item: int) -> bytes:
    """One of :func:`plain_headers`."""
    return plain_headers(np.array([shape]), datatype, np.array([address]), item).tobytes()


def chunked_header(
    shape: Sequence[int], chunk: Sequence[int], datatype: bytes, item: int, tree: int, filters: Sequence[bytes]
) -> bytes:
    """The header of a dataset cut into chunks that passed through filters; ``tree`` is the address of their index."""
    layout = pack(f"<BBBQ{len(chunk) + 1}I", 3, 2, len(chunk) + 1, tree, *chunk, item)
    pipeline = pack("<BB6x", 1, len(filters)) + b"".join(filters)
    return _dataset(shape, datatype, fill=3, messages=[message(0x08, layout), message(0x0B, pipeline)])


def filter_entry(number: int, values: Sequence[int], name: str = "") -> bytes:
    """A filter of a pipeline, with its parameters."""
    label = padded(name.encode() + b"\0") if name else b""
    # Optional: where a filter makes nothing smaller, the chunk is stored without it.
    return pack("<HHHH", number, len(label), 1, len(values)) + label + padded(pack(f"<{len(values)}I", *values))


def _dataset(shape: Sequence[int], datatype: bytes, fill: int, messages: list[bytes]) -> bytes:
    fill_value = pack("<BBBBI", 2, fill, 2, 1, 0)
    return object_header([message(0x01, space(shape)), message(0x03, datatype), message(0x05, fill_value), *messages])


def superblock(root: int, tree: int, heap: int, end: int, *, chunk_k: int = 32) -> bytes:
    """What stands at the beginning of a file.

    Args:
        root: Address of the root group's header.
        tree: Address of its B-tree.
        heap: Address of its names.
        end: The file's size.
        chunk_k: Half of the children of a node in the indexes of chunks.
    """
    versions = b"\x89HDF\r\n\x1a\n" + pack("<BBBxBBBxHHI", 1, 0, 0, 0, 8, 8, LEAF_K, TREE_K, 0)
    addresses = pack("<H2xQQQQ", chunk_k, 0, UNDEFINED, end, UNDEFINED)
    return versions + addresses + pack("<QQI4xQQ", 0, root, 1, tree, heap)


def group_header(tree: int, heap: int, attributes: Sequence[bytes] = ()) -> bytes:
    """A group's header: where its names are, and its attributes."""
    return object_header([message(0x11, pack("<QQ", tree, heap)), *attributes])


def group_bytes(names: Mapping[bytes, int] | tuple[npt.NDArray, npt.NDArray], address: int) -> tuple[bytes, int, int]:
    """The names of a group and where each one leads.

    Args:
        names: Addresses of object headers by name; or names and addresses as arrays.
        address: Where the bytes will stand.

    Returns:
        The bytes, and the addresses of the B-tree and of the heap in them.
    """
    if isinstance(names, tuple):
        keys, targets = names
    else:
        keys, targets = np.array(list(names), object), np.array(list(names.values()), np.uint64)
    order = np.argsort(keys, kind="stable")
    keys, targets = keys[order].tolist(), targets[order].astype(np.uint64)
    sizes = np.array([len(key) // 8 * 8 + 8 for key in keys], np.uint64)
    offsets = 8 + np.cumsum(sizes) - sizes  # what stands first is the empty name
    segment = bytes(8) + b"".join(key.ljust(size, b"\0") for key, size in zip(keys, sizes.tolist(), strict=True))
    heap = b"HEAP" + pack("<B3xQQQ", 0, len(segment), 1, address + 32)
    nodes, last_names = _symbol_nodes(offsets, targets)
    begin = address + len(heap) + len(segment)
    places = begin + nodes.shape[1] * np.arange(len(nodes), dtype=np.uint64)
    bounds = np.concatenate([np.zeros(1, np.uint64), last_names])[:, None].view(np.uint8).reshape(-1, 8)
    tree, top = tree_bytes(bounds, places, begin + nodes.size, kind=0, k=TREE_K)
    return heap + segment + nodes.tobytes() + tree, top, address


def _symbol_nodes(offsets: npt.NDArray, targets: npt.NDArray) -> tuple[Bytes, npt.NDArray]:
    """Runs of names with the addresses they lead to, a row each; and the last name of each run."""
    most = 2 * LEAF_K
    count = -(-len(offsets) // most)
    entry = np.dtype({"names": ["name", "target"], "formats": ["<u8", "<u8"], "offsets": [0, 8], "itemsize": 40})
    entries = np.zeros(count * most, entry)
    entries["name"][: len(offsets)], entries["target"][: len(offsets)] = offsets, targets
    used = np.full(count, most, "<u2")
    used[-1:] = len(offsets) - most * (count - 1)
    nodes = np.zeros((count, 8 + 40 * most), np.uint8)
    nodes[:, :5] = np.frombuffer(b"SNOD\x01", np.uint8)
    nodes[:, 6:8] = used[:, None].view(np.uint8)
    nodes[:, 8:] = entries.view(np.uint8).reshape(count, 40 * most)
    return nodes, offsets[np.minimum(most * np.arange(1, count + 1), len(offsets)) - 1]


def tree_bytes(bounds: Bytes, children: npt.NDArray, address: int, *, kind: int, k: int) -> tuple[bytes, int]:
    """A B-tree over children in order.

    Args:
        bounds: Keys, a row each and one more than children: what stands before, between and behind them.
        children: Their addresses.
        address: Where the bytes will stand.
        kind: 0 for names, 1 for chunks.
        k: Half of the children of a node.

    Returns:
        The bytes, and the address of the node at the top.
    """
    width = bounds.shape[1]
    size = 24 + (2 * k + 1) * width + 2 * k * 8
    written: list[bytes] = []
    level = 0
    while True:
        count = max(1, -(-len(children) // (2 * k)))
        places = address + size * np.arange(count, dtype=np.uint64)
        for number in range(count):
            begin, end = 2 * k * number, min(2 * k * (number + 1), len(children))
            left = int(places[number - 1]) if number else UNDEFINED
            right = int(places[number + 1]) if number + 1 < count else UNDEFINED
            head = b"TREE" + pack("<BBHQQ", kind, level, end - begin, left, right)
            pairs = np.concatenate(
                [bounds[begin:end], children[begin:end].astype("<u8")[:, None].view(np.uint8).reshape(-1, 8)], axis=1
            )
            written.append((head + pairs.tobytes() + bounds[end].tobytes()).ljust(size, b"\0"))
        if count == 1:
            return b"".join(written), int(places[0])
        bounds = bounds[np.minimum(2 * k * np.arange(count + 1), len(children))]
        children, address, level = places, address + size * count, level + 1


def heap_bytes(strings: Sequence[bytes], address: int) -> tuple[bytes, npt.NDArray]:
    """A heap of at most :data:`HEAP_NUMBERS` strings, and the :data:`REFERENCE` that leads to each."""
    assert len(strings) <= HEAP_NUMBERS, len(strings)
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    heads = np.zeros(len(strings), np.dtype([("number", "<u2"), ("uses", "<u2"), ("rest", "<u4"), ("size", "<u8")]))
    heads["number"], heads["uses"], heads["size"] = np.arange(1, len(strings) + 1), 1, lengths
    parts = [b""] * (3 * len(strings))
    parts[0::3], parts[1::3] = _rows(heads), strings
    parts[2::3] = map(_PADS.__getitem__, (-lengths % 8).tolist())
    body = b"".join(parts)
    size = max(_SMALLEST_HEAP, 16 + len(body) + 16)
    free = pack("<HH4xQ", 0, 0, size - 16 - len(body))
    references = np.zeros(len(strings), REFERENCE)
    references["length"], references["heap"], references["number"] = lengths, address, heads["number"]
    return (heap_head(size) + body + free).ljust(size, b"\0"), references


def heap_head(size: int) -> bytes:
    """The beginning of a heap of that many bytes in all."""
    return b"GCOL" + pack("<B3xQ", 1, size)


def padded(content: bytes) -> bytes:
    """Bytes with zeros behind them, up to a multiple of 8."""
    return content + bytes(-len(content) % 8)


def _rows(array: npt.NDArray) -> list[bytes]:
    whole, size = array.tobytes(), array.itemsize
    return [whole[begin : begin + size] for begin in range(0, len(whole), size)]
