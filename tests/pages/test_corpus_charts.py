"""The key figures in the captions."""

from hypothesis import given
from hypothesis import strategies as st

from elmo_cli.pages.corpus import Split
from elmo_cli.pages.corpus_charts import bins, coverage_chart, length_chart, quantile, script_chart, spelling_chart

COUNTS = st.dictionaries(st.integers(1, 500), st.integers(1, 50), min_size=1)


@given(COUNTS)
def test_bins_up_to_the_longest_hold_all(counts: dict[int, int]) -> None:
    found = bins(counts, max(counts))
    assert sum(one.count for one in found) == sum(counts.values())
    assert len(found) <= 50
    for one in found:
        assert one.count == sum(count for value, count in counts.items() if one.begin <= value < one.end)


@given(COUNTS)
def test_the_median_is_that_of_all_values(counts: dict[int, int]) -> None:
    values = sorted(value for value, count in counts.items() for _ in range(count))
    assert quantile(counts, 0.5) == values[(len(values) - 1) // 2]


def test_captions_tell_the_key_figure() -> None:
    lengths = length_chart([Split(name="training", lengths={2: 3, 9: 1})])
    assert lengths.finding == "Half of the training sentences have 2 tokens or fewer; the longest has 9."
    covered = coverage_chart({"training": [(1, 0.5), (9, 1.0)], "held-out": [(1, 0.4), (9, 0.9)]})
    assert covered.finding == "All 9 words together cover 90.0 % of the held-out tokens."
    reached = coverage_chart({"training": [(1234, 0.96), (2000, 1.0)]})
    assert reached.finding == "About 1,200 words cover 95 % of the training tokens; all 2,000 cover 100 %."
    assert script_chart({"Latin": 1, "Han": 3}).finding == "75.0 % of the training characters are Han."
    spelled = spelling_chart({1: 3, 49: 1}, {1: 1, 49: 1})
    assert spelled.finding == (
        "A token has 13.0 bytes on average; 1 of 4 tokens (25.0 %) and 1 of 2 distinct words have more than 48."
    )
