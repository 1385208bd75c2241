"""Where other libraries cut words and sentences, and how fast, beside ours: UD English EWT and raw books.

    pip install tokenizers PyICU syntok pysbd     # only for this; what is absent is left out with the reason
    nice python -m benchmarks.tokenizer_quality --out benchmarks/results/tokenizers.json

Words are compared as stretches of characters in the text of a sentence (``# text =``), where whitespace counts for
nothing. UD cuts ``don't`` into two syntactic words but lists it as one surface token as well; the surface tokens are
the reference, so a contraction is right when it is whole. UD cuts at most hyphens (``full - fledged``). Our rule keeps
such words whole on purpose, so F1 is given twice, against UD's tokens and with those around a hyphen joined.
"""

import argparse
import importlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from elmo_cli.config import TextConfig
from elmo_cli.text.sentences import SentenceSplitter
from elmo_cli.text.tokenizers import make_tokenizer

DATA = Path(__file__).parents[2] / "shared" / "data"
Cutter = Callable[[str], Sequence[str]]
Spans = set[tuple[int, int]]

REPEATS = 3
SHORTEST, SECONDS = 100_000, 4.0
"""Characters that speed is measured on at least, and what a repeat may take: slow libraries get less text."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the treebank."""

    text: str
    tokens: list[str]
    """Surface tokens: the words, contractions whole."""
    begins_paragraph: bool


def read_treebank(path: Path) -> Iterator[Sentence]:
    """The sentences of a CoNLL-U file."""
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.split("\n")
        text = next(line.removeprefix("# text = ") for line in lines if line.startswith("# text = "))
        begins = any(line.startswith(("# newpar", "# newdoc")) for line in lines)
        tokens, until = [], 0
        for line in lines:
            number, _, rest = line.partition("\t")
            if line.startswith("#") or "." in number:  # a comment, or a word that nobody wrote
                continue
            first, _, last = number.partition("-")
            if int(first) > until:
                tokens.append(rest.partition("\t")[0])
                until = int(last or first)
        yield Sentence(text, tokens, begins)


def spans(tokens: Sequence[str]) -> Spans:
    """Where tokens begin and end, in characters that are no whitespace.

    Example:
        >>> sorted(spans(["do", "n't", "go"]))
        [(0, 2), (2, 5), (5, 7)]
    """
    found, begin = set(), 0
    for token in tokens:
        if end := len("".join(token.split())):
            found.add((begin, begin + end))
            begin += end
    return found


def join_hyphens(sentence: Sentence) -> list[str]:
    """The tokens with those around a hyphen joined, where no space stands in between.

    Example:
        >>> join_hyphens(Sentence("a full-fledged - idea", ["a", "full", "-", "fledged", "-", "idea"], True))
        ['a', 'full-fledged', '-', 'idea']
    """
    joined: list[str] = []
    place, glued = 0, False
    for token in sentence.tokens:
        begin = sentence.text.index(token, place)
        touches, place = begin == place and begin > 0, begin + len(token)
        hyphen = token == "-" and touches and joined[-1][-1].isalnum() and sentence.text[place : place + 1].isalnum()
        if hyphen or (touches and glued):
            joined[-1] += token
        else:
            joined.append(token)
        glued = hyphen
    return joined


def f1(found: Sequence[Spans] | Sequence[set[int]], expected: Sequence[Spans] | Sequence[set[int]]) -> float:
    """The harmonic mean of precision and recall over all sentences together.

    Example:
        >>> f1([{1, 2}], [{2, 3, 4}])
        0.4
    """
    right = sum(len(a & b) for a, b in zip(found, expected, strict=True))  # type: ignore[operator]
    return 2 * right / (sum(map(len, found)) + sum(map(len, expected)))


def paragraph_ends(sentences: Sequence[str]) -> set[int]:
    """Where sentences of a paragraph end, the last left out, in characters that are no whitespace.

    Example:
        >>> sorted(paragraph_ends(["Go on.", "No!", "Why?"]))
        [5, 8]
    """
    ends, end = set(), 0
    for sentence in sentences[:-1]:
        end += len("".join(sentence.split()))
        ends.add(end)
    return ends


def megabytes_a_second(cut: Cutter, paragraphs: Sequence[str]) -> float:
    """The median rate of :data:`REPEATS` repeats on one core, in millions of bytes of UTF-8 a second of CPU time."""
    cut(paragraphs[0])
    few, size = [], 0
    begin = time.process_time()
    for paragraph in paragraphs:
        few.append(paragraph)
        size += len(paragraph.encode())
        cut(paragraph)
        if size >= SHORTEST and time.process_time() - begin > SECONDS:
            break
    rates = []
    for _ in range(REPEATS):
        begin = time.process_time()
        for paragraph in few:
            cut(paragraph)
        rates.append(size / 1e6 / (time.process_time() - begin))
    return median(rates)


def word_tokenizers() -> Iterator[tuple[str, Callable[[], Cutter]]]:
    """Names of what cuts words, and how it is made; making it fails where its package is absent."""

    def hugging_face(*names: str) -> Callable[[], Cutter]:
        def make() -> Cutter:
            module = importlib.import_module("tokenizers.pre_tokenizers")
            parts = [getattr(module, name)() for name in names]
            cut = (parts[0] if len(parts) == 1 else module.Sequence(parts)).pre_tokenize_str
            return lambda text: [token for token, _ in cut(text)]

        return make

    yield "elmo words", lambda: make_tokenizer(TextConfig()).tokens
    yield "tokenizers Whitespace", hugging_face("Whitespace")
    yield "tokenizers BertPreTokenizer", hugging_face("BertPreTokenizer")
    yield "tokenizers WhitespaceSplit + Punctuation", hugging_face("WhitespaceSplit", "Punctuation")
    yield "tokenizers WhitespaceSplit + UnicodeScripts", hugging_face("WhitespaceSplit", "UnicodeScripts")
    yield "ICU word break", lambda: _icu("createWordInstance")
    yield "syntok", _syntok_words


def sentence_splitters() -> Iterator[tuple[str, Callable[[], Cutter]]]:
    """The same for sentences."""
    yield "elmo (sentencex, speech and marks joined)", lambda: lambda text: list(SentenceSplitter("en").split(text))
    yield "sentencex", lambda: _bound(importlib.import_module("sentencex").segment, "en")
    yield "syntok", _syntok_sentences
    yield "pysbd", lambda: importlib.import_module("pysbd").Segmenter(language="en", clean=False).segment
    yield "ICU sentence break", lambda: _icu("createSentenceInstance")


def compare(
    makers: Iterator[tuple[str, Callable[[], Cutter]]],
    texts: Sequence[str],
    references: dict[str, list[Any]],
    places: Callable[[Sequence[str]], Any],
    speed_text: Sequence[str],
) -> list[dict[str, Any]]:
    """A row per library: F1 against each reference and the speed, or why it was left out."""
    rows: list[dict[str, Any]] = []
    for name, make in makers:
        try:
            cut = make()
        except ImportError as error:
            rows.append({"name": name, "left_out": str(error)})
            continue
        found = [places(cut(text)) for text in texts]
        row = {"name": name} | {reference: round(f1(found, expected), 4) for reference, expected in references.items()}
        row["megabytes_per_second"] = round(megabytes_a_second(cut, speed_text), 3)
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def main() -> None:
    """Compares all that is installed and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with ud-english-ewt and books")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    folder = arguments.data
    sentences = [
        one for part in ("dev", "test") for one in read_treebank(folder / f"ud-english-ewt/en_ewt-ud-{part}.conllu")
    ]
    books = [line for path in sorted((folder / "books").glob("*.txt"))[:3] for line in _paragraphs(path)]
    words = compare(
        word_tokenizers(),
        [sentence.text for sentence in sentences],
        {
            "f1": [spans(sentence.tokens) for sentence in sentences],
            "f1_hyphens_joined": [spans(join_hyphens(sentence)) for sentence in sentences],
        },
        spans,
        books,
    )
    paragraphs: list[list[str]] = []
    for sentence in sentences:
        paragraphs.append([]) if sentence.begins_paragraph else None
        paragraphs[-1].append(sentence.text)
    splitters = compare(
        sentence_splitters(),
        [" ".join(paragraph) for paragraph in paragraphs],
        {"f1": [paragraph_ends(paragraph) for paragraph in paragraphs]},
        paragraph_ends,
        books,
    )
    if arguments.out is not None:
        figures = {"words": words, "sentences": splitters, "treebank_sentences": len(sentences)}
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _paragraphs(path: Path) -> list[str]:
    return [line for line in re.split(r"\n+", path.read_text(encoding="utf-8")) if line.strip()]


def _bound(segment: Callable[[str, str], Sequence[str]], language: str) -> Cutter:
    return lambda text: segment(language, text)


def _icu(kind: str) -> Cutter:
    icu = importlib.import_module("icu")
    breaks = getattr(icu.BreakIterator, kind)(icu.Locale("en"))

    def cut(text: str) -> list[str]:
        units = icu.UnicodeString(text)  # ICU counts in UTF-16
        breaks.setText(units)
        places = [0, *breaks]
        parts = (str(units[begin:end]) for begin, end in pairwise(places))
        return [part for part in parts if not part.isspace()]

    return cut


def _syntok_words() -> Cutter:
    # By default it leaves hyphens out and writes "not" for "n't".
    settings = {"emit_hyphen_or_underscore_sep": True, "replace_not_contraction": False}
    tokenizer = importlib.import_module("syntok.tokenizer").Tokenizer(**settings)
    return lambda text: [token.value for token in tokenizer.tokenize(text)]


def _syntok_sentences() -> Cutter:
    segmenter = importlib.import_module("syntok.segmenter")

    def cut(text: str) -> list[str]:
        paragraphs = segmenter.process(text)
        return ["".join(t.spacing + t.value for t in sentence) for paragraph in paragraphs for sentence in paragraph]

    return cut


if __name__ == "__main__":
    main()
