"""The cluster recipes start just what the documentation says."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "examples/cluster"


def documented() -> list[str]:
    """The command for several machines, as docs/distributed.md has it, one ``--name=value`` for each option."""
    text = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^torchrun --nnodes .*$", text, re.MULTILINE)
    return joined(shlex.split(line))


def joined(words: list[str]) -> list[str]:
    """Options of torchrun with their values, whichever way they were written."""
    head, tail = words[: words.index("-m")], words[words.index("-m") :]
    return re.sub(r"(--\S+) (?=[^-])", r"\1=", " ".join(head)).split() + tail


def shape(words: list[str]) -> list[str]:
    """A command without the values that are a cluster's own."""
    return [re.sub(r"(--(nnodes|nproc-per-node|rdzv-id|rdzv-endpoint))=.*", r"\1", word) for word in words]


def test_the_slurm_script_is_bash_and_runs_the_documented_command(tmp_path: Path) -> None:
    for name, says in (("srun", 'printf "%s\\n" "$@"'), ("scontrol", 'printf "node-7\\nnode-8\\n"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "node-[7-8]", "SLURM_NNODES": "2", "SLURM_JOB_ID": "42"}
    ran = subprocess.run(
        ["bash", str(CLUSTER / "pretrain.slurm"), "corpus", "run"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **slurm},
        capture_output=True,
        text=True,
        check=True,
    )
    words = ran.stdout.splitlines()
    assert words[0] == "--kill-on-bad-exit=1"
    command = joined(words[1:])
    assert shape(command) == shape(documented())
    assert {"--nnodes=2", "--nproc-per-node=gpu", "--rdzv-id=42", "--rdzv-endpoint=node-7:29400"} <= set(command)


def test_the_kubernetes_job_runs_the_documented_command() -> None:
    text = (CLUSTER / "pretrain.yaml").read_text(encoding="utf-8")
    block = re.search(r"command:\n((?: +- .*\n)+)", text)
    assert block is not None
    command = [line.strip().removeprefix("- ") for line in block[1].splitlines()]
    assert shape(command) == shape(documented())
    assert "--rdzv-endpoint=elmo-0.elmo:29400" in command


def test_the_kubernetes_job_is_two_objects_that_fit_together() -> None:
    yaml = pytest.importorskip("yaml", reason="no YAML reader is installed")
    service, job = yaml.safe_load_all((CLUSTER / "pretrain.yaml").read_text(encoding="utf-8"))
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    command = pod["containers"][0]["command"]
    assert f"--nnodes={job['spec']['completions']}" in command
    assert job["spec"]["parallelism"] == job["spec"]["completions"]
