"""Leaves out the sentences that the rules of cleaning name, and keeps account of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from elmo_cli.config import CleaningConfig

EXAMPLES = 5
"""Dropped sentences that are shown for each rule: the first ones of the text."""

EXAMPLE_CHARACTERS = 200
"""Of a dropped sentence that are shown."""

RULES = ("too short", "too long", "non-letters", "duplicate")
"""Names of the rules, in the order in which they are tried."""

NON_LETTERS = regex.compile(r"[^\p{L}\p{M} ]+")


@dataclass
class Dropped:
    """What one rule dropped."""

    sentences: int = 0
    tokens: int = 0
    examples: list[str] = field(default_factory=list)
    """The first different sentences that it dropped, tokens joined by spaces, cut where they are very long."""

    def add(self, line: str, tokens: int) -> None:
        """Counts a sentence, later in the text than all before."""
        self.sentences += 1
        self.tokens += tokens
        if len(self.examples) < EXAMPLES and (example := shortened(line)) not in self.examples:
            self.examples.append(example)

    def merge(self, later: "Dropped") -> None:
        """Takes in what was dropped later in the text."""
        self.sentences += later.sentences
        self.tokens += later.tokens
        new = [example for example in later.examples if example not in self.examples]
        self.examples += new[: EXAMPLES - len(self.examples)]

    def to_json(self) -> dict[str, Any]:
        """As ``prepare.json`` has it."""
        return {"sentences": self.sentences, "tokens": self.tokens, "examples": self.examples}


class Cleaner:
    """Applies the rules that look at one sentence alone: all but that of duplicates.

    Args:
        config: Which rules.
    """

    def __init__(self, config: CleaningConfig) -> None:
        self._config = config
        self.dropped: dict[str, Dropped] = {}
        """What each rule dropped so far."""

    def keeps(self, tokens: Sequence[str], line: str) -> bool:
        """Whether a sentence stays; if not, it is counted under the first rule that drops it.

        Args:
            tokens: The sentence.
            line: Its tokens joined by spaces.

        Example:
            >>> Cleaner(CleaningConfig(max_non_letters=0.5)).keeps(["--", "42", "--", "no"], "-- 42 -- no")
            False
        """
        rule = self._rule(tokens, line)
        if rule:
            self.dropped.setdefault(rule, Dropped()).add(line, len(tokens))
        return not rule

    def _rule(self, tokens: Sequence[str], line: str) -> str:
        config = self._config
        if len(tokens) < config.min_tokens:
            return "too short"
        if config.max_tokens is not None and len(tokens) > config.max_tokens:
            return "too long"
        if config.max_non_letters is not None:
            characters = len(line) - len(tokens) + 1
            if sum(map(len, NON_LETTERS.findall(line))) > config.max_non_letters * characters:
                return "non-letters"
        return ""


def shortened(text: str, characters: int = EXAMPLE_CHARACTERS) -> str:
    """A text as it is shown, its end left away where it is very long.

    Example:
        >>> shortened("short"), shortened("not so short", 6)
        ('short', 'not s…')
    """
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
