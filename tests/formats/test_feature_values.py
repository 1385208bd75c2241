import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.formats.feature_form import FeatureForm
from elmo_cli.formats.feature_values import Compressor, bfloat16_rounded, stored


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_bfloat16_is_rounded_as_torch_rounds_it(values: list[float]) -> None:
    array = np.array(values, np.float32)
    rounded = bfloat16_rounded(array)
    np.testing.assert_array_equal(rounded, torch.from_numpy(array).to(torch.bfloat16).to(torch.float32).numpy())
    assert (rounded.view(np.uint32)[~np.isnan(rounded)] & 0xFFFF == 0).all()


def test_float32_is_stored_as_it_is() -> None:
    array = np.ones((2, 3), np.float32)
    assert stored(array, "float32") is array
    assert stored(array, "float16").dtype == np.float16


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("random", [False, True])
def test_what_is_expanded_is_what_was_compressed(compression: str, dtype: str, random: bool) -> None:
    form = FeatureForm(layout="flat", compression=compression, dtype=dtype)
    array = np.random.default_rng(0).bytes(1200) if random else bytes(1200)
    values = np.frombuffer(array, form.value_type).reshape(-1, 10)
    packer = Compressor(form)
    content, mask = packer.compress(values)
    assert packer.expand(content, mask, values.shape, form.value_type).tobytes() == array
    assert random or len(content) < 100
