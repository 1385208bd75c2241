"""The command as the shell sees it: exit codes, stderr, help."""

import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_cli import __version__
from elmo_cli.cli import (
    compare,
    embed,
    evaluate,
    export,
    info,
    neighbors,
    plot,
    predict,
    prepare,
    presets,
    pretrain,
    report,
    score,
    verify,
    vocab,
)
from elmo_cli.cli.app import app
from elmo_cli.errors import ElmoError, TextError
from elmo_cli.flows.reports import Notice

ROOT = Path(__file__).parents[2]
MODULES = {
    "prepare": prepare,
    "vocab": vocab,
    "presets": presets,
    "pretrain": pretrain,
    "eval": evaluate,
    "score": score,
    "predict": predict,
    "embed": embed,
    "neighbors": neighbors,
    "plot": plot,
    "info": info,
    "compare": compare,
    "report": report,
    "export": export,
    "verify": verify,
}
FLOWS = {
    "prepare": ("corpora.prepare", "prepare"),
    "vocab": ("corpora.vocabulary", "build_vocabulary"),
    "presets": ("pretraining.presets", "presets"),
    "pretrain": ("pretraining.pretrain", "pretrain"),
    "eval": ("evaluation.evaluate", "evaluate"),
    "score": ("evaluation.score", "score_lines"),
    "predict": ("evaluation.predict", "predict"),
    "embed": ("vectors.embed", "embed"),
    "neighbors": ("vectors.neighbors", "neighbors"),
    "plot": ("vectors.plot", "plot"),
    "info": ("info", "info"),
    "compare": ("pretraining.compare_runs", "compare_runs"),
    "report": ("report", "report"),
    "export": ("models.export", "export"),
    "verify": ("models.verify", "verify"),
}

OTHER_FLOWS = {
    "vocab": [
        ("corpora.part_counts", "count_only"),
        ("corpora.merging", "merge_counts"),
        ("corpora.vocabulary_check", "check_vocabulary"),
    ],
    "pretrain": [("pretraining.dry_run", "dry_run")],
}
"""Of ``elmo vocab``, one for each of its modes."""

FAKE_INFO = """
import signal, sys, time, types
from elmo_cli.cli import stages
from elmo_cli.cli.app import main
from elmo_cli.flows.model_results import InfoResult
from elmo_cli.flows.reports import Progress

stages.PATIENCE = 0.05
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to Ctrl-C

def info(path):
    try:
        for done in range(5):
            yield Progress(stage="reading", done=done, total=10, unit="lines")
            time.sleep(0.06)
        SLEEP
    finally:
        print("closed", file=sys.stderr)
    yield InfoResult(path=str(path), kind="model", figures={"vector_layers": 3})

sys.modules["elmo_cli.flows.info"] = types.SimpleNamespace(info=info)
sys.argv = ["elmo", "info", "run/model"]
main()
"""


def test_every_command_has_a_module_a_flow_and_a_test() -> None:
    names = [entry.name for entry in app.registered_commands]
    assert names == list(MODULES) == list(FLOWS)


def test_the_version_is_the_package_s(elmo) -> None:
    outcome = elmo("--version")
    assert (outcome.code, outcome.out) == (0, f"elmo {__version__}\n")


def test_without_a_command_the_help_is_shown(elmo) -> None:
    outcome = elmo()
    for name in MODULES:
        assert f"│ {name} " in outcome.out


@pytest.mark.parametrize("name", MODULES)
def test_the_help_fits_80_columns_and_shows_its_examples(elmo, name: str) -> None:
    outcome = elmo(name, "--help")
    assert outcome.code == 0
    lines = [line.strip() for line in outcome.out.splitlines()]
    assert max(map(len, outcome.out.splitlines())) <= 80
    commands = [line for line in MODULES[name].EXAMPLES.splitlines() if line and not line.startswith("Example")]
    assert commands
    for command in commands:
        assert command in lines
    for option in ("--json", "--quiet", "--verbose", "--help"):
        assert option in outcome.out


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_help_can_be_typed(elmo, play, name: str) -> None:
    flows = [FLOWS[name], *OTHER_FLOWS.get(name, ())]
    calls = [play(module, ElmoError("so far so good"), function) for module, function in flows]
    for line in MODULES[name].EXAMPLES.splitlines():
        if "elmo " not in line:
            continue
        words = shlex.split(line.rpartition("| ")[2].partition(" < ")[0])
        outcome = elmo(*words[1:])
        assert (outcome.code, outcome.err) == (1, "Error: so far so good\n"), line
    assert all(calls)


def test_the_examples_of_the_whole_are_among_those_of_the_commands() -> None:
    known = [line for module in MODULES.values() for line in module.EXAMPLES.splitlines()]
    for line in str(app.info.epilog).splitlines():
        assert line in known or line == "Examples:"


def test_a_user_s_mistake_exits_with_1_and_shows_no_traceback(elmo, play) -> None:
    play("info", TextError("vocab.txt:3: expected a word, found nothing", hint="elmo vocab corpus.txt --out vocab.txt"))
    outcome = elmo("info", "vocab.txt")
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err == (
        "Error: vocab.txt:3: expected a word, found nothing\nHint: elmo vocab corpus.txt --out vocab.txt\n"
    )


def test_verbose_shows_where_an_error_arose(elmo, play) -> None:
    play("info", TextError("vocab.txt: empty"))
    for words in (("info", "x", "--verbose"), ("-v", "info", "x")):
        outcome = elmo(*words)
        assert outcome.code == 1
        assert "Traceback (most recent call last)" in outcome.err
        assert outcome.err.endswith("Error: vocab.txt: empty\n")


def test_quiet_may_stand_before_the_command_or_after_it(elmo, play, evaluation) -> None:
    play("evaluation.evaluate", [Notice(text="warming up"), evaluation])
    assert elmo("eval", "m", "x").err == "warming up\n"
    for words in (("--quiet", "eval", "m", "x"), ("-q", "eval", "m", "x"), ("eval", "m", "x", "-q")):
        outcome = elmo(*words)
        assert (outcome.code, outcome.err) == (0, "")
        assert "perplexity" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("frobnicate",), "No such command 'frobnicate'"),
        (("evla", "m", "x"), "Did you mean 'eval'"),
        (("eval",), "Missing argument 'MODEL"),
        (("eval", "m", "x", "--context", "page"), "is not one of 'sentence', 'stream'"),
        (("eval", "m", "x", "--threads", "0"), "Invalid value for '--threads'"),
        (("prepare", "x"), "Missing option '--out'"),
        (("prepare", "x", "--out", "y", "--no-such"), "No such option"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_what_is_wrong(elmo, words: tuple[str, ...], message: str) -> None:
    outcome = elmo(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert message in " ".join(outcome.err.replace("│", " ").split())


def test_a_bug_shows_its_traceback(elmo, play) -> None:
    play("info", ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        elmo("info", "x")


def test_ctrl_c_exits_with_130_and_lets_the_flow_clean_up() -> None:
    process = _start(FAKE_INFO.replace("SLEEP", 'print("asleep", file=sys.stderr, flush=True); time.sleep(60)'))
    assert process.stderr is not None
    seen = ""
    while "asleep" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest == "closed\nStopped by Ctrl-C while reading, at 4 of 10 lines.\n"


def test_a_reader_who_leaves_causes_no_complaint() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = _start(FAKE_INFO.replace("SLEEP", "pass"), stdout=writer)
    os.close(writer)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Error" not in complaint
    assert "Traceback" not in complaint


def test_a_name_that_is_no_text_can_be_printed() -> None:
    process = _start(FAKE_INFO.replace("SLEEP", "pass").replace("run/model", "caf\\udce9"))
    result, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert result.splitlines()[0] == "caf\\udce9: model"


def test_a_real_terminal_gets_a_bar() -> None:
    ours, theirs = pty.openpty()
    process = _start(FAKE_INFO.replace("SLEEP", "pass"), stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux tells that the other end is closed
        pass
    finally:
        os.close(ours)
    result, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "━" in shown.decode()
    assert "of 10 lines" in shown.decode()
    assert result == "run/model: model\n  vector_layers  3  L: layers that ELMo mixes, the token layer included\n"


def test_python_m_elmo_cli_is_the_same_command() -> None:
    command = [sys.executable, "-m", "elmo_cli", "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"elmo {__version__}\n"


def _start(script: str, **streams: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    environment.pop("FORCE_COLOR", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, text=True, env=environment, **pipes)
