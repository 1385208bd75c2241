"""Attacks and accidents in zip archives, tar archives and pickles: each writes one at a path.

``members`` are those of a sound pack, or the parts of a sound AllenNLP archive.
"""

import gzip
import io
import os
import pickle
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch

from tests.formats import containers

Members = Mapping[str, bytes]


# Zip archives.


def zip_bomb(path: Path, members: Members) -> None:
    """Eight megabytes of zeros in eight kilobytes."""
    containers.write_zip(path, {**members, "model.hdf5": bytes(8 << 20)})


def packed_words_bomb(path: Path, members: Members) -> None:
    """The same inside of a packed vocabulary that is itself stored honestly."""
    kept = {name: data for name, data in members.items() if name != "vocab.txt"}
    containers.write_zip(path, {**kept, "vocab.txt.gz": gzip.compress(bytes(8 << 20))})


def large_options(path: Path, members: Members) -> None:
    """Options that are no options."""
    containers.write_zip(path, {**members, "options.json": os.urandom(2 << 20)})


def leads_up(path: Path, members: Members) -> None:
    """A member that would be written beside the folder."""
    containers.write_zip(path, {**members, "../../.bashrc": b"x"})


def absolute(path: Path, members: Members) -> None:
    """A member that would be written anywhere."""
    containers.write_zip(path, {**members, "/etc/passwd": b"x"})


def backslashes(path: Path, members: Members) -> None:
    """The same for Windows."""
    containers.write_zip(path, {**members, "..\\evil.exe": b"x"})


def named_twice(path: Path, members: Members) -> None:
    """Two members of one name: the first for who checks, the second for who reads."""
    containers.write_zip(path, members)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("options.json", b"{}")


def symbolic_link(path: Path, members: Members) -> None:
    """A member that is a path to another file."""
    containers.write_zip(path, {name: data for name, data in members.items() if name != "model.hdf5"})
    info = zipfile.ZipInfo("model.hdf5")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")


def encrypted(path: Path, members: Members) -> None:
    """The flag that says so, in both of its places."""
    containers.write_zip(path, members)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    path.write_bytes(bytes(data))


def unusual_method(path: Path, members: Members) -> None:
    """Packed in a way that can take much memory to unpack."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def understated(path: Path, members: Members) -> None:
    """A member that is longer than the archive declares."""
    containers.write_zip(path, members)
    _declare(path, "options.json", 10)


def overstated(path: Path, members: Members) -> None:
    """A member that is shorter than the archive declares."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vocab.txt", members["vocab.txt"])
    _declare(path, "vocab.txt", 1000)
    with zipfile.ZipFile(path, "a") as archive:
        for name, data in members.items():
            archive.writestr(name, data) if name != "vocab.txt" else None


def damaged_zip(path: Path, members: Members) -> None:
    """One bit of the weights is another."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    data = bytearray(path.read_bytes())
    data[data.find(b"\x89HDF") + 3000] ^= 1
    path.write_bytes(bytes(data))


def _declare(path: Path, name: str, size: int) -> None:
    """Puts another size of a member into the archive's directory."""
    data = bytearray(path.read_bytes())
    entry = data.rfind(name.encode()) - 46
    data[entry + 24 : entry + 28] = size.to_bytes(4, "little")
    path.write_bytes(bytes(data))


# Tar archives.


def tar_bomb(path: Path, members: Members) -> None:
    """A member of zeros before those that are read."""
    containers.write_tar(path, {"zeros": bytes(32 << 20), **members})


def tar_leads_up(path: Path, members: Members) -> None:
    """A member that would be written beside the folder."""
    containers.write_tar(path, {"../../.bashrc": b"x", **members})


def tar_named_twice(path: Path, members: Members) -> None:
    """Two members of one name, spelt in two ways."""
    containers.write_tar(path, {**members, "./weights.th": b"x"})


def tar_link(path: Path, members: Members) -> None:
    """The weights are a link to another file."""
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("weights.th")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)


def tar_device(path: Path, members: Members) -> None:
    """The weights are a pipe."""
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("weights.th")
        info.type = tarfile.FIFOTYPE
        archive.addfile(info)


def tar_sparse(path: Path, members: Members) -> None:
    """A terabyte that is all hole."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("weights.th")
        info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}
        archive.addfile(info, io.BytesIO(b""))


def tar_cut(path: Path, members: Members) -> None:
    """The download broke off."""
    containers.write_tar(path, members)
    path.write_bytes(path.read_bytes()[:-200])


# Pickles.


class _Call:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def calling_state(path: Path, trace: Path) -> None:
    """A state dict that makes the folder ``trace`` when it is unpickled."""
    torch.save({"weight": _Call(trace)}, path)


def calling_pickle(path: Path, trace: Path) -> None:
    """The same as a bare pickle."""
    path.write_bytes(pickle.dumps(_Call(trace), protocol=2))
