"""Sentences for tests of files of vectors, and every form that a file can have."""

from itertools import product
from pathlib import Path

import numpy as np

from elmo_cli.errors import ConfigError
from elmo_cli.formats.feature_form import COMPRESSIONS, DTYPES, FORMATS, LAYOUTS, FeatureForm, Finished
from elmo_cli.formats.feature_writer import FeaturesWriter, open_writer

ATTRIBUTES = {"tool": "elmo 0.1.0", "model": "0" * 64, "layers": "all", "state": "warm"}
WIDTH = 8
NAMES = {"hdf5": "vectors.hdf5", "npy": "vectors", "safetensors": "vectors.safetensors", "parquet": "vectors.parquet"}
LENGTHS = [5, 1, 3, 2, 8, 1, 1, 4, 6, 2, 3, 7] * 3
LINES = [line for line in range(2 * len(LENGTHS)) if line % 5 != 3][: len(LENGTHS)]
"""With gaps, as skipped blank lines leave them."""
TOKENS = [[f"w{number}.{token}/ü" for token in range(length)] for number, length in enumerate(LENGTHS)]
SENTENCES = [f"sentence {number} : {' '.join(tokens)}" for number, tokens in enumerate(TOKENS)]


def vectors(length: int, seed: int, layers: int | None = 3) -> np.ndarray:
    """Numbers that differ from sentence to sentence."""
    shape = (length, WIDTH) if layers is None else (layers, length, WIDTH)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def all_vectors(layers: int | None = 3) -> list[np.ndarray]:
    """The vectors of all sentences."""
    return [vectors(length, number, layers) for number, length in enumerate(LENGTHS)]


def forms() -> list[FeatureForm]:
    """Every combination that exists."""
    found = []
    for layout, container, dtype, compression, layers in product(
        LAYOUTS, FORMATS, DTYPES, (None, *COMPRESSIONS), (3, None)
    ):
        chosen = {"layout": layout, "format": container, "dtype": dtype, "compression": compression, "layers": layers}
        try:
            found.append(FeatureForm(**chosen, width=WIDTH))
        except ConfigError:
            continue
    return found


def shown(form: FeatureForm) -> str:
    """A form as the name of a test."""
    return f"{form.layout}-{form.format}-{form.dtype}-{form.compression}-{form.layers}"


def writer(folder: Path, form: FeatureForm, **arguments: object) -> FeaturesWriter:
    """A writer into a folder."""
    return open_writer(folder / NAMES[form.format], form=form, attributes=ATTRIBUTES, **arguments)


def write_from(output: FeaturesWriter, begin: int, end: int = len(LENGTHS), *, at_once: bool = True) -> None:
    """Gives sentences to a writer, all at once or one by one."""
    arrays = all_vectors(output.form.layers)
    if at_once:
        rows = slice(begin, end)
        output.write_many(LINES[rows], arrays[rows], tokens=TOKENS[rows], sentences=SENTENCES[rows])
        return
    for number in range(begin, end):
        output.write(LINES[number], arrays[number], tokens=TOKENS[number], sentence=SENTENCES[number])


def write_all(folder: Path, form: FeatureForm, **arguments: object) -> Finished:
    """A whole file."""
    with writer(folder, form, **arguments) as output:
        write_from(output, 0)
        return output.finish()
