"""What tests of devices share."""

import pytest
import torch

from elmo_cli.text.store import EncodedText
from tests.gpu.devices import CPU, CUDA
from tests.gpu.small import encoded_documentation


@pytest.fixture(params=[CPU, CUDA])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Where the test computes."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def text() -> EncodedText:
    """A small text with words outside its vocabulary."""
    return encoded_documentation()
