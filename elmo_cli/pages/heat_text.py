"""Words on a background that is the stronger, the more bits they cost; a button chooses the direction."""

from collections.abc import Sequence
from dataclasses import dataclass

from elmo_cli.pages.escaping import escape

SIDES = {
    "both": "both directions",
    "forward": "forward: from the words before",
    "backward": "backward: from those after",
}
"""What the colours can stand for."""


@dataclass(frozen=True, kw_only=True)
class HeatToken:
    """A token and its surprisal."""

    word: str
    forward: float | None
    """In bits; None where this direction predicts nothing."""
    backward: float | None
    known: bool = True
    """Whether it is in the vocabulary; if not, ``<UNK>`` was predicted."""
    boundary: bool = False
    """Whether it is a sentence's begin or end, and no word."""

    @property
    def both(self) -> float:
        """Mean of the directions that predict it."""
        found = [bits for bits in (self.forward, self.backward) if bits is not None]
        return sum(found) / len(found) if found else 0.0

    @property
    def note(self) -> str:
        """What is shown where the pointer rests."""
        sides = (("forward", self.forward), ("backward", self.backward), ("both", self.both))
        lines = [f"{name} {bits:.1f} bits, {_odds(bits)}" for name, bits in sides if bits is not None]
        return "\n".join([self.word, *lines[: 1 if self.boundary else 3], *([] if self.known else ["counts as <UNK>"])])


def heat_text(tokens: Sequence[HeatToken], *, strongest: float) -> str:
    """A sentence as HTML, each token coloured by its surprisal.

    Args:
        tokens: In order.
        strongest: Bits of the strongest colour; what costs more has it, too.

    Example:
        >>> heat_text([HeatToken(word="the", forward=5.0, backward=None)], strongest=10)[:66]
        '<p class="heat" dir="auto"><bdi title="the&#10;forward 5.0 bits, 1'
    """
    return f'<p class="heat" dir="auto">{" ".join(_marked(token, strongest) for token in tokens)}</p>'


def heat_scale(strongest: float) -> str:
    """The colours with what they mean, and buttons for the direction; once a page.

    Args:
        strongest: Bits of the strongest colour.
    """
    steps = [strongest * step / 5 for step in range(6)]
    swatches = "".join(
        f'<span style="--heat:{20 * step}%"><b>{_bits(bits, step)}</b> {_odds(bits)}</span>'
        for step, bits in enumerate(steps)
    )
    buttons = "".join(
        f'<label><input type="radio" name="heat" id="heat-{side}"{" checked" if side == "both" else ""}> '
        f"{escape(name)}</label>"
        for side, name in SIDES.items()
    )
    return (
        f'<fieldset class="sides"><legend>Colour shows</legend>{buttons}</fieldset>'
        f'<div class="scale" aria-label="colours of surprisal in bits">{swatches}</div>'
    )


def _bits(bits: float, step: int) -> str:
    """The first swatch says what is counted, the last that more is coloured the same."""
    return ("0 bits", *4 * (f"{bits:.1f}",), f"{bits:.1f} and more")[step]


def _marked(token: HeatToken, strongest: float) -> str:
    shares = "".join(
        f"--{side}:{_share(bits, strongest):.0f}%;"
        for side, bits in (("both", token.both), ("forward", token.forward), ("backward", token.backward))
    )
    kinds = " ".join(kind for kind, holds in (("edge", token.boundary), ("unknown", not token.known)) if holds)
    note = escape(token.note).replace("\n", "&#10;")
    kind = f' class="{kinds}"' if kinds else ""
    return f'<bdi{kind} title="{note}" style="{shares}">{escape(token.word)}</bdi>'


def _share(bits: float | None, strongest: float) -> float:
    return 100 * min(1.0, max(0.0, (bits or 0.0) / strongest))


def _odds(bits: float) -> str:
    """How probable that is.

    Example:
        >>> _odds(0.1), _odds(3), _odds(40)
        ('93 %', '1 in 8', '1 in 1.1e+12')
    """
    if bits < 1:
        return f"{100 * 2**-bits:.0f} %"
    times = 2 ** min(bits, 500.0)
    return f"1 in {times:,.0f}" if times < 1e9 else f"1 in {times:.2g}"
