"""What ``elmo predict`` does: the words that a model expects in a gap, from the left, the right, and both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elmo_cli.errors import ConfigError, TextError
from elmo_cli.flows.evaluation.scorer import Scorer, open_scorer
from elmo_cli.flows.probability_results import Candidate, Gap, PredictResult
from elmo_cli.flows.reports import Reports
from elmo_cli.text.tokenizers import Tokenizer
from elmo_cli.text.vocabulary import BEGIN, END, UNKNOWN

GAP = "[?]"
"""Stands for the word that is sought."""


def predict(
    model_dir: Path | str,
    sentence: str,
    *,
    top: int = 10,
    words: Sequence[str] = (),
    start: str = "model",
    tokenizer: str | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Reports:
    """Lists the most probable words for every gap of a sentence.

    The forward direction predicts the gap from the words before it, the backward direction from those after it; the
    combined figure is the product of both, renormalised over all words. Other gaps are read as ``<UNK>``.

    Args:
        model_dir: A model folder, or a run folder with one in it; it must have its softmax and its vocabulary.
        sentence: Text with ``[?]`` where a word is sought, once or more.
        top: How many words each list has.
        words: Words whose probabilities are wanted besides.
        start: ``model``, ``zero`` or ``warm``; see :func:`elmo_cli.flows.models.loaded.start_state`.
        tokenizer: Instead of the model's own.
        device: Where to compute.
        threads: CPU threads; None takes every core this process may use.

    Returns:
        Reports, the last of them a :class:`~elmo_cli.flows.probability_results.PredictResult`.

    Raises:
        TextError: The sentence has no gap.
        ElmoError: Model or settings are not usable.
    """
    if top < 1:
        raise ConfigError(f"--top {top}: expected at least 1")
    if GAP not in sentence:
        raise TextError(f"{sentence!r}: has no gap", hint=f'put {GAP} where a word is sought: "the bank of the {GAP}"')
    scorer = open_scorer(model_dir, start=start, device=device, threads=threads)
    text = scorer.model.text_settings(tokenizer=tokenizer)
    tokens, places = cut_around_gaps(sentence, scorer.model.make_tokenizer(text))
    gaps = [_gap(scorer, tokens, place, top, words) for place in places]
    yield PredictResult(
        model=str(scorer.model.path),
        tokens=[GAP if place in places else token for place, token in enumerate(tokens)],
        start_state=scorer.start_name,
        gaps=gaps,
    )


def cut_around_gaps(sentence: str, tokenizer: Tokenizer) -> tuple[list[str], list[int]]:
    """The sentence's tokens, ``<UNK>`` where gaps are, and the gaps' places.

    Example:
        >>> from elmo_cli.text.tokenizers import WhitespaceTokenizer
        >>> cut_around_gaps("the [?] of [?]", WhitespaceTokenizer())
        (['the', '<UNK>', 'of', '<UNK>'], [1, 3])
    """
    tokens: list[str] = []
    places: list[int] = []
    for number, part in enumerate(sentence.split(GAP)):
        if number:
            places.append(len(tokens))
            tokens.append(UNKNOWN)
        tokens += tokenizer.tokens(part)
    return tokens, places


def _gap(scorer: Scorer, tokens: Sequence[str], place: int, top: int, words: Sequence[str]) -> Gap:
    log_GV = scorer.log_probabilities(tokens, place)
    both_V = log_GV.sum(axis=0)
    # No word stands beyond a sentence's bounds, and each direction knows one of them alone.
    for special in (BEGIN, END):
        both_V[scorer.vocabulary.ids[special]] = -np.inf
    both_V -= _log_sum_exp(both_V)
    lists = [_candidates(scorer, log_V, top) for log_V in (log_GV[0], log_GV[1], both_V)]
    return Gap(
        place=place,
        forward=lists[0],
        backward=lists[1],
        combined=lists[2],
        asked=[_asked(scorer, word, [log_GV[0], log_GV[1], both_V]) for word in words],
    )


def _candidates(scorer: Scorer, log_V: npt.NDArray[np.float64], top: int) -> list[Candidate]:
    best = np.argsort(-log_V, kind="stable")[:top]
    return [
        Candidate(
            word=scorer.vocabulary.words[number],
            rank=rank,
            probability=float(np.exp(log_V[number])),
            log10=float(log_V[number] / np.log(10)),
        )
        for rank, number in enumerate(best.tolist(), start=1)
    ]


def _asked(scorer: Scorer, word: str, logs: Sequence[npt.NDArray[np.float64]]) -> list[Candidate]:
    """One word's place in the three lists; a word outside the vocabulary has that of ``<UNK>``."""
    number = scorer.vocabulary.id_of(word)
    return [
        Candidate(
            word=word,
            rank=int((log_V > log_V[number]).sum()) + 1,
            probability=float(np.exp(log_V[number])),
            log10=float(log_V[number] / np.log(10)),
        )
        for log_V in logs
    ]


def _log_sum_exp(log_V: npt.NDArray[np.float64]) -> float:
    largest = float(log_V.max())
    return largest + float(np.log(np.exp(log_V - largest).sum()))
