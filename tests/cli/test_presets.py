"""``elmo presets``."""

import json
import tomllib

from elmo_cli.config import RunConfig, override, preset, to_dict
from elmo_cli.flows.run_results import PresetFigures, PresetResult, PresetsResult

ONE = PresetFigures(
    name="tiny",
    description="2x256 to 64; a first run",
    parameters=759_200,
    cell_dim=256,
    projection_dim=64,
    rows=16,
    negatives=1024,
)
LIST = PresetsResult(presets=[ONE], ending="-bilm-tf")
SETTLED = override(preset("tiny"), {"train": {"window": 40}}, where="test")


def test_presets_are_listed_with_their_sizes(elmo, play) -> None:
    play("pretraining.presets", [LIST])
    outcome = elmo("presets")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "Presets; with the ending -bilm-tf, bilm-tf's exact training recipe",
        "  tiny  0.7592 million parameters  2x256 to 64; a first run",
    ]
    play("pretraining.presets", [LIST])
    assert json.loads(elmo("presets", "--json").out) == LIST.to_json()


def test_one_preset_is_printed_as_toml_that_says_what_each_setting_is(elmo, play) -> None:
    calls = play("pretraining.presets", [PresetResult(name="tiny", config=to_dict(SETTLED))])
    outcome = elmo("presets", "tiny", "--set", "train.window=40")
    assert calls[0].args == ("tiny", {"train": {"window": 40}})
    assert override(RunConfig(), tomllib.loads(outcome.out), where="test") == SETTLED
    lines = outcome.out.splitlines()
    assert "window = 40  # T: positions per row and step" in lines
    assert any(line.startswith('name = "adagrad"  # adagrad, adamw, adam, sgd') for line in lines)
    assert any(line.startswith('name = "constant"  # constant, linear or cosine') for line in lines)


def test_one_preset_as_json_is_all_of_it(elmo, play) -> None:
    result = PresetResult(name="tiny", config=to_dict(SETTLED))
    play("pretraining.presets", [result])
    assert json.loads(elmo("presets", "tiny", "--json").out) == result.to_json()


def test_settings_without_a_preset_to_lay_them_over_are_refused(elmo) -> None:
    outcome = elmo("presets", "--set", "train.rows=5")
    assert outcome.code == 2
    assert "name the preset that the settings are laid over" in outcome.err


def test_a_wrong_setting_is_an_error_with_a_suggestion(elmo) -> None:
    outcome = elmo("presets", "tiny", "--set", "train.optimizer.nam=adamw")
    assert outcome.code == 1
    assert "unknown setting train.optimizer.nam" in outcome.err
    assert "did you mean train.optimizer.name?" in outcome.err
