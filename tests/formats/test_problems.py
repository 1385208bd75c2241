from pathlib import Path

import pytest

from elmo_cli.errors import ModelError
from elmo_cli.formats.problems import require_none


def test_no_problem_is_none() -> None:
    require_none(Path("model"), [])


def test_one_problem_stands_beside_the_name() -> None:
    with pytest.raises(ModelError, match=r"^model: too small\nHint: a larger one$"):
        require_none(Path("model"), ["too small"], hint="a larger one")


def test_several_stand_below_it_and_the_rest_is_counted() -> None:
    with pytest.raises(ModelError) as raised:
        require_none(Path("model"), [f"problem {number}" for number in range(23)])
    lines = str(raised.value).splitlines()
    assert lines[:2] == ["model: 23 problems", "  problem 0"]
    assert lines[-2:] == ["  problem 19", "  and 3 more"]
