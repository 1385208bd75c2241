"""What each figure of ``elmo info`` is, in a few words.

Settings are explained by the docstrings under their fields in :mod:`elmo_cli.config`, so that there is one text each.
"""

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

from elmo_cli import config

FIGURES = {
    "backward": "perplexity right to left",
    "context": "what a scored sentence knew of others",
    "counts": "whether the file of counts lies beside it",
    "definition": "of the perplexities beside it",
    "device": "what the run computed on",
    "dtype": "type of the vectors",
    "epochs": "passes over the training text",
    "format": "layout of the file",
    "format_version": "version of the layout",
    "forward": "perplexity left to right",
    "held_out_perplexity": "best so far, full softmax, each sentence from the start state",
    "held_out_sentences": "sentences kept apart for validation",
    "held_out_step": "the step it was measured at",
    "held_out_tokens": "words and punctuation marks in them",
    "input": "what the token layer is made from",
    "least_count": "occurrences of the rarest word",
    "lstm_layers": "LSTM layers per direction",
    "newest_checkpoint": "where --resume goes on",
    "order": "how the words are sorted",
    "parameters": "numbers that training sets, softmax left out",
    "parameters_with_softmax": "the same with the softmax",
    "perplexity": "exp of mean loss of both directions, full softmax",
    "preset": "where the settings come from",
    "sentences": "one a line",
    "shards": "training files",
    "softmax_classes": "words that the model can predict",
    "specials": "special words that it contains",
    "start_state": "whether the model records one for sentences",
    "state": "what a sentence began with",
    "steps": "training steps done",
    "targets_per_direction": "predictions scored",
    "tokens": "words and punctuation marks in them",
    "tool": "what wrote it",
    "total_filters": "F: width of the concatenated convolutions",
    "vector_dim": "E: width of an ELMo vector",
    "vector_layers": "L: layers that ELMo mixes, the token layer included",
    "word_types": "distinct words in them",
    "words": "of text",
    "corpus store.vocabulary": "words that a model can predict",
    "features.layers": "what each array holds of ELMo's layers",
    "features.model": "fingerprint of the weights",
    "features.sentences": "datasets, each named by its line from 0",
    "model.character_embedding_dim": "C: width of one character's embedding",
    "model.vocabulary": "the words that the softmax predicts",
    "vocabulary.words": "one a line",
}
"""By name, or by kind and name where a name alone would say the wrong thing."""


def explain(name: str) -> str:
    """What the figure of that dotted name is, the kind of the thing first; empty where it is not known.

    Example:
        >>> explain("run.config.train.steps")
        'Length of the run in steps'
        >>> explain("run.steps")
        'training steps done'
    """
    path = name.split(".")
    asked_for = {"config", "settings"} & set(path)  # what was asked of a run, not what became of it
    first, second = (_settings(), FIGURES) if asked_for else (FIGURES, _settings())
    return FIGURES.get(name) or first.get(path[-1]) or second.get(path[-1], "")


@cache
def _settings() -> dict[str, str]:
    """The beginning of every setting's docstring, by the setting's name."""
    found: dict[str, str] = {}
    for section in ast.parse(Path(config.__file__).read_text(encoding="utf-8")).body:
        body = section.body if isinstance(section, ast.ClassDef) else []
        for field, below in pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = re.split(r"[.;](?:\s|$)", " ".join(text.split()))[0].replace("``", "")
    return found
