"""A run's folder where several processes train: who keeps it and makes the text ready, and that all have the same."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from elmo_cli.config import RunConfig, to_dict
from elmo_cli.errors import ConfigError
from elmo_cli.files import PARTIAL, cannot_write, hold, remove_leftovers
from elmo_cli.flows.corpora.corpus import Corpus
from elmo_cli.train.process_group import ProcessGroup


@dataclass(frozen=True)
class Place:
    """Who keeps the folders that processes call the run's."""

    group: ProcessGroup
    keepers: frozenset[int]
    """Ranks that make text ready, one for each folder."""
    keeper: int
    """The one whose folder this process sees."""

    @property
    def is_kept_here(self) -> bool:
        """Whether that is this process itself."""
        return self.keeper == self.group.rank

    def await_text(self) -> None:
        """Returns when the text in this process's folder is ready, at once in the process that makes it."""
        if not self.is_kept_here:
            self.group.wait_for("text", self.keeper)

    def text_is_ready(self) -> None:
        """Says so, where this process has made it, and waits for those that make it in other folders."""
        if self.is_kept_here:
            self.group.say_ready("text")
        for keeper in sorted(self.keepers - {self.group.rank}):
            self.group.wait_for("text", keeper)


@contextmanager
def held_place(run_dir: Path, group: ProcessGroup) -> Iterator[Place]:
    """Holds the run's folder for the processes of a run.

    The first process keeps it. Where others do not see it, since machines have disks of their own, the first one on
    each machine keeps a folder of that name there, for text and stores alone.

    Raises:
        BusyError: Another run holds it.
        OutputError: It cannot be written to.
    """
    with ExitStack() as stack:
        if group.is_first:
            stack.enter_context(hold(run_dir))
            remove_leftovers(run_dir)
        keeper = _keeper(run_dir, group)
        if keeper == group.rank and not group.is_first:
            stack.enter_context(hold(run_dir))
            remove_leftovers(run_dir)
        keepers = frozenset(group.gather(torch.tensor(keeper)).tolist())
        yield Place(group, keepers, keeper)


def require_the_same(run_dir: Path, config: RunConfig, corpus: Corpus, group: ProcessGroup) -> None:
    """Makes sure that all processes train with the same settings on the same text.

    Raises:
        ConfigError: This process has others than the first one.
    """
    own = {
        **_flat(to_dict(config)),
        "vocabulary": corpus.training.vocabulary.sha256,
        "words to train on": corpus.training.num_tokens,
        "word types": corpus.training.num_types,
        "words held out": corpus.held_out.num_tokens,
    }
    first = group.told(own)
    if different := [name for name, value in own.items() if first.get(name) != value]:
        name = different[0]
        raise ConfigError(
            f"{run_dir}: rank {group.rank} has another {', '.join(different)} than rank 0: expected "
            f"{first.get(name)!r}, found {own[name]!r}",
            hint="give all machines the same files and the same command; delete the run's folder on those that differ",
        )


def _keeper(run_dir: Path, group: ProcessGroup) -> int:
    if group.ranks == 1:
        return 0
    sign = run_dir / f"{PARTIAL}place-{secrets.token_hex(8)}"
    if group.is_first:
        try:
            sign.touch()
        except OSError as error:
            raise cannot_write(sign, error) from error
    is_seen = (run_dir / group.told(sign.name)).exists()
    group.wait()
    if group.is_first:
        sign.unlink(missing_ok=True)
    return 0 if is_seen else group.rank - int(os.environ.get("LOCAL_RANK", "0"))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = f"{prefix}{name}"
        flat |= _flat(value, f"{inner}.") if isinstance(value, Mapping) else {inner: value}
    return flat
