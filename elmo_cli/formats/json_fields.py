"""Values out of a stranger's JSON object, by their dotted place, with all that is wrong with them."""

import math
from typing import Any

from elmo_cli.formats.json_object import shown

LARGEST_NUMBER = 2**31 - 1
MOST_FILTERS = 1000


class JsonFields:
    """Takes values out by their dotted place, and collects what is wrong with them instead of stopping.

    Args:
        raw: The object.

    Example:
        >>> fields = JsonFields({"lstm": {"dim": 0}})
        >>> fields.whole("lstm.dim"), fields.problems
        (1, ['lstm.dim: expected a whole number from 1 up, found 0'])
    """

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.problems: list[str] = []

    def whole(
        self, place: str, *, least: int = 1, most: int = LARGEST_NUMBER, absent: int | None = None, why: str = ""
    ) -> int:
        """The whole number there; the least one where there is none that fits."""
        value = self.at(place)
        if value is None and absent is not None:
            return absent
        if type(value) is not int or not least <= value <= most:
            upto = f" to {most}" if most < LARGEST_NUMBER else " up"
            self.expected(place, f"a whole number from {least}{upto}{why}")
            return least
        return value

    def clip(self, place: str) -> float | None:
        """The bound there; None for no bound, which 0 stands for too."""
        value = self.at(place)
        if value is None:
            return None
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            self.expected(place, "a number above 0, or null for no clip")
            return None
        return float(value) or None

    def flag(self, place: str) -> bool:
        """Whether it is true there; absent is false."""
        value = self.at(place)
        if value is not None and not isinstance(value, bool):
            self.expected(place, "true or false")
        return value is True

    def activation(self, place: str) -> str:
        """The name of an activation; relu where there is none that fits."""
        value = self.at(place)
        if value not in ("relu", "tanh"):
            self.expected(place, "relu or tanh")
            return "relu"
        return value

    def filters(self, place: str) -> tuple[tuple[int, int], ...]:
        """The list of [width, count] pairs there."""
        value = self.at(place)
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= MOST_FILTERS
            or not all(isinstance(item, list) and len(item) == 2 for item in value)
            or not all(type(number) is int and 1 <= number <= LARGEST_NUMBER for item in value for number in item)
        ):
            self.expected(place, f"a list of 1 to {MOST_FILTERS} [width, count] pairs of whole numbers from 1 up")
            return ((1, 1),)
        return tuple((width, count) for width, count in value)

    def expected(self, place: str, expected: str) -> None:
        """Notes that something else was found there."""
        self.problems.append(f"{place}: expected {expected}, found {shown(self.at(place))}")

    def at(self, place: str) -> Any:
        """The value at a dotted place; None where there is none."""
        value: Any = self.raw
        for key in place.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value
