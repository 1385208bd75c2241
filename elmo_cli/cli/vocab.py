"""``elmo vocab``: text to the list of words that a model can predict."""

from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_result
from elmo_cli.config import CharCnnConfig, TextConfig, VocabularyConfig
from elmo_cli.flows.reports import VocabularyResult

EXAMPLES = options.examples(
    "elmo vocab corpus.txt --out vocab.txt", "elmo vocab prepared --out vocab.txt --size 50000 --min-count 3"
)


def command(
    inputs: options.CorpusInputs,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Vocabulary to write.", show_default=False)],
    size: Annotated[
        int, typer.Option("--size", metavar="N", min=4, help="Words at most, <S>, </S> and <UNK> included.")
    ] = VocabularyConfig.size,
    min_count: Annotated[
        int, typer.Option("--min-count", metavar="N", min=1, help="Leave out words seen less often.")
    ] = VocabularyConfig.min_count,
    max_characters: Annotated[
        int,
        typer.Option(
            "--max-characters", metavar="N", min=3, help="Width of the character table; longer words are reported."
        ),
    ] = CharCnnConfig.max_characters,
    tokenizer: options.TokenizerOption = options.DEFAULT_TOKENIZER,
    language: options.LanguageOption = TextConfig.language,
    decode_errors: options.DecodeErrorsOption = options.DEFAULT_DECODE_ERRORS,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Count words and write them as a vocabulary, the most frequent first.

    Not needed before 'elmo pretrain', which builds one when none is given.
    """
    config = VocabularyConfig(size=size, min_count=min_count)
    text = TextConfig(tokenizer=tokenizer.value, language=language, decode_errors=decode_errors.value)
    from elmo_cli.flows.vocabulary import build_vocabulary

    flow = build_vocabulary(inputs, out, config=config, text=text, max_characters=max_characters)
    result = follow(flow, quiet=quiet, verbose=verbose)
    assert isinstance(result, VocabularyResult)
    rows = [
        ("vocabulary", figures.whole(result.size), "words written, <S>, </S> and <UNK> included"),
        ("word types", figures.whole(result.types), "distinct words in the text"),
        ("tokens", figures.whole(result.tokens), "words in the text, repetitions included"),
        ("coverage", figures.percent(result.coverage), "of the tokens are in the vocabulary"),
        ("least count", figures.whole(result.least_count), "occurrences of the rarest word kept"),
        ("cut types", figures.whole(result.cut_types), f"distinct words longer than {max_characters - 2} bytes"),
        ("cut tokens", figures.whole(result.cut_tokens), "their occurrences; a model does not see their tails"),
    ]
    show_result(result, f"Vocabulary in {result.path}", rows, as_json=as_json)
