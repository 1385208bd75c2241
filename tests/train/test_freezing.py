"""Which parameters rest, and when."""

import pytest
import torch

from elmo_cli.config import TrainConfig
from elmo_cli.errors import ConfigError
from elmo_cli.train.freezing import Freezing, mark

NAMES = ["bilm.token_encoder.table_VD", "bilm.layers.0.bias_G4", "bilm.layers.1.bias_G4", "softmax.weight_VD"]
PARAMETERS = {name: torch.zeros(2, requires_grad=True) for name in NAMES}


def freezing(shared: str | None = None, **settings) -> Freezing:
    return Freezing(PARAMETERS, shared, 2, TrainConfig(**settings))


def test_layers_are_frozen_by_name() -> None:
    assert freezing(freeze="token_encoder, lstm.2").frozen == {NAMES[0], NAMES[2]}
    assert freezing(freeze="lstm").frozen == set(NAMES[1:3])
    assert freezing().frozen == set()


def test_what_is_frozen_for_good_is_not_among_the_trained() -> None:
    assert list(freezing(freeze="softmax").trained(PARAMETERS)) == NAMES[:3]


def test_a_table_of_both_layers_is_frozen_with_either() -> None:
    assert NAMES[0] in freezing(shared=NAMES[0], freeze="softmax").frozen
    assert NAMES[0] in freezing(shared=NAMES[0], freeze="token_encoder").frozen
    assert NAMES[0] not in freezing(shared=NAMES[0], freeze_steps=3).resting(0)


def test_only_the_softmax_learns_in_the_first_steps() -> None:
    early = freezing(freeze_steps=3)
    assert early.resting(2) == set(NAMES[:3])
    assert early.resting(3) == set()


def test_a_thawed_parameter_counts_its_steps_from_there() -> None:
    groups = list(freezing(freeze_steps=3).by_steps_done(PARAMETERS, 10))
    assert [(sorted(group), done) for group, done in groups] == [(sorted(NAMES[:3]), 7), (NAMES[3:], 10)]


def test_autograd_knows_what_rests() -> None:
    values = {name: torch.zeros(1, requires_grad=True) for name in NAMES}
    mark(values, NAMES[:1])
    assert [value.requires_grad for value in values.values()] == [False, True, True, True]
    mark(values, ())
    assert all(value.requires_grad for value in values.values())


def test_nothing_left_to_train_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"train\.freeze: nothing is left to train with token_encoder,lstm,softmax"):
        freezing(freeze="token_encoder,lstm,softmax")
    with pytest.raises(ConfigError, match=r"train\.freeze_steps: nothing is left to train") as caught:
        freezing(freeze="softmax", freeze_steps=5)
    assert caught.value.hint == "leave a layer away from --freeze, or set train.freeze_steps to 0"
