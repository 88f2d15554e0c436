"""Until local midnight, in every zone there is: on days when clocks change, on leap days, and on days left out."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from services.loyalty.programs.domain.calendar import add_months, day_end, day_start, in_year, local_day

TICK = timedelta(microseconds=1)
ZONES = sorted(available_timezones() - {"localtime"})
DAYS = (
    date(2011, 12, 29), date(2011, 12, 30), date(2011, 12, 31),  # Samoa left out the 30th
    date(1993, 8, 20), date(1993, 8, 21),  # Kwajalein left out the 21st
    date(2018, 11, 3), date(2018, 11, 4),  # Brazil: midnight did not exist
    date(2018, 2, 17), date(2018, 2, 18),  # and came twice
    date(2019, 3, 29), date(2024, 4, 26),  # Paraguay, Egypt
    date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1),
    date(2028, 2, 28), date(2028, 2, 29), date(2028, 12, 31),
)  # fmt: skip


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_day_ends_when_its_last_moment_has_passed_in_all_zones(day: date):
    for name in ZONES:
        zone = ZoneInfo(name)
        end = day_end(day, zone)

        assert local_day(end - TICK, zone) <= day, name
        for hours in range(49):
            assert local_day(end + timedelta(hours=hours), zone) > day, name
        for fold in (0, 1):
            last = datetime.combine(day, time(23, 59, 59, 999_000, fold=fold), zone)
            if last.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == last.replace(tzinfo=None):
                assert last.astimezone(UTC) < end, name


def test_the_next_day_begins_where_the_one_before_ends():
    for name in ("Asia/Ho_Chi_Minh", "Etc/GMT-14", "Etc/GMT+12", "America/Sao_Paulo", "Africa/Cairo"):
        zone = ZoneInfo(name)
        for number in range(800):
            day = date(2018, 1, 1) + timedelta(days=number)
            assert day_end(day, zone) == day_start(day + timedelta(days=1), zone)
            assert timedelta(hours=22) < day_end(day, zone) - day_start(day, zone) < timedelta(hours=26)


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("Asia/Ho_Chi_Minh", date(2026, 12, 31), datetime(2026, 12, 31, 17, tzinfo=UTC)),
        ("Pacific/Kiritimati", date(2026, 12, 31), datetime(2026, 12, 31, 10, tzinfo=UTC)),
        ("Etc/GMT+12", date(2026, 12, 31), datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("Asia/Ho_Chi_Minh", date(2028, 2, 29), datetime(2028, 2, 29, 17, tzinfo=UTC)),
        # The clock went from 23:59:59 to 01:00.
        ("America/Sao_Paulo", date(2018, 11, 3), datetime(2018, 11, 4, 3, tzinfo=UTC)),
        # It went from 23:59:59 back to 23:00 of the same day.
        ("America/Sao_Paulo", date(2018, 2, 17), datetime(2018, 2, 18, 3, tzinfo=UTC)),
        # There was no 30 December 2011: what ends with the 29th or with the 30th ends at one moment.
        ("Pacific/Apia", date(2011, 12, 29), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10, tzinfo=UTC)),
        # Back from one minute past midnight to 23:01 of the day before.
        ("America/St_Johns", date(2010, 11, 6), datetime(2010, 11, 7, 3, 30, tzinfo=UTC)),
    ],
)
def test_ends_of_days_as_known(zone: str, day: date, end: datetime):
    assert day_end(day, ZoneInfo(zone)) == end


def test_the_first_and_the_last_day_have_an_end():
    for name in ("Etc/GMT-14", "Etc/GMT+12"):
        for day in (date.min, date.max):
            assert day_end(day, ZoneInfo(name)).tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 1, 31), 13, date(2028, 2, 29)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 11, 22), 14, date(2028, 1, 22)),
        (date(2026, 12, 1), 0, date(2026, 12, 1)),
        (date(9999, 6, 1), 120, date.max),
    ],
)
def test_months_later(day: date, months: int, then: date):
    assert add_months(day, months) == then


def test_a_leap_day_comes_every_year():
    assert in_year(2027, 2, 29) == date(2027, 2, 28)
    assert in_year(2028, 2, 29) == date(2028, 2, 29)
