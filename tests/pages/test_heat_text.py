"""Words coloured by their figures."""

from elmo_cli.pages.heat_text import heat_text


def test_values_beyond_the_bounds_are_as_the_bounds_are() -> None:
    html = heat_text(["a", "b", "<c>"], [-1, 5, 99], ["", "", '"'], low=0, high=20)
    assert [part.split("%")[0] for part in html.split("--heat:")[1:]] == ["0", "25", "100"]
    assert "&lt;c&gt;" in html
    assert 'title="&quot;"' in html
