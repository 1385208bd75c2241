"""What flows say while they work, and the results they end with.

A flow is a generator of these. It yields any number of :class:`Progress` and :class:`Notice` reports and ends with
exactly one result, a subclass of :class:`Result`. The command line draws them; a program can ignore all but the last.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A stage has moved on."""

    stage: str
    """What is going on, as a person would say it: ``reading corpus.txt``. A new name is a new bar."""
    done: int
    """Units done since the stage began."""
    total: int | None
    """Units in the whole stage; None where it cannot be known."""
    unit: str
    """What is counted, in the plural: ``words``, ``sentences``, ``bytes``. The rate is given in it."""
    note: str = ""
    """A few words beside the bar, such as the current loss, labelled as what it is."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something a person should read, once."""

    text: str
    warning: bool = False
    """Whether it may need action. Shown even with ``--quiet``."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a flow ends with. Every number is named with its unit or definition in the field's docstring."""

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A part of a long result, as soon as it is known; the command line prints it at once."""

    value: Result


Report = Progress | Notice | Item | Result
Reports = Iterator[Report]


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


@dataclass(frozen=True, kw_only=True)
class Candidate(Result):
    """A word that may fill a gap."""

    word: str
    rank: int
    """1 for the most probable class."""
    probability: float
    """From 0 to 1, under the full softmax."""
    log10: float
    """Its decimal logarithm."""


@dataclass(frozen=True, kw_only=True)
class Gap(Result):
    """One gap of a sentence and what a model expects there."""

    place: int
    """Of the gap among the tokens, from 0."""
    forward: list[Candidate]
    """From the words before it."""
    backward: list[Candidate]
    """From the words after it."""
    combined: list[Candidate]
    """The product of both, renormalised over all classes but the sentence's bounds."""
    asked: list[list[Candidate]]
    """For each word asked for: its place in the three."""


@dataclass(frozen=True, kw_only=True)
class PredictResult(Result):
    """What ``elmo predict`` found."""

    model: str
    tokens: list[str]
    """Of the sentence, ``[?]`` where gaps are."""
    start_state: str
    gaps: list[Gap]


@dataclass(frozen=True, kw_only=True)
class SentenceScore(Result):
    """What ``elmo score`` says of one line."""

    line: int
    """From 1."""
    tokens: int
    """Words; 0 for a blank line, whose other figures are null."""
    log10_forward: float | None
    """log10 of the probability of all words and the sentence's end."""
    log10_backward: float | None
    """The same from right to left, with the sentence's begin."""
    log10: float | None
    """Mean of both."""
    perplexity: float | None
    """Joint: exp of the mean loss of both directions."""
    oov: int
    """Words outside the vocabulary, scored as ``<UNK>``."""


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Result):
    """What ``elmo score`` did."""

    model: str
    start_state: str
    lines: int
    tokens: int
    oov: int
    log10: float
    """Of the whole text: sum of the lines'."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class PresetFigures(Result):
    """One preset."""

    name: str
    description: str
    parameters: int
    """Numbers that training sets, softmax left out."""
    cell_dim: int
    """H."""
    projection_dim: int
    """D."""
    rows: int
    """B: stretches of text read side by side."""
    negatives: int
    """K: classes sampled per step."""


@dataclass(frozen=True, kw_only=True)
class PresetsResult(Result):
    """All presets."""

    presets: list[PresetFigures]
    ending: str
    """What each name may end with for the reference's exact training recipe."""


@dataclass(frozen=True, kw_only=True)
class PresetResult(Result):
    """One preset with the user's settings laid over it, as a run would record it."""

    name: str
    config: dict[str, Any]
    """Every setting."""


@dataclass(frozen=True, kw_only=True)
class PretrainResult(Result):
    """What ``elmo pretrain`` reached."""

    run_dir: str
    model_dir: str
    """The trained model in the published layout, from the step with the best held-out perplexity."""
    steps: int
    epochs: float
    words: int
    """Words read in training."""
    seconds: float
    """Time spent training in this call, evaluations included."""
    words_per_second: float
    """Words per second of the training steps of this call alone."""
    train_perplexity_sampled: float | None
    """exp of the mean sampled-softmax loss of the last hundred steps, dropout on; not comparable to held-out."""
    held_out_perplexity: float
    """Best held-out perplexity, full softmax, each sentence from the start state."""
    held_out_step: int
    """The step it was measured at."""
    held_out_text: str
    """What ``elmo eval`` takes to measure it again: a prepared folder, or the validation text."""
    running_seconds: float
    """Time spent over all calls, evaluations and checkpoints included; what a kill lost is not in it."""
    stopped_early: bool
    """Whether it ended before its length because held-out perplexity got no better."""
    back_offs: int
    """How often the loss was no number and the run went back to a checkpoint at half the rate."""


@dataclass(frozen=True, kw_only=True)
class StoppedResult(Result):
    """Where ``elmo pretrain`` put its work away because somebody asked it to stop."""

    run_dir: str
    steps: int
    checkpoint: str | None
    """The newest checkpoint, which ``--resume`` goes on from; None before the first step."""
    seconds: float
    """Running time over all calls."""


@dataclass(frozen=True, kw_only=True)
class ComparedRun(Result):
    """One run among several; None stands for what its log does not say."""

    path: str
    name: str
    """Short, and another for each run."""
    settings: dict[str, Any]
    """Those in which the runs differ, by dotted name."""
    steps: int
    epochs: float | None
    words: int | None
    """Words read in training."""
    seconds: float | None
    """Running time over all calls."""
    words_per_second: float | None
    """Median over the log, of training steps alone."""
    peak_memory_bytes: int | None
    """The most memory that the process ever had."""
    train_perplexity_sampled: float | None
    """Of the last record, dropout on; comparable with runs of the same negatives alone, and not with held-out."""
    held_out_perplexity: float | None
    """The best: full softmax, both directions, each sentence from the start state."""
    held_out_forward: float | None
    """At the same step."""
    held_out_backward: float | None
    """At the same step."""
    held_out_step: int | None
    """The step it was measured at."""


@dataclass(frozen=True, kw_only=True)
class CompareRunsResult(Result):
    """What ``elmo compare`` found."""

    differing: list[str]
    """Settings in which the runs differ."""
    runs: list[ComparedRun]
    """The best first."""


@dataclass(frozen=True, kw_only=True)
class EmbedResult(Result):
    """What ``elmo embed`` wrote."""

    path: str
    """The file; with layout ``manylangs`` the files, with commas between them."""
    sentences: int
    """Arrays in it."""
    tokens: int
    """Words of all lines."""
    shape: str
    """Shape of one sentence's array, n standing for its tokens: ``(3, n, 1024)``."""
    state: str
    """State policy: ``warm``, ``zero`` or ``carry``."""
    blank_lines: int
    layout: str
    format: str
    file_bytes: int
    """Of all files."""
    left_out: int
    """Sentences whose key was there already."""
    seconds: float
    tokens_per_second: float


@dataclass(frozen=True, kw_only=True)
class InfoResult(Result):
    """What ``elmo info`` found at a path."""

    path: str
    kind: str
    """``model``, ``run``, ``prepared corpus``, ``corpus store``, ``vocabulary`` or ``features``."""
    figures: dict[str, Any]
    """Name of each figure, in reading order, with its value."""


@dataclass(frozen=True, kw_only=True)
class ReportResult(Result):
    """The page that ``elmo report`` wrote."""

    path: str
    """What the page is about."""
    kind: str
    """What that is: ``prepared corpus``, ``corpus store``, ``run`` or ``runs``."""
    out: str
    """Where the page is."""
    bytes: int
    """Its size."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ExportResult(Result):
    """What ``elmo export`` wrote."""

    path: str
    container: str
    """``hdf5``, ``nlpl``, ``safetensors`` or ``word2vec``."""
    files: list[str]
    """Names of what was written, sorted; members of the archive for ``nlpl``."""
    bytes: int
    """Size of all of it on the disk."""
    parameters: int | None
    """Numbers in the model's weights, softmax left out; None for ``word2vec``."""
    softmax: bool
    """Whether the softmax is in it."""
    words: int | None
    """Vectors written, one a word, for ``word2vec``; else None."""
    width: int | None
    """D: numbers in each of these vectors; else None."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Problem(Result):
    """One thing that is wrong with a model."""

    file: str
    problem: str
    """What was expected and what was found, the dataset, setting or line first."""


@dataclass(frozen=True, kw_only=True)
class VerifyResult(Result):
    """What ``elmo verify`` found wrong; nothing, where all is well."""

    path: str
    sound: bool
    """Whether there is no problem and everything could be checked."""
    problems: list[Problem]
    """All of them, file after file."""
    checked: list[str]
    """Files that were looked into."""
    not_checked: list[str]
    """Files that could not be, because what they depend on is not sound."""
