"""Words coloured by their surprisal."""

import re

from elmo_cli.pages.heat_text import HeatToken, heat_scale, heat_text


def test_each_direction_has_its_share_and_nothing_is_beyond_the_scale() -> None:
    html = heat_text([HeatToken(word="<c>", forward=5.0, backward=99.0)], strongest=20)
    assert re.findall(r"--(\w+):(\d+)%", html) == [("both", "100"), ("forward", "25"), ("backward", "100")]
    assert ">&lt;c&gt;</bdi>" in html


def test_a_boundary_has_the_direction_that_predicts_it() -> None:
    end = HeatToken(word="‹end›", forward=5.0, backward=None, boundary=True)
    html = heat_text([end], strongest=20)
    assert re.findall(r"--(\w+):(\d+)%", html) == [("both", "25"), ("forward", "25"), ("backward", "0")]
    assert 'class="edge"' in html
    assert end.note == "‹end›\nforward 5.0 bits, 1 in 32"


def test_a_note_has_both_directions_as_bits_and_odds() -> None:
    assert HeatToken(word='"x"', forward=10.0, backward=0.5, known=False).note.splitlines() == [
        '"x"',
        "forward 10.0 bits, 1 in 1,024",
        "backward 0.5 bits, 71 %",
        "both 5.2 bits, 1 in 38",
        "counts as <UNK>",
    ]
    assert 'title="&quot;x&quot;&#10;forward' in heat_text([HeatToken(word='"x"', forward=1, backward=1)], strongest=9)


def test_words_outside_the_vocabulary_are_marked() -> None:
    html = heat_text([HeatToken(word="a", forward=1, backward=1, known=False)], strongest=9)
    assert 'class="unknown"' in html and "counts as &lt;UNK&gt;" in html


def test_the_scale_says_what_colours_mean() -> None:
    scale = heat_scale(15.0)
    assert re.findall(r"--heat:(\d+)%\"><b>([^<]+)</b> ([^<]+)<", scale) == [
        ("0", "0 bits", "100 %"),
        ("20", "3.0", "1 in 8"),
        ("40", "6.0", "1 in 64"),
        ("60", "9.0", "1 in 512"),
        ("80", "12.0", "1 in 4,096"),
        ("100", "15.0 and more", "1 in 32,768"),
    ]
    assert re.findall(r'id="heat-(\w+)"( checked)?', scale) == [("both", " checked"), ("forward", ""), ("backward", "")]
