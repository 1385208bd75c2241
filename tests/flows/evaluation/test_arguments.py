"""Models first, then text."""

from pathlib import Path

import pytest

from elmo_cli.errors import ConfigError
from elmo_cli.flows.evaluation.arguments import models_and_inputs


def _model(folder: Path) -> str:
    folder.mkdir(parents=True)
    (folder / "options.json").touch()
    return str(folder)


def test_the_first_is_a_model_whatever_it_looks_like(tmp_path: Path) -> None:
    assert models_and_inputs(["nowhere", "text.txt"]) == (["nowhere"], ["text.txt"])


def test_models_go_on_as_long_as_arguments_look_like_some(tmp_path: Path) -> None:
    one, run = _model(tmp_path / "one"), str(Path(_model(tmp_path / "run" / "model")).parent)
    (tmp_path / "text.txt").touch()
    address = "https://example.org/model"
    arguments = [one, run, address, str(tmp_path / "text.txt"), one]
    assert models_and_inputs(arguments) == ([one, run, address], [str(tmp_path / "text.txt"), one])


def test_models_alone_are_refused(tmp_path: Path) -> None:
    one = _model(tmp_path / "one")
    with pytest.raises(ConfigError, match=f"no text to score with m and {one}") as caught:
        models_and_inputs(["m", one])
    assert caught.value.hint == f"for example: elmo eval m {one} test.txt"
