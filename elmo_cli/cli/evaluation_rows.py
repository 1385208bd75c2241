"""The figures of ``elmo eval`` as rows: name, value, and what it is."""

from typing import TYPE_CHECKING

from elmo_cli.cli import figures
from elmo_cli.cli.console import Row
from elmo_cli.config import INFERENCE_PRECISIONS

if TYPE_CHECKING:
    from elmo_cli.flows.evaluation_results import CompareResult, EvaluateResult, ProtocolResult

CONTEXTS = {
    "sentence": "each sentence by itself, from the start state",
    "stream": "state carried over the text, from sentence to sentence",
}


def figure_rows(result: "EvaluateResult") -> list[Row]:
    """The figures that most people want."""
    forward, backward, joint = result.forward, result.backward, result.joint
    interval = f"{figures.decimal(result.interval.low)} to {figures.decimal(result.interval.high)}"
    rows = [
        ("perplexity", figures.decimal(result.perplexity), "exp of mean loss of both directions, full softmax"),
        ("95 % interval", interval, "of it, by the bootstrap over sentences"),
        ("forward", figures.decimal(forward.perplexity), f"perplexity over {figures.whole(forward.targets)} targets"),
        (
            "backward",
            figures.decimal(backward.perplexity),
            f"perplexity over {figures.whole(backward.targets)} targets",
        ),
        ("without OOV", figures.decimal(joint.perplexity_without_oov), "perplexity over targets in the vocabulary"),
        ("words alone", figures.decimal(joint.perplexity_words), "perplexity without sentence ends and begins"),
        ("loss", figures.decimal(result.loss), "mean of both directions, nats per target"),
    ]
    if result.size is not None:
        rows += [
            ("bits per byte", figures.decimal(joint.bits_per_byte), "of the original text; compares any two models"),
            ("bits per char.", figures.decimal(joint.bits_per_character), "of the original text"),
        ]
        # Text without spaces has about one such word to a sentence, and a figure that says nothing.
        if result.size.words != result.words and result.size.words > 3 * result.sentences:
            value = figures.decimal(joint.perplexity_per_space_word)
            rows.append(("per space word", value, "perplexity per word between spaces"))
    rows += [
        ("context", result.context, CONTEXTS.get(result.context, "")),
        ("start state", *_explain_start(result.start_state)),
        ("precision", result.precision, INFERENCE_PRECISIONS[result.precision]),
    ]
    if result.stretches is not None:
        rows.append(("stretches", figures.whole(result.stretches), "pieces of the text, each from the start state"))
    rows += [
        ("words", figures.whole(result.words), f"of text in {figures.counted(result.sentences, 'sentence')}"),
        ("OOV", figures.whole(result.oov_tokens), "words outside the vocabulary; as targets they are <UNK>"),
        ("OOV types", figures.whole(result.oov_types), "distinct words among them"),
        ("OOV rate", figures.percent(result.oov_rate), "of the words"),
        ("time", figures.duration(result.seconds), figures.rate(result.words_per_second, "words")),
    ]
    if result.baseline is not None:
        rows += _baseline_rows(result)
    return rows


def _baseline_rows(result: "EvaluateResult") -> list[Row]:
    baseline = result.baseline
    assert baseline is not None
    counted = f"{baseline.order}-gram model counted on {figures.whole(baseline.training_words)} words"
    sides = (baseline.forward.perplexity, baseline.backward.perplexity)
    difference = baseline.difference
    return [
        ("n-grams", figures.decimal(baseline.joint.perplexity), f"joint perplexity of a Kneser-Ney {counted}"),
        ("", "", "forward {}, backward {}".format(*map(figures.decimal, sides))),
        ("difference", _signed(difference.loss), f"nats per target, model less n-grams; {_sure(difference)}"),
    ]


def explained_rows(result: "EvaluateResult") -> list[Row]:
    """Every figure of both directions and of both together, with its formula."""
    from elmo_cli.flows.evaluation_results import EXPLANATIONS

    rows: list[Row] = []
    for name, meaning in EXPLANATIONS.items():
        rows.append((name, "", meaning))
        for side, found in (("joint", result.joint), ("forward", result.forward), ("backward", result.backward)):
            value = getattr(found, name)
            rows.append((f"  {side}", figures.whole(value) if isinstance(value, int) else figures.decimal(value), ""))
    rows += [
        ("W", figures.whole(result.words), "words (tokens) of the text"),
        ("S", figures.whole(result.sentences), "sentences"),
        ("O", figures.whole(result.oov_tokens), "words outside the vocabulary"),
        ("context", result.context, CONTEXTS.get(result.context, "")),
        ("start state", *_explain_start(result.start_state)),
        ("precision", result.precision, INFERENCE_PRECISIONS[result.precision]),
    ]
    if result.size is not None:
        rows.append(("bytes", figures.whole(result.size.bytes), "of the original text in UTF-8, line ends included"))
        rows.append(("characters", figures.whole(result.size.characters), "of the original text, line ends included"))
    return rows


def detail_rows(result: "EvaluateResult") -> list[Row]:
    """Where the loss comes from, kind by kind, and the words and sentences that cost most."""
    rows: list[Row] = []
    found = result.breakdowns
    for title, bands in (
        ("by place", found.by_place),
        ("by frequency", found.by_frequency),
        ("by length", found.by_length),
        ("by file", found.by_file),
    ):
        if bands:
            rows.append((title, "", "mean loss in nats, forward and backward; share of the whole loss"))
        rows += [
            (
                f"  {band.name}",
                f"{figures.decimal(band.forward)} {figures.decimal(band.backward)}",
                f"{figures.percent(band.share)}, {figures.counted(band.targets, 'target')}",
            )
            for band in bands
        ]
    rows.append(("costliest words", "", "mean loss in nats; share of the loss of all words"))
    rows += [
        (
            f"  {word.word}",
            figures.decimal(word.loss),
            f"{figures.percent(word.share)}, {figures.whole(word.count)} times",
        )
        for word in found.words
    ]
    rows.append(("worst sentences", "", "mean loss in nats; number from 1 and tokens"))
    rows += [("", figures.decimal(one.loss), f"{figures.whole(one.sentence)}: {one.text}") for one in found.sentences]
    return rows


def reference_rows(result: "ProtocolResult") -> list[Row]:
    """What bilm-tf's procedure finds, and what it leaves out."""
    return [
        ("perplexity", figures.decimal(result.perplexity), "exp of mean loss of both directions over what was scored"),
        ("forward", figures.decimal(result.forward), "perplexity"),
        ("backward", figures.decimal(result.backward), "perplexity"),
        ("rows", figures.whole(result.rows), "sentences read side by side, state carried on, zeros at first"),
        ("steps", figures.whole(result.steps), "positions scored of every row"),
        ("scored", figures.whole(result.scored), "positions per direction"),
        ("dropped", figures.whole(result.dropped), "positions that the procedure never scores; --protocol exact does"),
        ("time", figures.duration(result.seconds), ""),
    ]


def compared_rows(result: "CompareResult") -> list[Row]:
    """A row per model, and one per difference from the first."""
    unit = "nats per target" if result.measure == "loss" else "bits per byte"
    against = {each.model: each.difference for each in result.differences}
    rows = []
    for number, model in enumerate(result.models):
        if result.measure == "loss":
            value = figures.decimal(model.perplexity)
            what = f"perplexity, {figures.decimal(model.interval.low)} to {figures.decimal(model.interval.high)} (95 %)"
        else:
            value, what = figures.decimal(model.joint.bits_per_byte), "bits per byte"
        rows.append((model.model, value, what))
        if number:
            difference = against[model.model]
            rows.append(("", _signed(difference.loss), f"{unit} against the first; {_sure(difference)}"))
    if result.measure != "loss":
        rows.append(("", "", "vocabularies or tokens differ, so perplexities do not compare and bits per byte do"))
    return rows


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{value:.4f}"


def _sure(difference: object) -> str:
    low, high, p_value = (getattr(difference, name) for name in ("low", "high", "p_value"))
    return f"95 % {_signed(low)} to {_signed(high)}, p = {p_value:.3g} (paired bootstrap)"


def _explain_start(phrase: str) -> tuple[str, str]:
    """The state's name and what it is, from what the flow recorded: ``warm (256 neutral sentences)``."""
    word, _, rest = phrase.partition(" (")
    if word not in ("zero", "warm"):
        return "model", phrase
    return word, rest.removesuffix(")") or "nothing read before"
