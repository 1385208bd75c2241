"""What commands say of threads and of other load."""

import pytest
import torch

from elmo_cli.cores import CoreWatch
from elmo_cli.flows.core_notes import describe_cores, other_load
from elmo_cli.flows.reports import Notice


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> CoreWatch:
    monkeypatch.setattr("elmo_cli.flows.core_notes.thread_notes", lambda threads: [f"{threads} threads"])
    monkeypatch.setattr(CoreWatch, "note", lambda _: "others are at work")
    return CoreWatch()


def test_a_bound_is_told_and_other_load_is_a_warning(busy: CoreWatch) -> None:
    bound, load = Notice(text="2 threads"), Notice(text="others are at work", warning=True)
    assert list(describe_cores(torch.device("cpu"), 2, busy)) == [bound, load]
    assert list(describe_cores(torch.device("cpu"), 2)) == [bound]
    assert list(other_load(torch.device("cpu"), busy)) == [load]


def test_on_a_gpu_cores_are_not_worth_a_word(busy: CoreWatch) -> None:
    assert list(describe_cores(torch.device("cuda"), 2, busy)) == []
    assert list(other_load(torch.device("cuda"), busy)) == []
