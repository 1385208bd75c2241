"""Curves of runs."""

from elmo_cli.pages.run_charts import MOST_POINTS, thinned


def test_a_long_curve_is_thinned_to_means_and_keeps_its_end() -> None:
    curve = [(float(x), float(x % 2)) for x in range(4 * MOST_POINTS)]
    thin = thinned(curve)
    assert len(thin) == MOST_POINTS
    assert {value for _, value in thin} == {0.5}
    assert thin[-1][0] == curve[-1][0]


def test_a_short_curve_is_drawn_as_it_is() -> None:
    curve = [(1.0, 2.0), (2.0, 1.0)]
    assert thinned(curve) == curve
