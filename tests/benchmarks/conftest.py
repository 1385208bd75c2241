"""What tests of the benchmark share."""

from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from benchmarks.texts import BenchText, collect_text
from elmo_cli.text.python_docs import python_documentation


@pytest.fixture(scope="session")
def small_text(tmp_path_factory: pytest.TempPathFactory) -> BenchText:
    """A text small enough to measure on in a moment: the first paragraphs of Python's documentation."""
    paragraphs = (paragraph for _, paragraph in islice(python_documentation(), 150))
    return collect_text(paragraphs, tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module", autouse=True)
def _threads_as_before() -> Iterator[None]:
    """A run of the benchmark sets the threads of the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
