"""State dicts as ``torch.save`` writes them, from strangers: tensors and nothing else is unpickled."""

import math
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Content, Source, size_of
from elmo_cli.formats.hdf5 import shown_shape


def read_state_dict(source: Source, *, hint: str = "") -> dict[str, Any]:
    """The tensors in a state dict, by name; what else is in it is left out.

    Args:
        hint: What to try when it is none.

    Raises:
        ModelError: It is damaged, packed, or holds more than tensors and plain values.
    """
    import torch  # here, because it takes seconds, and nothing else in formats needs it

    _require_not_packed(source, hint)
    try:
        with source.open() if isinstance(source, Content) else source.open("rb") as stream:
            state = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's pickle ends in any error
        raise ModelError(f"{source}: refused or damaged: {_reason(error)}", hint=hint) from error
    if not isinstance(state, Mapping):
        raise ModelError(f"{source}: expected tensors by name, found {type(state).__name__}", hint=hint)
    plain = (torch.Tensor, torch.nn.Parameter)
    return {name: value for name, value in state.items() if isinstance(name, str) and type(value) in plain}


def claimed_bytes(tensors: Mapping[str, Any]) -> int:
    """Bytes of all values as float32; more than the file has where one storage serves many tensors, or axes repeat."""
    return sum(4 * math.prod(tensor.shape) for tensor in tensors.values())


def misfits(tensors: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]], owner: str) -> Iterator[str]:
    """All that differs from the tensors, float32, that there should be.

    Args:
        tensors: What was found.
        expected: Shapes by name.
        owner: What they are the tensors of, in words.
    """
    for name in sorted(tensors.keys() - expected.keys()):
        yield f"{name}: superfluous: {owner} of this architecture has no such tensor"
    for name, shape in expected.items():
        wanted = f"float32 {shown_shape(shape)}"
        if name not in tensors:
            yield f"{name}: missing, expected {wanted}"
            continue
        tensor = tensors[name]
        kind = str(tensor.dtype).removeprefix("torch.")
        plain = str(tensor.layout) == "torch.strided" and tensor.device.type == "cpu"
        if (kind, tuple(tensor.shape)) != ("float32", shape):
            yield f"{name}: expected {wanted}, found {kind} {shown_shape(tuple(tensor.shape))}"
        elif not plain:
            yield f"{name}: expected plain values, found {tensor.layout} on {tensor.device.type}"


def _require_not_packed(source: Source, hint: str) -> None:
    """Since torch 1.6 a state dict is a zip archive with everything stored as it is."""
    try:
        with source.open() if isinstance(source, Content) else source.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                return
            with zipfile.ZipFile(stream) as archive:
                unpacked = sum(info.file_size for info in archive.infolist())
                program = any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError) as error:
        raise ModelError(f"{source}: not a state dict, or damaged: {error}", hint=hint) from error
    if unpacked > size_of(source):
        raise ModelError(f"{source}: {size_of(source):,} bytes unpack to {unpacked:,}; torch.save packs nothing")
    if program:
        raise ModelError(f"{source}: expected a state dict, found a TorchScript program", hint=hint)


def _reason(error: Exception) -> str:
    """What went wrong, without torch's advice to switch its protection off."""
    if named := re.search(r"GLOBAL (\S+)", str(error)):
        return f"it asks for {named[1]}, which no state dict needs"
    if isinstance(error, pickle.UnpicklingError):
        return "its pickle holds more than tensors, or breaks off"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
