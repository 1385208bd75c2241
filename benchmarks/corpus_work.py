"""``python -m benchmarks.corpus_work STAGE SOURCE OUT PROCESSES``: one stage of a corpus, in a process of its own.

Prints a JSON object: seconds, CPU seconds of this process and of its workers, and the tokens that went by.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from elmo_cli.config import SplitConfig, VocabularyConfig
from elmo_cli.text.prepared import read_prepared


def prepare(source: Path, out: Path, processes: int) -> int:
    """Raw text into shards."""
    from elmo_cli.flows.corpora.prepare import prepare

    for _ in prepare([str(source)], out, split=SplitConfig(held_out=0.0), processes=processes, overwrite=True):
        pass
    return read_prepared(out).counts["tokens"]


def count(source: Path, out: Path, processes: int) -> int:
    """Shards into a vocabulary."""
    from elmo_cli.flows.corpora.vocabulary import build_vocabulary

    prepared = read_prepared(source)
    out.unlink(missing_ok=True)  # one that is there is read first, to see whether it may be replaced
    flow = build_vocabulary([str(source)], out, config=VocabularyConfig(), text=prepared.text, processes=processes)
    for _ in flow:
        pass
    return prepared.counts["tokens"]


def encode(source: Path, out: Path, processes: int) -> int:
    """Shards into a corpus store; the vocabulary stands beside it."""
    from elmo_cli.text.store_building import build_store
    from elmo_cli.text.vocabulary import Vocabulary

    prepared = read_prepared(source)
    vocabulary = Vocabulary.read(out.with_name("vocab.txt"))
    for _ in build_store(prepared.shards, vocabulary, out, 50, processes=processes):
        pass
    return prepared.counts["tokens"]


STAGES: dict[str, Callable[[Path, Path, int], int]] = {"prepare": prepare, "count": count, "encode": encode}


def main(arguments: Sequence[str]) -> None:
    """Does one stage."""
    stage, source, out, processes = arguments
    begin, used = time.perf_counter(), _cpu_seconds()
    tokens = STAGES[stage](Path(source), Path(out), int(processes))
    seconds = time.perf_counter() - begin
    own, workers = (after - before for after, before in zip(_cpu_seconds(), used, strict=True))
    print(json.dumps({"seconds": seconds, "cpu_seconds": own, "worker_cpu_seconds": workers, "tokens": tokens}))


def _cpu_seconds() -> tuple[float, float]:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, workers = (usage.ru_utime + usage.ru_stime for usage in both)
    return own, workers


if __name__ == "__main__":
    main(sys.argv[1:])
