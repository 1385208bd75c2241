"""What a signal does to a command that saves before it stops."""

import os
import signal

import pytest

from elmo_cli.cli.stopping import cleared_away, stop_on_signals
from elmo_cli.flows.stopping import Stop


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((0, 1), "\nStopping: a checkpoint is saved first. The same again stops at once.\n"),
        (
            (0, 4),
            "\nStopping: a checkpoint is saved once all processes agree; if one is gone, the newest checkpoint is "
            "the last. The same again stops at once.\n",
        ),
        ((2, 4), ""),
    ],
)
def test_the_first_process_says_what_the_first_signal_does(
    place: tuple[int, int], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stop = Stop()
    with stop_on_signals(stop, place) as signals, stop.heeding():
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
        assert signals.exit_code == 143
        with pytest.raises(SystemExit, match="143"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert capfd.readouterr().err == said


def test_a_flow_that_does_not_look_is_stopped_at_once() -> None:
    stop = Stop()
    with pytest.raises(KeyboardInterrupt), stop_on_signals(stop) as signals:
        os.kill(os.getpid(), signal.SIGINT)
    assert not stop.asked
    assert signals.exit_code == 130


def test_sigterm_ends_any_command_by_an_exception_that_clears_away() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), cleared_away():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
