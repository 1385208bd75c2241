"""``elmo pretrain --dry-run``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_cli.cli.dry_run import parse_size
from elmo_cli.config import PRECISIONS
from elmo_cli.flows.dry_run_results import DiskEstimate, DryRunResult, MemoryEstimate, RowsFit, TimeEstimate

RESULT = DryRunResult(
    preset="small",
    device="CPU, 2 threads (torch 2.13.0)",
    precision="bf16",
    rows=64,
    window=20,
    parameters={"characters": 5000, "LSTM": 1_200_000, "softmax": 800_000},
    memory=MemoryEstimate(
        parameters=8_020_000,
        optimizer=8_020_000,
        gradients=7_000_000,
        logits=5_000_000,
        state=300_000,
        step=91_000_000,
        evaluation=40_000_000,
        text=1_500_000,
        program=250_000_000,
        peak=358_840_000,
        free=16_000_000_000,
    ),
    disk=DiskEstimate(
        stores=2_000_000, checkpoint=16_000_000, checkpoints=48_000_000, model=16_000_000, free=90_000_000_000
    ),
    time=TimeEstimate(
        steps_measured=23,
        words_per_second=2345.6,
        step_seconds=0.5,
        step_seconds_lowest=0.4567,
        step_seconds_highest=0.6,
        words_per_step=1172.8,
        waiting_share=0.0012,
        steps_per_epoch=400,
        epoch_seconds=200.0,
        steps=4000,
        epochs=10.0,
        evaluations=10,
        evaluation_seconds=12.5,
        run_seconds=2125.0,
        cores_used_by_others=0.0,
    ),
    fit=None,
)
FIT = RowsFit(
    rows=700,
    budget=8_000_000_000,
    peak=7_600_000_000,
    words_per_second=3000.4,
    fixed_bytes=260_000_000.0,
    bytes_per_row=10_500_000.0,
    trials=[(16, 430_000_000), (32, 600_000_000), (900, None), (700, 7_600_000_000)],
    bound_by="memory",
)

SHOWN = """\
What small will take: 64 rows of 20 positions, bf16, CPU, 2 threads (torch 2.13.0)
  parameters       2,005,000      numbers that training sets, the softmax included
    characters     5,000          their vectors, and the convolutions over them
    LSTM           1,200,000      all layers, both directions
    softmax        800,000        a vector and a bias for each word of the vocabulary
  memory           358.8 MB       at the most, of 16.0 GB that are free; of step and evaluation the larger counts
    parameters     8.0 MB         4 bytes each
    optimizer      8.0 MB         what it remembers of each parameter
    step           91.0 MB        measured over 23 steps: activations, and what is listed next
      gradients    7.0 MB         of whole parameters, and of the rows that a step reads
      logits       5.0 MB         of a step's predictions
    evaluation     40.0 MB        measured on held-out text
    carried state  300.0 kB       of the LSTMs, from step to step
    text           1.5 MB         mapped files; the system may let go of them
    program        250.0 MB       Python, libraries and vocabulary, before the model
  disk             66.0 MB        at the most, of 90.0 GB that are free
    stores         2.0 MB         the text as numbers
    checkpoints    48.0 MB        those kept and one in writing, 16.0 MB each
    model          16.0 MB        the trained model, twice while a better one is written
  speed            2,346 words/s  median of 23 steps, 456.7 to 600.0 ms each
    waiting        0.12 %         of that time, for the words of a step
    other load     0.0            cores that others used meanwhile
  epoch            0:03:20        400 steps, one pass
  evaluation       12.5 s         of held-out perplexity, 10 times in the run
  run              0:35:25        4,000 steps, 10.00 epochs, and its evaluations; without checkpoints
"""


def test_every_figure_stands_beside_what_it_is(elmo, play) -> None:
    play("pretraining.dry_run", [RESULT])
    outcome = elmo("pretrain", "corpus.txt", "--out", "run", "--dry-run")
    assert outcome.code == 0
    assert outcome.out == SHOWN
    assert outcome.err == "Nothing was begun. To begin, type the same command without --dry-run.\n"


def test_programs_get_every_figure(elmo, play) -> None:
    play("pretraining.dry_run", [replace(RESULT, fit=FIT)])
    found = json.loads(elmo("pretrain", "corpus.txt", "--out", "run", "--dry-run", "--json").out)
    assert found["memory"]["step"] == 91_000_000
    assert found["time"]["words_per_second"] == 2345.6
    assert found["fit"]["trials"][2] == [900, None]


def test_the_largest_number_of_rows_comes_last_and_can_be_typed(elmo, play) -> None:
    calls = play("pretraining.dry_run", [replace(RESULT, fit=FIT)])
    outcome = elmo("pretrain", "c.txt", "--out", "run", "--dry-run", "--fit-rows", "--memory", "8GB")
    assert outcome.out.splitlines()[-4:] == [
        "  rows             700               fit into 8.0 GB: tried, 7.6 GB",
        "    speed          3,000 words/s     with so many",
        "    of each row    10.5 MB           beside 260.0 MB",
        "    tried          16, 32, 900, 700  rows",
    ]
    assert outcome.err.endswith("without --dry-run, with --rows 700.\n")
    assert calls[0].options["fit_rows"] is True
    assert calls[0].options["memory"] == 8_000_000_000


def test_a_dry_run_gets_what_the_run_would_get(elmo, play) -> None:
    calls = play("pretraining.dry_run", [RESULT])
    words = "pretrain a.txt --out run --dry-run --preset small --vocab v.txt --validation c.txt --pieces-model p.model"
    words += " --rows 8 --precision bf16 --device cpu --threads 2"
    assert elmo(*words.split(), "--quiet").code == 0
    assert calls[0].args == (["a.txt"], Path("run"))
    expected = {
        "preset": "small",
        "settings": {"train": {"rows": 8, "precision": "bf16"}},
        "vocabulary_path": Path("v.txt"),
        "init_from": None,
        "keep_vocabulary": None,
        "validation": ["c.txt"],
        "pieces_model": Path("p.model"),
        "device": "cpu",
        "threads": 2,
        "fit_rows": False,
        "memory": None,
    }
    assert expected.items() <= calls[0].options.items()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--dry-run --resume", "a dry run is for a run that is to begin, not for one that goes on"),
        ("--fit-rows", "Invalid value for --fit-rows: only with --dry-run"),
        ("--dry-run --memory 8GB", "Invalid value for --memory: only with --dry-run --fit-rows"),
        ("--dry-run --fit-rows --memory much", "'much' is no size; expected one such as 8GB or 500MiB"),
        ("--precision int8", "'int8' is not one of 'fp32', 'tf32', 'bf16'"),
    ],
)
def test_what_does_not_go_together_is_refused(elmo, play, words: str, message: str) -> None:
    play("pretraining.dry_run", [RESULT])
    outcome = elmo("pretrain", "a.txt", "--out", "run", *words.split())
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())


def test_sizes_are_read_as_people_write_them() -> None:
    assert [parse_size(text) for text in ("8GB", "1.5 GiB", "200mb", "77", " 1TB ")] == [
        8 * 10**9,
        3 * 2**29,
        2 * 10**8,
        77,
        10**12,
    ]


def test_the_flag_offers_the_precisions_that_there_are() -> None:
    from elmo_cli.cli.options import Precision

    assert [one.value for one in Precision] == list(PRECISIONS)
