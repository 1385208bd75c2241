"""Text from anywhere in HTML and in scripts."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.pages.escaping import escape, isolate, readable, script_json

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "naughty-strings" / "blns.txt"


class Seen(HTMLParser):
    """What a browser would take for tags and for text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    parser.close()
    return parser


@given(st.text(st.characters()))
def test_text_comes_out_of_html_as_it_went_in_and_makes_no_tag(text: str) -> None:
    parsed = seen(isolate(text))
    assert parsed.tags == ["bdi"]
    assert parsed.text == readable(text)


def test_what_no_file_can_hold_becomes_visible() -> None:
    assert escape("a\x00\x07\x7f\ud800b") == "a␀␇␡\ufffdb"


@given(st.text(st.characters()))
def test_json_in_a_script_ends_neither_script_nor_line(text: str) -> None:
    written = script_json({"word": text})
    written.encode()
    assert not set("<>&\u2028\u2029\n") & set(written)
    expected = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    assert json.loads(written) == {"word": expected}


@pytest.mark.skipif(not NAUGHTY.exists(), reason="../shared/data/naughty-strings is not here")
def test_naughty_strings_stay_text() -> None:
    lines = NAUGHTY.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 500
    for line in lines:
        assert seen(isolate(line)).tags == ["bdi"]
        assert "<" not in script_json(line)
