"""Presets as a list and as settings."""

import pytest

from elmo_cli.config import PRESETS, RunConfig, from_dict, preset
from elmo_cli.errors import ConfigError
from elmo_cli.flows.pretraining.presets import presets
from elmo_cli.flows.run_results import PresetResult, PresetsResult


def test_every_preset_is_listed_with_the_size_that_its_papers_give() -> None:
    (result,) = presets()
    assert isinstance(result, PresetsResult)
    assert [one.name for one in result.presets] == list(PRESETS)
    parameters = {one.name: one.parameters for one in result.presets}
    assert parameters["original"] == pytest.approx(93.6e6, rel=1e-3)
    assert parameters["medium"] == pytest.approx(28.0e6, rel=2e-3)
    assert parameters["small"] == pytest.approx(13.6e6, rel=2e-3)
    for one in result.presets:
        lstm = PRESETS[one.name].model.lstm
        assert f"2x{lstm.cell_dim} to {lstm.projection_dim}" in one.description
        preset(one.name + result.ending)


def test_a_preset_is_resolved_as_a_run_would_record_it() -> None:
    (result,) = presets("tiny", {"train": {"optimizer": {"name": "adamw"}, "rows": 3}})
    assert isinstance(result, PresetResult)
    config = from_dict(RunConfig, result.config, where="test")
    assert config.model == preset("tiny").model
    assert config.train == from_dict(RunConfig, result.config, where="test").train.settled()
    assert (config.train.rows, config.train.optimizer.weight_decay) == (3, 0.01)
    with pytest.raises(ConfigError, match=r"unknown setting train\.optimizer\.nme"):
        list(presets("tiny", {"train": {"optimizer": {"nme": "adamw"}}}))
    with pytest.raises(ConfigError, match="preset 'tny' does not exist"):
        list(presets("tny", {}))
