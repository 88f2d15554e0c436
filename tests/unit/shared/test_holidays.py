"""Holidays as dated data."""

from datetime import date, timedelta

import pytest

from shared.holidays import ANNOUNCED, HOLIDAYS, is_working_day


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 2, 17), False),  # the first of Tết
        (date(2026, 4, 27), False),  # for the Kings' day on a Sunday
        (date(2026, 8, 22), True),  # a Saturday worked for 31 August
        (date(2026, 8, 29), False),  # any other Saturday
        (date(2026, 9, 3), True),
    ],
)
def test_vietnam_works_on_its_working_days(day: date, works: bool):
    assert is_working_day(day, "VN") is works


def test_without_a_country_only_the_week_ends():
    assert is_working_day(date(2026, 2, 17), None)
    assert not is_working_day(date(2026, 2, 21), None)


@pytest.mark.parametrize("year", range(2025, 2029))
def test_a_year_has_the_days_that_the_law_gives(year: int):
    found = {day: name for day, name in HOLIDAYS["VN"].items() if day.year == year}
    weekdays = [day for day in found if day.weekday() < 5]

    # New Year 1, Tết 5, the Kings 1, 30 April, 1 May, National Day 2; since 2026 the Cultural Day. One may be swapped.
    given = 11 + (year >= 2026 and date(year, 11, 24).weekday() < 5)
    assert given <= len(weekdays) <= given + 1
    assert {date(year, 1, 1), date(year, 4, 30), date(year, 5, 1), date(year, 9, 2)} <= set(found)
    tet = sorted(day for day, name in found.items() if name == "Tết Nguyên Đán")
    assert tet == [tet[0] + timedelta(days=number) for number in range(len(tet))]
    assert max(day.year for day in HOLIDAYS["VN"]) >= ANNOUNCED
