"""``elmo plot``: vectors of chosen words on a plane, as a page or a picture."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli import __version__
from elmo_cli.config import InputConfig
from elmo_cli.errors import ConfigError, OutputError, TextError
from elmo_cli.files import write_text
from elmo_cli.flows.reports import Notice, Reports
from elmo_cli.flows.vector_results import PlotResult
from elmo_cli.flows.vectors.nearest import unit
from elmo_cli.flows.vectors.occurrences import Occurrence
from elmo_cli.flows.vectors.plotted_points import Points, points_of_features, points_of_text
from elmo_cli.pages.drawing import write_picture
from elmo_cli.pages.vectors import VectorFigures, VectorPoint, vectors_chart, vectors_page
from elmo_cli.text.readers import read_lines

ENDINGS = (".html", ".png", ".svg")
COLOURS = ("word", "sentence", "label")
"""What colours may stand for."""
MOST_GROUPS = 12
"""Colours and shapes that people still tell apart."""
UNLABELLED = "no label"


def plot(
    source: Path | str,
    inputs: Sequence[str] = (),
    *,
    words: Sequence[str],
    out: Path,
    colour: str | None = None,
    labels: Path | None = None,
    layers: str | None = None,
    limit: int = 200,
    tokenizer: str | None = None,
    reading: InputConfig | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> Reports:
    """Draws occurrences of words where their vectors lie, on the plane of their first two principal components.

    Args:
        source: A file of vectors; with ``inputs``, a model.
        inputs: Text to look for the words in.
        words: Whose occurrences are drawn.
        out: A page, ``.html``, or a picture, ``.png`` or ``.svg``.
        colour: ``word``, ``sentence`` or ``label``; None is ``label`` where there are labels, else ``word``.
        labels: A text file with a label for each line of the text, such as the sense of the word there.
        layers: ``average``, ``top`` or a layer's number, where there are several; None is ``average``.
        limit: Points for each word, at most; they are spread evenly over the text.
        tokenizer: Instead of the model's own.
        reading: How ``inputs`` are read.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.
        overwrite: Whether an existing ``out`` may be replaced.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.vector_results.PlotResult`.

    Raises:
        ElmoError: Source, text or settings are not usable, or a word is not there; no file appears.
    """
    began = time.perf_counter()
    words = list(dict.fromkeys(words))
    colour = colour or ("label" if labels is not None else "word")
    _check(words, out, colour, labels, layers, limit, overwrite)
    if inputs:
        points = yield from points_of_text(
            source,
            inputs,
            words,
            layers=layers,
            limit=limit,
            tokenizer=tokenizer,
            reading=reading or InputConfig(),
            device=device,
            threads=threads,
        )
    else:
        points = yield from points_of_features(Path(source), words, layers=layers, limit=limit)
    groups = _groups(points.occurrences, colour, labels)
    if len(groups) < 3:
        raise TextError(f"{source}: expected 3 occurrences or more to draw, found {len(groups)}")
    plane_NX, variance = principal_plane(points.vectors_NE)
    if not any(variance):
        yield Notice(text="all points lie in one place: these vectors do not depend on the context", warning=True)
    figures = _figures(points, groups, plane_NX, variance, colour)
    if out.suffix == ".html":
        write_text(out, vectors_page(figures, made_by=f"Made by elmo plot, version {__version__}."))
    else:
        write_picture(vectors_chart(figures), out)
    yield PlotResult(
        out=str(out),
        points=len(groups),
        occurrences=dict(points.counts),
        groups={group: groups.count(group) for group in dict.fromkeys(groups)},
        layers=points.layers,
        variance=variance,
        alike=figures.alike,
        seconds=time.perf_counter() - began,
    )


def principal_plane(vectors_NE: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], tuple[float, float]]:
    """Coordinates (N, 2) along the first two principal components, and the share of the variance that each shows.

    A component's sign is chosen so that its largest coordinate is positive. Vectors that differ by rounding alone have
    no variance.

    Example:
        >>> plane_NX, variance = principal_plane(np.array([[0, 0], [3, 4], [9, 12]], np.float32))
        >>> plane_NX[:, 0].round(3).tolist(), [round(share, 6) for share in variance]
        ([-6.667, -1.667, 8.333], [1.0, 0.0])
    """
    whole_NE = vectors_NE.astype(np.float64)
    centred_NE = whole_NE - whole_NE.mean(axis=0)
    if np.abs(centred_NE).max() <= 1e-5 * max(np.abs(whole_NE).max(), 1e-30):
        return np.zeros((len(whole_NE), 2)), (0.0, 0.0)
    left_NK, sizes_K, _ = np.linalg.svd(centred_NE, full_matrices=False)
    plane_NX = np.zeros((len(whole_NE), 2))
    kept = min(2, len(sizes_K))
    plane_NX[:, :kept] = left_NK[:, :kept] * sizes_K[:kept]
    plane_NX[np.abs(plane_NX) <= 1e-9 * sizes_K[0]] = 0
    largest_X = plane_NX[np.abs(plane_NX).argmax(axis=0), [0, 1]]
    shares_K = np.pad(sizes_K**2 / (sizes_K**2).sum(), (0, 2))
    return plane_NX * np.where(largest_X < 0, -1.0, 1.0) + 0.0, (float(shares_K[0]), float(shares_K[1]))


def alike(vectors_NE: npt.NDArray[np.float32], groups: Sequence[str]) -> int:
    """Of how many vectors the nearest other one, by cosine, is in the same group."""
    cosines_NN = unit(vectors_NE) @ unit(vectors_NE).T
    np.fill_diagonal(cosines_NN, -np.inf)
    names_N = np.array(groups)
    return int((names_N[cosines_NN.argmax(axis=1)] == names_N).sum())


def _check(
    words: Sequence[str], out: Path, colour: str, labels: Path | None, layers: str | None, limit: int, overwrite: bool
) -> None:
    if not words:
        raise ConfigError("no word to draw", hint="name one or more: --word bank --word river")
    if out.suffix not in ENDINGS:
        raise OutputError(f"{out}: expected a name that ends in {', '.join(ENDINGS)}", hint="for example plot.html")
    if out.is_dir() or (out.exists() and not overwrite):
        raise OutputError(f"{out}: exists already", hint="choose another name, or give --overwrite")
    if colour not in COLOURS:
        raise ConfigError(f"--colour {colour}: expected {', '.join(COLOURS)}")
    if (colour == "label") != (labels is not None):
        raise ConfigError("--colour label and --labels FILE go together", hint="give both, or neither")
    if limit < 1 or layers == "all":
        raise ConfigError(f"--limit {limit}, --layers {layers}: expected 1 point or more, and one vector a token")


def _groups(occurrences: Sequence[Occurrence], colour: str, labels: Path | None) -> list[str]:
    """What the colour of each point stands for."""
    if labels is not None:
        groups = _labels(occurrences, labels)
    else:
        groups = [one.word if colour == "word" else f"sentence {one.sentence.number:,}" for one in occurrences]
    if (count := len(set(groups))) > MOST_GROUPS:
        raise ConfigError(
            f"--colour {colour}: expected at most {MOST_GROUPS} colours, found {count}",
            hint="draw fewer with --limit, or choose another --colour",
        )
    return groups


def _labels(occurrences: Sequence[Occurrence], path: Path) -> list[str]:
    lines = [line.strip() for line in read_lines(path)]
    files = {one.sentence.file for one in occurrences}
    if len(files) > 1:
        raise ConfigError(f"{path}: expected labels for the lines of one file, found words in {len(files)} files")
    last = max(one.sentence.line for one in occurrences)
    if last > len(lines):
        raise TextError(f"{path}: expected a label for each line of the text, {last:,} or more, found {len(lines):,}")
    return [lines[one.sentence.line - 1] or UNLABELLED for one in occurrences]


def _figures(
    points: Points,
    groups: Sequence[str],
    plane_NX: npt.NDArray[np.float64],
    variance: tuple[float, float],
    colour: str,
) -> VectorFigures:
    drawn = []
    for one, group, (x, y) in zip(points.occurrences, groups, plane_NX.tolist(), strict=True):
        context = one.in_context()
        drawn.append(
            VectorPoint(
                x=x,
                y=y,
                group=group,
                where=f"{one.sentence.number:,}",
                context=f"{context.before} [{context.word}] {context.after}".strip(),
            )
        )
    return VectorFigures(
        points=drawn,
        variance=variance,
        alike=alike(points.vectors_NE, groups),
        colour=colour,
        counts=points.counts,
        origin=points.origin,
    )
