"""The corpus stores of prepared text: built once, checked whenever they are opened, shared by all runs on that text.

A store lies in the prepared folder that its text stands in, ``store/FINGERPRINT/NAME``, where it can be written there;
else in the folder of the run. The fingerprint is of the vocabulary, W and the bound on the lexicon. All of ``store/``
may be deleted while nobody trains: it is built again from the text.
"""

import hashlib
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from elmo_cli.errors import BusyError, TextError
from elmo_cli.files import LOCK, hold, remove_leftovers
from elmo_cli.flows.reports import Notice, Progress, Report
from elmo_cli.text.store import FORMAT, EncodedText, is_store, open_store, read_meta, store_is_current
from elmo_cli.text.store_building import build_store, building_place
from elmo_cli.text.vocabulary import Vocabulary

STORES = "store"
"""The folder of the stores."""
WAIT_SECONDS = 0.5
"""Time between two looks whether another process has finished."""


@dataclass(frozen=True, kw_only=True)
class StorePlan:
    """What a store is built from."""

    name: str
    """``train`` or ``held-out``."""
    folder: Path
    """The prepared folder that the text stands in."""
    files: Sequence[Path]
    vocabulary: Vocabulary
    max_characters: int
    """W."""
    max_types: int
    """Bound on the lexicon."""

    @property
    def fingerprint(self) -> str:
        """Names the stores that can be shared: 16 hexadecimal digits."""
        made_from = f"{FORMAT} {self.vocabulary.sha256} {self.max_characters} {self.max_types}"
        return hashlib.sha256(made_from.encode()).hexdigest()[:16]


def ready_store(plan: StorePlan, run_dir: Path) -> Generator[Report, None, EncodedText]:
    """Opens a store that was checked byte by byte; builds it where there is none, or none that is as it should be.

    Where another process is building it, that one is waited for.

    Args:
        run_dir: Where the store goes if the prepared folder cannot be written to.

    Raises:
        TextError: The text cannot be read.
        OutputError: The store cannot be written.
    """
    place = _place(plan, run_dir)
    if place.parent.parent != plan.folder:
        yield Notice(text=f"{plan.folder} cannot be written to, so the corpus store goes to {place}")
    waited = False
    while True:
        try:
            with hold(place):
                text = yield from _ready(plan, place / plan.name)
                return replace(text, vocabulary=plan.vocabulary)
        except BusyError:
            if not waited:
                yield Notice(text=f"{place}: another elmo process is building this store; waiting for it")
            waited = True
            time.sleep(WAIT_SECONDS)


def open_ready(plan: StorePlan, run_dir: Path) -> EncodedText:
    """Opens a store that another process has just checked.

    Raises:
        TextError: There is none, or files of another size.
    """
    return replace(open_store(_place(plan, run_dir) / plan.name, check=False), vocabulary=plan.vocabulary)


def _place(plan: StorePlan, run_dir: Path) -> Path:
    place = plan.folder / STORES / plan.fingerprint
    return place if _writable(place) else run_dir / STORES / plan.fingerprint


def _ready(plan: StorePlan, store_dir: Path) -> Generator[Report, None, EncodedText]:
    remove_leftovers(store_dir.parent)
    if store_is_current(store_dir, plan.files, plan.vocabulary, plan.max_characters, plan.max_types):
        try:
            return open_store(store_dir)
        except TextError as error:
            yield Notice(text=f"{error.message}; the store is built again", warning=True)
    elif is_store(store_dir):
        yield Notice(text=f"{store_dir}: its text changed, so the store is built again")
    going_on = building_place(store_dir).exists()
    steps = build_store(plan.files, plan.vocabulary, store_dir, plan.max_characters, max_types=plan.max_types)
    for done, total in steps:
        if going_on and done:
            yield Notice(text=f"going on with the {plan.name} store where an earlier process stopped")
        going_on = False
        yield Progress(stage=f"encoding {plan.name} text", done=done, total=total, unit="bytes")
    if beyond := int(read_meta(store_dir)["beyond_lexicon"]):
        yield Notice(
            text=f"more than {plan.max_types:,} different words in the {plan.name} text: {beyond:,} tokens of those "
            "that came up last are read as <UNK>; a larger vocabulary.max_types keeps more",
            warning=True,
        )
    return open_store(store_dir, check=False)


def _writable(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / LOCK).open("a").close()
    except OSError:
        return False
    return True
