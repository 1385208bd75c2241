"""What becomes of text: corpora, vocabularies, counts."""

from dataclasses import dataclass

from elmo_cli.flows.reports import Result


@dataclass(frozen=True, kw_only=True)
class DroppedResult(Result):
    """What one rule of cleaning left out."""

    sentences: int
    tokens: int
    examples: list[str]
    """The first of them, tokens joined by spaces, cut where they are very long."""


@dataclass(frozen=True, kw_only=True)
class PrepareResult(Result):
    """What ``elmo prepare`` read and wrote."""

    out_dir: str
    files: int
    """Input files read."""
    bytes: int
    """Bytes of input, as the files lie on the disk."""
    documents: int
    """Documents in it."""
    sentences: int
    """Training sentences written, one a line."""
    tokens: int
    """Tokens in them, sentence ends not counted."""
    held_out_sentences: int
    held_out_tokens: int
    test_sentences: int
    test_tokens: int
    shards: int
    """Training files written."""
    dropped: dict[str, DroppedResult]
    """What cleaning left out, by rule; rules that met nothing are not in it."""
    held_out_overlap: float | None
    """Share of the held-out sentences whose exact tokens also stand in training, from 0 to 1; None without any."""
    test_overlap: float | None
    """The same of the sentences for testing."""
    oddities: dict[str, int]
    """What was odd in the input, by name, with how often it was met."""
    processes: int
    """Processes that cut the text."""
    seconds: float
    bytes_per_second: float
    """Bytes of input per second, from the first to the last file written."""


@dataclass(frozen=True, kw_only=True)
class Coverage(Result):
    """How much of a text a vocabulary has."""

    text: str
    """Which: the inputs that it was read from."""
    tokens: int
    types: int
    """Distinct words."""
    oov_tokens: int
    """Tokens outside the vocabulary; as targets they are ``<UNK>``."""
    oov_types: int
    oov_rate: float
    """Share of the tokens that is out of vocabulary, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class SpellingFigures(Result):
    """What a character table of W columns shows of the words of a text."""

    max_characters: int
    """W."""
    bytes_per_token: float
    """Mean length of a token's spelling."""
    bytes_per_character: float
    """Mean over the tokens' characters."""
    cut_types: int
    """Distinct words with more than W - 2 bytes; their tails are not seen by the model."""
    cut_tokens: int
    """Occurrences of them."""
    cut_share: float
    """Their share of the tokens, from 0 to 1."""
    share_wanted: float
    """Share of the tokens that should be seen whole, from 0 to 1."""
    width_needed: int
    """Smallest W at which they are."""
    longest: list[tuple[str, int, int]]
    """The longest words: word, bytes, count."""


@dataclass(frozen=True, kw_only=True)
class VocabularyResult(Result):
    """What ``elmo vocab`` counted and wrote."""

    path: str
    size: int
    """V: words written, the three special tokens included."""
    types: int
    """Distinct words seen."""
    tokens: int
    """Words seen in all."""
    coverage: float
    """Share of the tokens that the vocabulary contains, from 0 to 1."""
    least_count: int
    """Count of the rarest word kept."""
    forced: int
    """Words of a list that are in it whatever their count; 0 without a list."""
    forced_rare: int
    """Those of them that their counts would have left out."""
    forgotten_types: int
    """How often a word was forgotten to bound the memory: at most as many distinct words are not in ``types``."""
    forgotten_tokens: int
    """Their occurrences; they are in ``tokens`` and in no word's count."""
    largest_loss: int
    """By how much a word's count is too small at most, for that reason."""
    spelling: SpellingFigures
    held_out: Coverage | None
    """Of text that was not counted; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class CountsResult(Result):
    """What ``elmo vocab --counts-only`` counted and wrote."""

    path: str
    sentences: int
    types: int
    """Distinct words in the file."""
    tokens: int
    """Words seen in all."""
    forgotten_types: int
    """As in :class:`VocabularyResult`."""
    forgotten_tokens: int
    largest_loss: int


@dataclass(frozen=True, kw_only=True)
class ListProblem(Result):
    """Something that is wrong with a vocabulary file."""

    line: int | None
    """Which line, from 1; None for the whole file."""
    kind: str
    """One of the kinds that :mod:`elmo_cli.text.vocabulary_checks` lists."""
    problem: str
    """What was expected and what was found."""


@dataclass(frozen=True, kw_only=True)
class VocabularyCheckResult(Result):
    """What ``elmo vocab --check`` found, and what ``--repair`` did about it."""

    path: str
    words: int
    """Words that the file has, special ones included."""
    sound: bool
    """Whether there is no problem."""
    problems: list[ListProblem]
    """All of them, line by line."""
    repaired: str | None
    """Where a mended vocabulary was written; None where none was."""
    repaired_words: int | None
    """Words that it has."""
    deeds: list[str]
    """What was changed."""
