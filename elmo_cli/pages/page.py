"""A page as a list of sections, each a list of parts: figures, charts, tables, lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from elmo_cli.pages.charts import Spec
from elmo_cli.pages.drawing import compiled, javascript
from elmo_cli.pages.escaping import escape, isolate, script_json


class Part(Protocol):
    """Something that stands in a section."""

    def html(self, name: str) -> str:
        """As HTML.

        Args:
            name: Of this part alone on the page, for what has to be found again.
        """


@dataclass(frozen=True)
class Paragraph:
    """Our own words."""

    text: str

    def html(self, name: str) -> str:
        """As HTML."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str

    def html(self, name: str) -> str:
        """As HTML."""
        return f"<h3>{escape(self.text)}</h3>"


@dataclass(frozen=True)
class Figure:
    """A number, what it is called, and what it is."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Tiles:
    """The few figures that matter most, large."""

    figures: Sequence[Figure]

    def html(self, name: str) -> str:
        """As HTML."""
        tiles = (
            f'<div class="tile"><b>{escape(figure.value)}</b><span>{escape(figure.name)}</span>'
            f"<small>{escape(figure.meaning)}</small></div>"
            for figure in self.figures
        )
        return f'<div class="tiles">{"".join(tiles)}</div>'


@dataclass(frozen=True)
class Figures:
    """Many figures, one a line."""

    figures: Sequence[Figure]

    def html(self, name: str) -> str:
        """As HTML."""
        rows = (
            f'<tr><th scope="row">{isolate(figure.name)}</th><td class="number">{escape(figure.value)}</td>'
            f'<td class="meaning">{escape(figure.meaning)}</td></tr>'
            for figure in self.figures
        )
        return f'<table class="figures"><tbody>{"".join(rows)}</tbody></table>'


@dataclass(frozen=True)
class Table:
    """Rows under heads; columns of numbers are set to the right. Cells may hold words of a corpus."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    """Columns of numbers, from 0."""

    def html(self, name: str) -> str:
        """As HTML."""
        heads = "".join(
            f'<th scope="col"{self._align(place)}>{escape(head)}</th>' for place, head in enumerate(self.heads)
        )
        rows = "".join(
            "<tr>"
            + "".join(f"<td{self._class(place)}>{isolate(cell)}</td>" for place, cell in enumerate(row))
            + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _align(self, place: int) -> str:
        return ' style="text-align:end"' if place in self.numbers else ""

    def _class(self, place: int) -> str:
        return ' class="number"' if place in self.numbers else ""


@dataclass(frozen=True)
class Chart:
    """A chart with the words that say what is seen in it."""

    spec: Spec
    """Vega-Lite, as :mod:`elmo_cli.pages.charts` makes it."""
    finding: str
    """The key figure, in a sentence."""
    caption: str
    """How the chart is read."""

    def html(self, name: str) -> str:
        """As HTML."""
        return (
            f'<figure><div class="chart" role="img" aria-label="{escape(self.finding)}" data-spec="{name}"></div>'
            f'<script type="application/json" id="{name}">{script_json(compiled(self.spec))}</script>'
            f"<figcaption><strong>{escape(self.finding)}</strong> {escape(self.caption)}</figcaption></figure>"
        )


@dataclass(frozen=True)
class Samples:
    """Lines of a corpus under a heading, each in its own direction of writing."""

    title: str
    lines: Sequence[str]

    def html(self, name: str) -> str:
        """As HTML."""
        items = "".join(f'<li><bdi dir="auto">{escape(line)}</bdi></li>' for line in self.lines)
        return f'<h3>{escape(self.title)}</h3><ul class="samples">{items}</ul>'


@dataclass(frozen=True)
class Folded:
    """A part that opens when it is asked for."""

    title: str
    part: Part

    def html(self, name: str) -> str:
        """As HTML."""
        return f"<details><summary>{escape(self.title)}</summary>{self.part.html(name)}</details>"


@dataclass(frozen=True)
class Markup:
    """HTML that is safe already, as :func:`elmo_cli.pages.heat_text.heat_text` makes it."""

    content: str

    def html(self, name: str) -> str:
        """As HTML."""
        return self.content


@dataclass
class Section:
    """A part of a page with a heading of its own, in the list of contents."""

    title: str
    parts: list[Part] = field(default_factory=list)


POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data:"
"""By it a browser loads nothing that does not stand in the page. Vega turns its expressions into functions: an eval."""


def render(title: str, subtitle: str, sections: Sequence[Section], *, made_by: str) -> str:
    """A whole page, which needs nothing but itself.

    Args:
        title: May hold words of a corpus.
        subtitle: A line under it.
        made_by: Which program wrote it.

    Raises:
        ElmoError: There are charts, and the package that draws is not installed.
    """
    body = "".join(_section(number, section) for number, section in enumerate(sections, 1))
    contents = "".join(f'<a href="#part-{number}">{escape(one.title)}</a>' for number, one in enumerate(sections, 1))
    scripts = f"<script>{javascript()}</script><script>{_asset('page.js')}</script>" if 'class="chart"' in body else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>\n{_asset("page.css")}</style>\n'
        f'</head>\n<body>\n<header><h1>{isolate(title)}</h1><p class="subtitle">{isolate(subtitle)}</p></header>\n'
        f"<nav>{contents}</nav>\n<noscript><p>The charts of this page are drawn by a script that stands in it; "
        f"your browser runs none.</p></noscript>\n<main>\n{body}</main>\n<footer>{escape(made_by)}</footer>\n"
        f'<div id="hint" role="tooltip"></div>\n{scripts}\n</body>\n</html>\n'
    )


def _section(number: int, section: Section) -> str:
    parts = "\n".join(part.html(f"chart-{number}-{place}") for place, part in enumerate(section.parts, 1))
    return f'<section id="part-{number}"><h2>{escape(section.title)}</h2>\n{parts}</section>\n'


@cache
def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
