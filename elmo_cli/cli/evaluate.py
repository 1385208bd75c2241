"""``elmo eval``: a model's perplexity on text."""

from enum import StrEnum
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import Row, follow, show_result
from elmo_cli.flows.reports import EvaluateResult

EXAMPLES = options.examples("elmo eval run/model test.txt", "elmo eval run/model test.txt --context stream --json")


class Context(StrEnum):
    """What a sentence may know of those before it."""

    SENTENCE = "sentence"
    STREAM = "stream"


class Start(StrEnum):
    """The state that a sentence or stream begins with."""

    MODEL = "model"
    ZERO = "zero"
    WARM = "warm"


CONTEXTS = {
    "sentence": "each sentence by itself, from the start state",
    "stream": "state carried over the text, from sentence to sentence",
}


def command(
    model_dir: options.ModelDir,
    inputs: options.CorpusInputs,
    context: Annotated[
        Context,
        typer.Option("--context", help="sentence: each by itself. stream: state carried over the text."),
    ] = Context.SENTENCE,
    start: Annotated[
        Start,
        typer.Option(
            "--start",
            help="State to begin with: the model's own, zero, or warm from a fixed neutral text.",
        ),
    ] = Start.MODEL,
    tokenizer: options.ModelTokenizerOption = None,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    batch_tokens: options.BatchTokensOption = 4096,
    device: options.DeviceOption = "auto",
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Measure a model's perplexity on text.

    Perplexity is how many words the model hesitates between, on average: lower is better.

    Every position is scored once, with the full softmax and without dropout. Of a prepared corpus, the held-out text.
    """
    from elmo_cli.flows.evaluate import evaluate

    flow = evaluate(
        model_dir,
        inputs,
        context=context.value,
        start=start.value,
        tokenizer=tokenizer.value if tokenizer is not None else None,
        decode_errors=decode_errors.value,
        device=device,
        threads=threads,
        batch_tokens=batch_tokens,
    )
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, EvaluateResult)
    show_result(result, f"Perplexity of {result.model}", _rows(result), as_json=as_json)


def _rows(result: EvaluateResult) -> list[Row]:
    forward, backward = result.forward, result.backward
    rows = [
        ("perplexity", figures.decimal(result.perplexity), "exp of mean loss of both directions, full softmax"),
        ("forward", figures.decimal(forward.perplexity), f"perplexity over {figures.whole(forward.tokens)} targets"),
        ("backward", figures.decimal(backward.perplexity), f"perplexity over {figures.whole(backward.tokens)} targets"),
        ("without OOV", figures.decimal(result.perplexity_without_oov), "perplexity over targets in the vocabulary"),
        ("loss", figures.decimal(result.loss), "mean of both directions, nats per target"),
        ("context", result.context, CONTEXTS.get(result.context, "")),
        ("start state", *_explain_start(result.start_state)),
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
    return rows


def _explain_start(phrase: str) -> tuple[str, str]:
    """The state's name and what it is, from what the flow recorded: ``warm (256 neutral sentences)``."""
    word, _, rest = phrase.partition(" (")
    if word not in (Start.ZERO, Start.WARM):
        return "model", phrase
    return word, rest.removesuffix(")") or "nothing read before"
