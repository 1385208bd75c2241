"""Which layer's cosines group a word's occurrences as a treebank's part-of-speech tags do, and does centring help?

    nice python -m benchmarks.vector_layers MODEL --out benchmarks/results/vector-layers.json

``same word``: words of UD English EWT that occur 15 times or more under each of two tags or more, up to 60 times each.
For every occurrence, the share of its nearest other occurrences of the word that have its tag; mean over tags, then
over words. Chance is near the token layer's figure: its vectors of one word are all the same. ``other words``: tokens
of 1,500 sentences; the share of the 10 nearest tokens of other spelling that have its tag. ``hubs``: the share of
all these neighbour lists of 10 that the most frequent hundredth of the tokens takes; 0.01 if all were alike.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli import load_model
from elmo_cli.flows.models.loaded import LoadedModel, start_state
from elmo_cli.flows.vectors.embedding import SentenceEmbedder, layer_choice
from elmo_cli.flows.vectors.nearest import unit

TREEBANK = Path(__file__).parents[2] / "shared" / "data" / "ud-english-ewt"
LEAST, MOST = 15, 60
"""Occurrences of a word under a tag."""
OTHERS, QUERIES = 1_500, 3_000
"""Sentences whose tokens are compared with one another, and how many of the tokens look for neighbours."""
LEFT_ASIDE = ("PROPN", "PUNCT", "SYM", "X")
AT_ONCE = 500
"""Sentences computed, or queries compared, together."""

Place = tuple[int, int]
Vectors = npt.NDArray[np.float32]


def read_treebank(folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Words and tags of every sentence of the treebank's files."""
    for path in sorted(folder.glob("*.conllu")):
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            rows = [line.split("\t") for line in block.split("\n") if not line.startswith("#")]
            rows = [row for row in rows if row[0].isdecimal()]
            yield [row[1].replace(" ", "_") for row in rows], [row[3] for row in rows]


def ambiguous(tags: Sequence[Sequence[str]], words: Sequence[Sequence[str]]) -> dict[str, dict[str, list[Place]]]:
    """By word and tag, a sample of the places of words that have several tags."""
    rng = np.random.default_rng(1)
    places: dict[str, dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
    for number, (row, marks) in enumerate(zip(words, tags, strict=True)):
        for place, (word, tag) in enumerate(zip(row, marks, strict=True)):
            if tag not in LEFT_ASIDE:
                places[word][tag].append((number, place))
    found = {}
    for word, by_tag in places.items():
        often = {tag: them for tag, them in by_tag.items() if len(them) >= LEAST}
        if len(often) > 1:
            found[word] = {tag: [them[n] for n in rng.permutation(len(them))[:MOST]] for tag, them in often.items()}
    return found


def same_word(vectors: dict[Place, Vectors], words: dict[str, dict[str, list[Place]]], mean_E: Vectors) -> list[float]:
    """For 1 and 5 nearest occurrences of the same word: the share that has the same tag."""
    shares = []
    for by_tag in words.values():
        labels_N = np.array([tag for tag, places in by_tag.items() for _ in places])
        unit_NE = unit(np.stack([vectors[place] for places in by_tag.values() for place in places]) - mean_E)
        cosines_NN = unit_NE @ unit_NE.T
        np.fill_diagonal(cosines_NN, -np.inf)
        nearest_N5 = np.argsort(-cosines_NN, axis=1, kind="stable")[:, :5]
        same_N5 = labels_N[nearest_N5] == labels_N[:, None]
        shares.append([np.mean([same_N5[labels_N == tag, :count].mean() for tag in by_tag]) for count in (1, 5)])
    return np.mean(shares, axis=0).tolist()


def other_words(vectors_NE: Vectors, words_N: npt.NDArray, tags_N: npt.NDArray) -> tuple[float, float]:
    """The share of the 10 nearest tokens of other spelling that has the same tag; and what hubs take of all lists."""
    known = np.flatnonzero(~np.isin(tags_N, LEFT_ASIDE))
    queries = np.sort(np.random.default_rng(1).permutation(known)[:QUERIES])
    unit_NE, folded_N = unit(vectors_NE), np.char.lower(words_N)
    lists = []
    for part in np.array_split(queries, max(1, len(queries) // AT_ONCE)):
        cosines_QN = unit_NE[part] @ unit_NE.T
        cosines_QN[folded_N[part, None] == folded_N] = -np.inf
        lists.append(np.argpartition(-cosines_QN, 10, axis=1)[:, :10])
    nearest_Q10 = np.concatenate(lists)
    counts_N = np.sort(np.bincount(nearest_Q10.ravel(), minlength=len(words_N)))[::-1]
    share = float((tags_N[nearest_Q10] == tags_N[queries, None]).mean())
    return share, float(counts_N[: len(words_N) // 100].sum() / counts_N.sum())


def random_cosine(vectors_NE: Vectors) -> float:
    """The mean cosine of 20,000 pairs of tokens."""
    one, other = np.random.default_rng(1).integers(0, len(vectors_NE), (2, 20_000))
    unit_NE = unit(vectors_NE)
    return float((unit_NE[one] * unit_NE[other]).sum(axis=1).mean())


def measure(model: LoadedModel, treebank: Sequence[tuple[list[str], list[str]]]) -> list[dict[str, float | str]]:
    """A row for every layer, with its vectors as they are and with their mean subtracted."""
    words, tags = [row for row, _ in treebank], [marks for _, marks in treebank]
    chosen = ambiguous(tags, words)
    others = sorted(np.random.default_rng(1).permutation(len(words))[:OTHERS].tolist())
    needed = sorted({number for by_tag in chosen.values() for them in by_tag.values() for number, _ in them})
    embedder = SentenceEmbedder(model, start_state(model, "model")[0])
    words_N, tags_N = (np.array([token for n in others for token in rows[n]]) for rows in (words, tags))
    layers = model.bilm.config.vector_layers
    rows: list[dict[str, float | str]] = []
    for layer in [*map(str, range(layers)), "average"]:
        pick = layer_choice(layer, layers)
        found: dict[int, Vectors] = {}
        for numbers in np.array_split(sorted({*needed, *others}), 1 + (len(needed) + len(others)) // AT_ONCE):
            arrays = embedder.embed([words[n] for n in numbers], 4096)
            found |= {int(n): pick(array) for n, array in zip(numbers, arrays, strict=True)}
        places = {at: found[at[0]][at[1]] for by_tag in chosen.values() for them in by_tag.values() for at in them}
        vectors_NE = np.concatenate([found[n] for n in others])
        for name, mean_E in (("as they are", np.zeros_like(vectors_NE[0])), ("centred", vectors_NE.mean(axis=0))):
            one, five = same_word(places, chosen, mean_E)
            ten, hubs = other_words(vectors_NE - mean_E, words_N, tags_N)
            cosine = random_cosine(vectors_NE - mean_E)
            rows.append(
                {"layer": layer, "vectors": name, "same word, 1": one, "same word, 5": five}
                | {"other words, 10": ten, "hubs": hubs, "cosine of any two": cosine}
            )
    return rows


def main() -> None:
    """Measures the model named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--treebank", type=Path, default=TREEBANK)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = measure(load_model(given.model), list(read_treebank(given.treebank)))
    print("\t".join(rows[0]))
    for row in rows:
        print("\t".join(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()))
    if given.out:
        given.out.write_text(json.dumps({"model": Path(given.model).name, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
