"""The figures of ``elmo embed`` as rows: name, value, and what it is."""

from typing import TYPE_CHECKING

from elmo_cli.cli import figures
from elmo_cli.cli.console import Row
from elmo_cli.config import INFERENCE_PRECISIONS

if TYPE_CHECKING:
    from elmo_cli.flows.model_results import EmbedResult

STATES = {
    "warm": "every sentence begins with the model's warm state",
    "zero": "every sentence begins with zeros",
    "carry": "state carried from batch to batch, as AllenNLP does; order matters",
}


def key_names(layout: str, *, pairs: bool, id_field: str | None, sentence_keys: bool) -> str:
    """What names a sentence's array.

    Example:
        >>> key_names("allennlp", pairs=True, id_field="id", sentence_keys=False)
        'its id, with :a or :b behind it'
    """
    if layout == "manylangs":
        return "its words"
    if sentence_keys:
        return "its text"
    if id_field is not None:
        return f"its {id_field}, with :a or :b behind it" if pairs else f"its {id_field}"
    return "2 i for text_a of line i from 0, 2 i + 1 for text_b" if pairs else "its line from 0"


def result_rows(result: "EmbedResult", blank_lines: str, names: str, *, pooled: bool) -> list[Row]:
    """The figures of what was written.

    Args:
        result: They.
        blank_lines: What was asked for them.
        names: From :func:`key_names`.
        pooled: Whether a sentence has one vector.
    """
    flat = result.layout == "flat"
    arrays = "one array for all, with where each begins" if flat else f"one dataset each, named by {names}"
    shape = "of one sentence's vectors" + ("" if pooled else ", n its tokens")
    if flat:
        shape += "; the file has tokens first"
    rows = [
        ("sentences", figures.whole(result.sentences), arrays),
        ("tokens", figures.whole(result.tokens), "words that were read" if pooled else "words that got vectors"),
        ("shape", result.shape, shape),
        ("state", result.state, STATES.get(result.state, "")),
        ("precision", result.precision, INFERENCE_PRECISIONS[result.precision]),
        ("blank lines", figures.whole(result.blank_lines), f"lines without words (--blank-lines {blank_lines})"),
        ("size", f"{figures.whole(result.file_bytes)} bytes", f"{result.format}, layout {result.layout}"),
        ("time", figures.duration(result.seconds), figures.rate(result.tokens_per_second, "tokens")),
    ]
    if result.left_out:
        rows.insert(1, ("repeated", figures.whole(result.left_out), "sentences that had the key of one before them"))
    return rows
