"""Cells answer every question about people that looking at each person answers."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.calendar import PERIODS, period_of
from services.metrics.domain.lifeline import NEVER, NOT_YET, cells
from services.metrics.domain.purchases import (
    Bought,
    Difference,
    Line,
    Purchases,
    days_of,
    difference,
    growth_of,
    history_of,
    together,
)

# Half a year around an end of February in a leap year, a Thursday at its beginning.
DAYS = st.integers(min_value=19_700, max_value=19_850)
PERSON = st.dictionaries(DAYS, st.integers(min_value=1, max_value=3), max_size=6)
FIRM = st.lists(PERSON, max_size=8)


def in_dong(days: dict[int, int]) -> Purchases:
    return {(day, "VND"): Bought(number, number * 1_000) for day, number in days.items()}


def counted(people: list[dict[int, int]]) -> Counter:
    return Counter(difference([], map(in_dong, people)).cells)


@given(FIRM, DAYS, st.integers(min_value=1, max_value=200))
def test_customers_and_who_of_them_is_still_active(people: list[dict[int, int]], day: int, window: int):
    found = counted(people)

    ever = sum(n for (kind, here, there), n in found.items() if kind == "day" and here == NEVER and there <= day)
    active = sum(n for (kind, here, there), n in found.items() if kind == "day" and day - window < here <= day < there)

    assert ever == sum(1 for days in people if any(each <= day for each in days))
    assert active == sum(1 for days in people if any(day - window < each <= day for each in days))


@given(FIRM, DAYS)
def test_who_bought_once_only(people: list[dict[int, int]], day: int):
    found = counted(people)

    once = sum(n for (kind, here, there), n in found.items() if kind == "repeat" and here <= day < there)

    assert once == sum(1 for days in people if sum(n for each, n in days.items() if each <= day) == 1)


@given(FIRM, DAYS)
def test_what_people_did_in_a_period(people: list[dict[int, int]], day: int):
    found = counted(people)

    for name in PERIODS:
        period = period_of(name, day)
        entering = {here: n for (kind, here, there), n in found.items() if kind == name and there == period.start}
        leaving = sum(
            n
            for (kind, here, there), n in found.items()
            if kind == name and here == period.before and there > period.start
        )
        now = [any(period.start <= each < period.end for each in days) for days in people]
        last = [any(period.before <= each < period.start for each in days) for days in people]
        earlier = [any(each < period.before for each in days) for days in people]

        assert entering.pop(NEVER, 0) == sum(a and not b and not c for a, b, c in zip(now, last, earlier, strict=True))
        assert entering.pop(period.before, 0) == sum(a and b for a, b in zip(now, last, strict=True))
        assert sum(entering.values()) == sum(a and not b and c for a, b, c in zip(now, last, earlier, strict=True))
        assert leaving == sum(b and not a for a, b in zip(now, last, strict=True))


BUCKETS = st.tuples(DAYS, st.sampled_from(["VND", "USD"]))
BUYER = st.dictionaries(BUCKETS, st.builds(Bought, st.integers(1, 3), st.integers(0, 10**12)), max_size=5)
BUYERS = st.lists(BUYER, max_size=6)


def summed(*parts: dict) -> dict:
    """Sums of numbers and of pairs of them, by key, without those that are nothing."""
    found: dict = {}
    for part in parts:
        for key, value in part.items():
            old = found.get(key)
            if isinstance(value, tuple):
                found[key] = tuple(map(sum, zip(value, old or (0, 0), strict=True)))
            else:
                found[key] = value + (old or 0)
    return {key: value for key, value in found.items() if (any(value) if isinstance(value, tuple) else value)}


@given(BUYERS, BUYERS)
def test_a_difference_takes_one_firm_to_another_and_back(before: list[Purchases], after: list[Purchases]):
    there, back = difference(before, after), difference(after, before)
    start, end = difference([], before), difference([], after)

    for sums in ("cells", "histories", "spends"):
        first, way, last = getattr(start, sums), getattr(there, sums), getattr(end, sums)
        assert summed(way, getattr(back, sums)) == {}
        assert summed(first, way) == summed(last)


@given(st.lists(BUYER, min_size=1, max_size=4))
def test_a_merged_person_has_the_life_of_all_their_keys(keys: list[Purchases]):
    whole: dict = {}
    for bought in keys:
        for bucket, (orders, net) in bought.items():
            old = whole.get(bucket, (0, 0))
            whole[bucket] = Bought(old[0] + orders, old[1] + net)

    assert dict(together(keys)) == whole
    assert sorted(cells(days_of(together(keys)))) == sorted(cells(days_of(whole)))


@given(BUYER.filter(bool))
def test_a_history_is_counted_in_days_after_the_first(bought: Purchases):
    history, again = history_of(bought)
    days = sorted({day for day, _ in bought})
    currencies = {currency for _, currency in bought}

    assert (history.repeats, history.first_day, history.last_day) == (len(days) - 1, days[0], days[-1])
    assert history.currency == (currencies.pop() if len(currencies) == 1 else "*")
    assert again == (
        0 if history.currency == "*" else sum(each[1] for (day, _), each in bought.items() if day > days[0])
    )


@given(PERSON)
def test_each_chain_goes_from_never_to_not_yet_without_a_gap(days: dict[int, int]):
    for kind in PERIODS:
        chain = sorted((here, there) for each, here, there in cells(days) if each == kind)
        if not days:
            assert chain == []
            continue
        assert (chain[0][0], chain[-1][1]) == (NEVER, NOT_YET)
        assert [there for _, there in chain[:-1]] == [here for here, _ in chain[1:]]


NEWS = st.dictionaries(BUCKETS, st.builds(Bought, st.integers(-1, 3), st.integers(0, 10**12)), min_size=1, max_size=3)
# Of one currency, as nearly everybody is.
PLAIN_BUYER = st.dictionaries(
    st.tuples(DAYS, st.just("VND")), st.builds(Bought, st.integers(1, 3), st.integers(0, 10**12)), max_size=5
)


def line_of(bought: Purchases) -> Line | None:
    """The same as a row of the table has it."""
    if not bought:
        return None
    buckets = sorted(bought)
    days, currencies = zip(*buckets, strict=True)
    return Line(days, currencies, *zip(*[bought[each] for each in buckets], strict=True))


@given(st.lists(st.tuples(st.one_of(PLAIN_BUYER, BUYER), NEWS), max_size=8))
def test_who_bought_later_is_counted_as_anybody_who_changed(people: list[tuple[Purchases, Purchases]]):
    grown, old, new = [], [], []
    for before, news in people:
        days, line = sorted(day for day, _ in news), line_of(before)
        later = len(set(days)) == len(days) and all(day < days[0] for day, _ in before)
        alike = len({currency for _, currency in [*before, *news]}) == 1
        found = growth_of(line, news)
        assert line is None or line.purchases == before
        assert (found is not None) == (later and alike and all(orders > 0 for orders, _ in news.values()))
        if found is not None:
            grown.append(found)
            old.append(before)
            new.append({**before, **news})

    assert counts_of(difference([], [], grown)) == counts_of(difference(old, new))


def counts_of(found: Difference) -> list[dict]:
    """All sums, without what is nothing."""
    kept = (found.cells, found.histories, found.spends, found.tallies.lives, found.tallies.crowds, found.tallies.worths)
    return [summed({key: tuple(each) if isinstance(each, list) else each for key, each in of.items()}) for of in kept]
