"""Tensors to a safetensors file and back, a piece at a time: no second copy in memory, and progress on the way.

The library writes such files too, all at once: for a model of gigabytes nobody would see whether it goes on, and the
file would have to be read again for its SHA-256.
"""

import hashlib
import json
from collections.abc import Generator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

PIECE = 32 << 20
"""Bytes written between two reports."""

KINDS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls torch's types."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> Generator[tuple[int, int], None, str]:
    """Writes a safetensors file.

    Yields:
        Bytes of tensors written so far, and all there are.

    Returns:
        The SHA-256 of the file.
    """
    # The widest type first, so that every tensor begins at a multiple of its type's size, as readers in place want it.
    names = sorted(tensors, key=lambda name: -tensors[name].element_size())
    table, total = {}, 0
    for name in names:
        size = tensors[name].numel() * tensors[name].element_size()
        shape, kind = list(tensors[name].shape), KINDS[tensors[name].dtype]
        table[name] = {"dtype": kind, "shape": shape, "data_offsets": [total, total + size]}
        total += size
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    digest, written, reported = hashlib.sha256(), 0, 0
    with path.open("wb") as stream:
        for piece in (len(head).to_bytes(8, "little"), head):
            stream.write(piece)
            digest.update(piece)
        for name in names:
            content = _bytes(tensors[name])
            for begin in range(0, len(content), PIECE):
                piece_bytes = content[begin : begin + PIECE]
                stream.write(piece_bytes)
                digest.update(piece_bytes)
                written += len(piece_bytes)
                if written - reported >= PIECE or written == total:
                    reported = written
                    yield written, total
    return digest.hexdigest()


def read_tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    """All tensors of a safetensors file, by name."""
    with safe_open(path, framework="pt", device=str(device)) as stream:
        return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118  it is no dictionary


def _bytes(tensor: Tensor) -> memoryview:
    """A tensor's bytes, a copy only where they lie elsewhere or apart."""
    return tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy().data
