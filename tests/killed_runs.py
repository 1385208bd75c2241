"""Real processes that train and are killed with SIGKILL; a program of its own, started by tests.

Importing torch takes seconds, so it is done once, and every attempt is a fork that has not computed anything yet.
Reads a plan as JSON from its first argument, prints what happened as JSON.
"""

import json
import mmap
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from elmo_cli.flows.pretraining import training_run
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.reports import Progress

COUNTED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree", "tempfile.mkstemp"}
"""Audit events that change files, or may."""


class Attempt:
    """A forked process that trains to the end unless it is killed.

    Args:
        plan: Text, run folder and settings.
        kill_at_event: Number of the file operation before which it kills itself; None leaves it alone.
    """

    def __init__(self, plan: dict[str, Any], kill_at_event: int | None = None) -> None:
        self.plan, self.kill_at_event = plan, kill_at_event
        self._shared = mmap.mmap(-1, 4096)
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._train())

    @property
    def reports(self) -> int:
        """How many its flow has yielded."""
        return int.from_bytes(self._shared[:8], "little")

    @property
    def events(self) -> int:
        """How many file operations it has begun."""
        return int.from_bytes(self._shared[8:16], "little")

    @property
    def stage(self) -> str:
        """What it was at, the number of a step left away."""
        name = bytes(self._shared[16:96]).rstrip(b"\0").decode()
        return name.partition(" at step")[0].partition(" step ")[0]

    def wait(self) -> int | None:
        """Its exit code, None where it was killed."""
        _, status = os.waitpid(self.pid, 0)
        return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)

    def kill_at_report(self, number: int, jitter: float) -> None:
        """Kills it so many seconds after a report, if it lives as long."""
        while self.reports < number:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(0.0002)
        time.sleep(jitter)
        os.kill(self.pid, signal.SIGKILL)

    def _train(self) -> int:
        plan = self.plan
        sys.addaudithook(self._count)
        flow = pretrain(
            [plan["text"]],
            Path(plan["run_dir"]),
            preset="tiny",
            settings=plan["settings"],
            device="cpu",
            threads=1,
            resume=True,
        )
        try:
            for number, report in enumerate(flow, 1):
                if isinstance(report, Progress):
                    self._shared[16:96] = report.stage.encode()[:80].ljust(80, b"\0")
                self._shared[:8] = number.to_bytes(8, "little")
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    def _count(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in COUNTED or not any(self.plan["run_dir"] in str(one) for one in arguments):
            return
        number = self.events + 1
        self._shared[8:16] = number.to_bytes(8, "little")
        if number == self.kill_at_event:
            os.kill(os.getpid(), signal.SIGKILL)


def train_in_spite_of_kills(plan: dict[str, Any]) -> dict[str, Any]:
    """Kills as often as planned, then lets the run end."""
    dice = random.Random(plan["seed"])
    stages: Counter[str] = Counter()
    for _ in range(plan["kills"]):
        if plan["at"] == "events":
            in_order = "first_event" in plan
            event = plan["first_event"] + plan["seed"] if in_order else dice.randint(1, plan["furthest"])
            attempt = Attempt(plan, kill_at_event=event)
        else:
            attempt = Attempt(plan)
            attempt.kill_at_report(dice.randint(0, plan["furthest"]), 0.01 * dice.random() ** 2)
        code = attempt.wait()
        if code is not None:
            break
        stages[attempt.stage] += 1
    last = Attempt(plan)
    code = last.wait()
    return {"code": code, "kills": stages.total(), "stages": stages, "reports": last.reports, "events": last.events}


def main() -> None:
    """Follows plans, one after the other."""
    # A kill loses nothing that was handed to the operating system, so waiting for the disk would prove nothing here.
    os.fsync = lambda _: None
    training_run.QUIET_SECONDS = 0  # so that kills know when a checkpoint is being written
    for plan in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        print(json.dumps(train_in_spite_of_kills(plan)), flush=True)


if __name__ == "__main__":
    main()
