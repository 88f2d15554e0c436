"""Cells answer every question about people that looking at each person answers."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.calendar import PERIODS, period_of
from services.metrics.domain.lifeline import NEVER, NOT_YET, cells, difference, together

# Half a year around an end of February in a leap year, a Thursday at its beginning.
DAYS = st.integers(min_value=19_700, max_value=19_850)
PERSON = st.dictionaries(DAYS, st.integers(min_value=1, max_value=3), max_size=6)
FIRM = st.lists(PERSON, max_size=8)


def counted(people: list[dict[int, int]]) -> Counter:
    return Counter(difference([], people))


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


@given(FIRM, FIRM)
def test_a_difference_takes_one_firm_to_another_and_back(before: list[dict[int, int]], after: list[dict[int, int]]):
    there, back = difference(before, after), difference(after, before)

    assert Counter(there) == Counter({cell: -n for cell, n in back.items()})
    moved = counted(before)
    moved.update(there)
    assert {cell: n for cell, n in moved.items() if n} == dict(counted(after))


@given(st.lists(PERSON, min_size=1, max_size=4))
def test_a_merged_person_has_the_life_of_all_their_keys(keys: list[dict[int, int]]):
    whole: dict[int, int] = {}
    for days in keys:
        for day, number in days.items():
            whole[day] = whole.get(day, 0) + number

    assert dict(together(keys)) == whole
    assert sorted(cells(together(keys))) == sorted(cells(whole))


@given(PERSON)
def test_each_chain_goes_from_never_to_not_yet_without_a_gap(days: dict[int, int]):
    for kind in PERIODS:
        chain = sorted((here, there) for each, here, there in cells(days) if each == kind)
        if not days:
            assert chain == []
            continue
        assert (chain[0][0], chain[-1][1]) == (NEVER, NOT_YET)
        assert [there for _, there in chain[:-1]] == [here for here, _ in chain[1:]]
