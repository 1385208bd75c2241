"""Vectors with a dataset for every sentence: what stands around them in ``allennlp``, ``bilm`` and ``manylangs``."""

import json
from collections.abc import Iterator, Mapping
from struct import pack
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_cli.formats import hdf5_bytes as hdf5
from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_journal import ROOM, Journal
from elmo_cli.formats.feature_texts import SENTENCES, digest, journal_key, key_parts
from elmo_cli.formats.feature_values import Compressor
from elmo_cli.formats.hdf5_tail import Hdf5Tail

LEFT_OUT = -1
"""The number of tokens of a sentence whose key was there already."""
_BLOCK = 16_384


def finish_sentences(journal: Journal, form: FeatureForm, attributes: Mapping[str, Any]) -> None:
    """Puts what HDF5 needs around the vectors of a journal, in every one of its files.

    Raises:
        OSError: It cannot be written.
    """
    index = journal.read_index()
    for number in range(form.streams):
        with Hdf5Tail(journal.folder / f"vectors-{number}") as tail:
            keep = index["tokens"] != LEFT_OUT
            found = _headers(tail, form, index[keep], _begins(index, number)[keep], number)
            targets = np.concatenate([np.empty(0, np.uint64), *found])
            names = _names(journal, form, index, targets)
            if form.layout == "allennlp" and not form.sentence_keys and not form.forget_sentences:
                names = _with_map(tail, journal, form, index, names)
            several = form.layout == "manylangs" and form.layers is not None
            chosen = {**attributes, "layer": number} if several else attributes
            tail.finish(names, chosen, chunk_k=1)


def _begins(index: npt.NDArray, number: int) -> npt.NDArray:
    return np.concatenate([np.full(1, ROOM, np.int64), index["ends"][:-1, number]])[: len(index)]


def _headers(
    tail: Hdf5Tail, form: FeatureForm, index: npt.NDArray, begins: npt.NDArray, number: int
) -> Iterator[npt.NDArray]:
    """Writes the headers of datasets; their addresses."""
    datatype, item = hdf5.number_type(form.value_type), form.value_type.itemsize
    before = () if form.layers is None or form.layout == "manylangs" else (form.layers,)
    for first in range(0, len(index), _BLOCK):
        entries, places = index[first : first + _BLOCK], begins[first : first + _BLOCK]
        shapes = np.empty((len(entries), len(before) + 2), np.int64)
        shapes[:] = (*before, 0, form.width)
        shapes[:, -2] = entries["tokens"]
        if form.compression is None:
            headers = hdf5.plain_headers(shapes, datatype, places, item)
            address = tail.put(headers.tobytes())
            yield address + headers.shape[1] * np.arange(len(headers), dtype=np.uint64)
            continue
        packer, found = Compressor(form), []
        for shape, place, end, mask in zip(
            shapes.tolist(),
            places.tolist(),
            entries["ends"][:, number].tolist(),
            entries["masks"][:, number].tolist(),
            strict=True,
        ):
            chunk = [max(length, 1) for length in shape]
            tree = hdf5.UNDEFINED
            if end > place:
                rank = len(shape)
                first_key = pack(f"<II{rank + 1}Q", end - place, mask, *[0] * (rank + 1))
                last_key = pack(f"<II{rank + 1}Q", 0, 0, *chunk, item)
                bounds = np.frombuffer(first_key + last_key, np.uint8).reshape(2, -1)
                content, _ = hdf5.tree_bytes(bounds, np.array([place]), 0, kind=1, k=1)
                tree = tail.put(content)
            filters = packer.filters(item * int(np.prod(chunk)))
            found.append(tail.put(hdf5.chunked_header(shape, chunk, datatype, item, tree, filters)))
        yield np.array(found, np.uint64)


def _names(journal: Journal, form: FeatureForm, index: npt.NDArray, targets: npt.NDArray) -> Any:
    if form.layout != "manylangs" and not form.sentence_keys and not form.identifiers:
        return index["line"].astype("S20"), targets
    tree: dict[bytes, Any] = {}
    addresses = iter(targets.tolist())
    for entries, texts in journal.blocks(index):
        for tokens, text in zip(entries["tokens"].tolist(), texts, strict=True):
            if tokens != LEFT_OUT:
                *groups, name = [part.encode("utf-8", "surrogatepass") for part in key_parts(journal_key(text))]
                inner = tree
                for group in groups:
                    inner = inner.setdefault(group, {})
                inner[name] = next(addresses)
    return tree


def _with_map(tail: Hdf5Tail, journal: Journal, form: FeatureForm, index: npt.NDArray, names: Any) -> Any:
    """Adds the map of sentences to their keys; of a sentence that occurs twice it has the last."""
    digests = [np.empty(0, "V16")]
    given = [np.empty(0, bool)]
    for pairs in _map_pairs(journal, form, index):
        digests.append(np.array([digest(text) for text, _ in pairs], "V16"))
        given.append(np.array([text != b"" for text, _ in pairs], bool))
    _, newest = np.unique(np.concatenate(digests)[::-1], return_index=True)
    last = np.zeros(len(index), bool)
    last[len(index) - 1 - newest] = True
    last &= np.concatenate(given)
    if not last.any():
        return names
    reference = tail.long_string(_map_pieces(_map_pairs(journal, form, index), last))
    address = tail.references(reference)
    if isinstance(names, dict):
        return {**names, SENTENCES.encode(): address}
    keys, targets = names
    return np.append(keys, SENTENCES.encode()), np.append(targets, np.uint64(address))


def _map_pairs(journal: Journal, form: FeatureForm, index: npt.NDArray) -> Iterator[list[tuple[bytes, bytes]]]:
    """Each sentence's text and key in JSON, a block at a time; no text where none is kept."""
    for entries, texts in journal.blocks(index):
        if not form.identifiers:
            yield [(text, b'"%d"' % line) for text, line in zip(texts, entries["line"].tolist(), strict=True)]
            continue
        rows = json.loads(b"[" + b",".join(texts) + b"]")
        yield [(b"" if text is None else json.dumps(text).encode(), json.dumps(key).encode()) for key, text in rows]


def _map_pieces(blocks: Iterator[list[tuple[bytes, bytes]]], last: npt.NDArray) -> Iterator[bytes]:
    place, separator = 0, b"{"
    for pairs in blocks:
        for (text, key), wanted in zip(pairs, last[place : place + len(pairs)].tolist(), strict=True):
            if wanted:
                yield b"%s%s: %s" % (separator, text, key)
                separator = b", "
        place += len(pairs)
    yield b"}"
