"""``char.dic`` and ``word.dic`` of ELMoForManyLangs: a token, a tab and its id in each line."""

from collections.abc import Sequence

from elmo_cli.errors import ModelError
from elmo_cli.formats.content import Source, read_bytes, size_of
from elmo_cli.formats.model_files import LARGEST_VOCABULARY
from elmo_cli.formats.problems import require_none

CHARACTER_SPECIALS = ("<bos>", "<eos>", "<oov>", "<pad>", "<bow>", "<eow>")
WORD_SPECIALS = ("<oov>", "<pad>")
"""What a list has to have besides."""

NAMELESS = "\u3000"
"""The token of a line that is only an id: an ideographic space was lost with the white space around the line."""

SHOWN = 5
"""Lines that one problem names."""


def read_list(source: Source, specials: Sequence[str]) -> dict[str, int]:
    """The ids of a list's tokens, 0 to n - 1.

    White space around a line is dropped, and the last tab divides it, so that a token may have one.

    Args:
        specials: Tokens that must be there.

    Raises:
        ModelError: It cannot be read, or lines are not of that form, repeated or missing; all of it is listed.
    """
    ids: dict[str, int] = {}
    lines: dict[str, int] = {}
    malformed, repeated = [], []
    for line, text in enumerate(_lines(source), start=1):
        token, _, number = text.strip().rpartition("\t")
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            malformed.append(f"line {line} {_cut(text)!r}")
            continue
        token = token or NAMELESS
        if token in ids:
            repeated.append(f"line {line} {_cut(token)!r} (first in line {lines[token]})")
        ids[token], lines[token] = int(number), line
    problems = [
        f"{what}: {_some(found)}"
        for what, found in (("expected token, tab, id", malformed), ("repeated tokens", repeated))
        if found
    ]
    if not problems and sorted(ids.values()) != list(range(len(ids))):
        outside = [f"line {lines[token]} has {number}" for token, number in ids.items() if number >= len(ids)]
        seen = set(ids.values())
        absent = [str(number) for number in range(len(ids)) if number not in seen]
        problems.append(
            f"expected the ids 0 to {len(ids) - 1:,}, each once; {_some(absent)} missing"
            + (f"; {_some(outside)}" if outside else "")
        )
    missing = [special for special in specials if special not in ids]
    if missing:
        problems.append(f"{' and '.join(missing)} missing; the model cannot do without")
    require_none(source, problems)
    return ids


def _lines(source: Source) -> list[str]:
    try:
        if size_of(source) > LARGEST_VOCABULARY:
            raise ModelError(f"{source}: expected at most {LARGEST_VOCABULARY:,} bytes, found {size_of(source):,}")
        text = read_bytes(source).decode("utf-8-sig")
    except OSError as error:
        raise ModelError(f"{source}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{source}: expected UTF-8: {error}") from error
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _some(found: Sequence[str]) -> str:
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
