"""Tallies of one person: what comes after all that was counts the same as all counted at once."""

from collections import Counter
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from services.metrics.domain.calendar import PERIODS, period_after, period_start
from services.metrics.domain.tallies import MAX_NTH, MOST_COHORTS, Tallies, ceiling, place, tallies

Days = dict[int, int]
# Near each other and far apart, over ends of weeks, months and years, and beyond all cohorts that are shown.
DAYS = st.integers(20_000, 20_060) | st.integers(19_000, 24_500)
LIVES = st.dictionaries(DAYS, st.integers(1, 7), max_size=9)


def counted(days: Days) -> Counter[tuple[str, int, int]]:
    return Counter(tallies(days))


def replaced(before: Days, after: Days) -> Counter[tuple[str, int, int]]:
    found = Tallies()
    found.replace(before, after)
    found.settle()
    whole = counted(before)
    for tally, number in found.lives.items():
        whole[tally] += number
    return Counter({tally: number for tally, number in whole.items() if number})


@given(LIVES, LIVES)
def test_what_is_replaced_is_what_is_counted_anew(before: Days, after: Days):
    """INVARIANT: whoever turns into another counts as the other."""
    assert replaced(before, after) == counted(after)


@given(LIVES.filter(bool), st.integers(0, 400), st.integers(1, 7))
@example({20_000: 1}, 0, 1)
@example({20_000: 1}, 31, 6)
@example({20_000: 5}, 1, 1)
@example({20_000: 6}, 1, 1)
def test_what_comes_last_counts_as_if_all_were_counted(before: Days, later: int, orders: int):
    """INVARIANT: orders on the last day, or on one after it, change just what a whole count would."""
    day = max(before) + later
    assert replaced(before, {**before, day: before.get(day, 0) + orders}) == counted(
        {**before, day: before.get(day, 0) + orders}
    )


@given(LIVES.filter(bool))
def test_tallies_are_those_of_the_definitions(days: Days):
    """By brute force: walking from order to order, and from period to period."""
    found = counted(days)
    every = sorted(days)
    orders = [day for day in every for _ in range(days[day])]
    assert {tally[2] for tally in found if tally[0] == "buyers"} == set(every)
    assert sorted(tally[2] for tally in found.elements() if tally[0] == "silence") == sorted(
        there - here for here, there in pairwise(every)
    )
    for nth in range(1, MAX_NTH + 1):
        ended = [tally[2] for tally in found if tally[:2] == ("waited", nth)]
        assert ended == ([orders[nth] - orders[nth - 1]] if len(orders) > nth else [])
        going = [tally[2] for tally in found if tally[:2] == ("waiting", nth)]
        assert going == ([orders[-1]] if len(orders) == nth > 1 else [])
    for period in PERIODS:
        walk, start = [], period_start(period, every[0])
        while len(walk) < MOST_COHORTS[period]:
            walk.append(any(period_start(period, day) == start for day in every))
            start = period_after(period, start)
        cohort = place(period, every[0])
        of = {
            kind: {tally[2] for tally in found if tally[:2] == (f"{kind}.{period}", cohort)}
            for kind in ("on", "last", "every")
        }
        assert of["on"] == {later for later, bought in enumerate(walk) if bought}
        assert of["last"] == {max(of["on"])}
        assert of["every"] == {later for later in range(len(walk)) if all(walk[: later + 1])}


@given(st.integers(0, 10**19))
def test_money_is_rounded_up_to_three_digits(minor: int):
    """INVARIANT: never less than the amount, never a hundredth more, and what is rounded stays as it is."""
    found = ceiling(minor)
    if minor >= 2**63 - 1:
        assert found == 2**63 - 1
        return
    assert minor <= found <= minor * 1.01 + 1
    assert found == 2**63 - 1 or str(found)[3:].strip("0") == ""
    assert ceiling(found) == found
