"""Parts of a page, and the whole."""

import re

from elmo_cli.pages.charts import bars
from elmo_cli.pages.page import (
    Chart,
    Figure,
    Figures,
    Folded,
    Markup,
    Paragraph,
    Samples,
    Section,
    Table,
    Tiles,
    render,
)

BARS = bars({"</script>": 1.0}, {"</script>": 1}, x="share")


def test_a_page_with_several_charts_has_one_script_that_draws() -> None:
    parts = [Chart(BARS, "Found.", "Read so."), Folded("More", Chart(BARS, "Found.", "Read so."))]
    page = render("<title>", "sub", [Section("One", list(parts))], made_by="test")
    assert page.count("window.vegaEmbed=") == 1
    assert (
        re.findall(r'data-spec="([\w-]+)"', page)
        == re.findall(r'json" id="([\w-]+)"', page)
        == ["chart-1-1", "chart-1-2"]
    )
    assert page.count("</script>") == 4
    assert "<title>&lt;title&gt;</title>" in page


def test_a_page_loads_nothing() -> None:
    page = render("t", "s", [Section("One", [Chart(BARS, "a", "b")])], made_by="test")
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="([^"]*)"', own) == ["data:,", "#part-1"]
    assert not re.search(r"@import|url\(", own)
    assert "default-src 'none'" in own.split("<title>")[0]  # whatever the script tried, a browser would refuse it
    assert set(re.findall(r"https?://[^\"\s]+", own)) == {"https://vega.github.io/schema/vega/v6.json"}


def test_a_page_without_charts_carries_no_script() -> None:
    parts = [
        Paragraph("a < b"),
        Tiles([Figure("n", "1", "what")]),
        Figures([Figure("<n>", "2", "what")]),
        Table(("word", "times"), [("<i>", "3")], frozenset({1})),
        Samples("Lines", ["<b>", "אבג"]),
        Markup("<p>safe</p>"),
    ]
    page = render("t", "s", [Section("One", list(parts))], made_by="test")
    assert "<script" not in page
    assert "a &lt; b" in page
    assert '<li><bdi dir="auto">אבג</bdi></li>' in page
    assert '<td><bdi>&lt;i&gt;</bdi></td><td class="number"><bdi>3</bdi></td>' in page
    assert "<b>1</b>" in page
