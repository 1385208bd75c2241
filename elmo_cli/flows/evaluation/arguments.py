"""Which of a command's arguments are models and which are text."""

from collections.abc import Sequence

from elmo_cli.errors import ConfigError
from elmo_cli.formats.model_source import looks_like_model


def models_and_inputs(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Models and texts: the first argument is a model, and so are those after it that look like one.

    Raises:
        ConfigError: There is no text after them.
    """
    count = 1
    while count < len(arguments) and looks_like_model(arguments[count]):
        count += 1
    models, inputs = list(arguments[:count]), list(arguments[count:])
    if not inputs:
        raise ConfigError(
            f"no text to score with {' and '.join(models)}", hint=f"for example: elmo eval {' '.join(models)} test.txt"
        )
    return models, inputs
