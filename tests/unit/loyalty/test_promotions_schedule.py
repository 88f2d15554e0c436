"""Windows of the week: by the clock on the wall, over midnight, and where the clock is moved."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.loyalty.programs.domain.schedule import Schedule, first_shown, read

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # moves its clock by half an hour
APIA = ZoneInfo("Pacific/Apia")  # left out 30 December 2011


def hours(start: str, end: str, *days: str) -> Schedule:
    return read([{"days": list(days) or None, "hours": {"from": start, "to": end}}])


def local(zone: ZoneInfo, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-27T17:59:59", False),  # a Friday
        ("2026-11-27T18:00:00", True),
        ("2026-11-27T21:59:59.999999", True),
        ("2026-11-27T22:00:00", False),
        ("2026-11-26T20:00:00", False),
    ],
)
def test_hours_of_a_day_in_viet_nam(moment: str, is_open: bool):
    assert hours("18:00", "22:00", "fri").is_open(local(VIETNAM, moment), VIETNAM) is is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-27T22:00:00", True),
        ("2026-11-28T01:59:59", True),  # Saturday, but opened on Friday
        ("2026-11-28T02:00:00", False),
        ("2026-11-27T01:00:00", False),  # Friday's small hours are Thursday's night
        ("2026-11-28T22:30:00", False),
    ],
)
def test_a_night_counts_for_the_day_on_which_it_began(moment: str, is_open: bool):
    assert hours("22:00", "02:00", "fri").is_open(local(VIETNAM, moment), VIETNAM) is is_open


def test_days_without_hours_are_whole_and_windows_add_up():
    weekend = read([{"days": ["sun"]}, {"days": ["sat"], "hours": {"from": "12:00", "to": "00:00"}}])

    assert not weekend.is_open(local(VIETNAM, "2026-11-28T11:59:59"), VIETNAM)
    assert weekend.is_open(local(VIETNAM, "2026-11-28T12:00:00"), VIETNAM)
    assert weekend.is_open(local(VIETNAM, "2026-11-29T23:59:59.999999"), VIETNAM)
    assert not weekend.is_open(local(VIETNAM, "2026-11-30T00:00:00"), VIETNAM)
    assert weekend.opens_next(local(VIETNAM, "2026-11-30T00:00:00"), VIETNAM) == local(VIETNAM, "2026-12-05T12:00:00")


def test_a_time_the_clock_jumps_over_is_the_moment_of_the_jump():
    # 8 March 2026, two o'clock becomes three.
    jump = datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert first_shown(date(2026, 3, 8), time(2, 30), NEW_YORK) == jump
    early = hours("02:30", "04:00")
    assert not early.is_open(jump - timedelta(microseconds=1), NEW_YORK)
    assert early.is_open(jump, NEW_YORK)
    # What lies in the jump altogether is left out that night, and there again the next.
    lost = hours("02:00", "03:00")
    assert not any(lost.is_open(jump + timedelta(minutes=each), NEW_YORK) for each in range(-90, 90))
    assert lost.is_open(local(NEW_YORK, "2026-03-09T02:30:00"), NEW_YORK)


def test_a_time_that_comes_twice_opens_and_closes_once():
    # 1 November 2026: one o'clock comes twice.
    night = hours("01:15", "01:45")
    assert night.is_open(local(NEW_YORK, "2026-11-01T01:30:00", fold=0), NEW_YORK)
    assert not night.is_open(local(NEW_YORK, "2026-11-01T01:30:00", fold=1), NEW_YORK)
    # Until two o'clock it is an hour longer open.
    late = hours("00:30", "02:00")
    assert late.is_open(local(NEW_YORK, "2026-11-01T01:59:00", fold=1), NEW_YORK)


def test_a_clock_that_moves_by_half_an_hour_and_a_day_that_was_left_out():
    jump = first_shown(date(2026, 10, 4), time(2, 10), LORD_HOWE)
    assert jump == datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    friday = read([{"days": ["fri"]}])
    around = datetime(2011, 12, 28, tzinfo=UTC)
    assert not any(friday.is_open(around + timedelta(hours=each), APIA) for each in range(96))


@given(
    start=st.integers(0, 1_439),
    length=st.integers(1, 1_439),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1),
    minute=st.integers(0, 14 * 1_440),
)
@settings(max_examples=80)
def test_where_no_clock_is_moved_it_is_plain_arithmetic(start: int, length: int, days: set[str], minute: int):
    """The oracle counts minutes of the week; Việt Nam has moved no clock since 1975."""
    end = (start + length) % 1_440
    said = hours(f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}", *days)
    monday = local(VIETNAM, "2026-11-23T00:00:00")

    of_week = minute % (7 * 1_440)
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    opened = [names.index(day) * 1_440 + start for day in days]
    expected = any((of_week - each) % (7 * 1_440) < length for each in opened)

    assert said.is_open(monday + timedelta(minutes=minute), VIETNAM) is expected


def test_whether_it_ever_opens():
    sundays = read([{"days": ["sun"]}])
    assert not sundays.opens_within(date(2026, 11, 23), date(2026, 11, 28), VIETNAM)
    assert sundays.opens_within(date(2026, 11, 23), date(2026, 11, 29), VIETNAM)
    assert sundays.opens_within(None, date(2026, 11, 28), VIETNAM)
    assert sundays.opens_within(date(2026, 11, 23), None, VIETNAM)
    assert not hours("02:00", "03:00").opens_within(date(2026, 3, 8), date(2026, 3, 8), NEW_YORK)
