"""Processes stop together, and go by one clock."""

import pytest

from elmo_cli.flows.pretraining.agreed_stop import AgreedStop
from elmo_cli.flows.stopping import Stop, StopAskedError
from elmo_cli.train.process_group import ProcessGroup
from tests.two_processes import run_two

SCRIPT = """
import torch
from elmo_cli.flows.pretraining.agreed_stop import AgreedStop
from elmo_cli.flows.stopping import Stop, StopAskedError
from elmo_cli.train.process_group import process_group

group = process_group(torch.device("cpu"))
own = Stop()
stop = AgreedStop(own, group)
clocks = [stop.agree(10.0 + group.rank)]
stop.check()
stop.begin(20.0 + group.rank)
own.asked = group.rank == 1  # too late for this step
clocks.append(stop.end(0.0))
stop.check()
clocks.append(stop.agree(30.0 + group.rank))
try:
    stop.check()
except StopAskedError:
    print(clocks, stop.wished)
"""


def test_one_that_is_asked_stops_all_after_the_step_that_begins_then() -> None:
    outcomes = run_two("-c", SCRIPT)
    assert [(code, out) for code, out, _ in outcomes] == [(0, "[10.0, 20.0, 30.0] True\n")] * 2, outcomes


def test_a_process_alone_stops_at_once_and_goes_by_its_own_clock() -> None:
    own = Stop()
    stop = AgreedStop(own, ProcessGroup())
    stop.begin(1.0)
    assert stop.end(2.0) == 2.0
    stop.check()
    own.asked = True
    assert stop.wished
    with pytest.raises(StopAskedError):
        stop.check()
