"""Business time, held to counting minute by minute: in zones whose clocks jump, over holidays and half days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.surveys.cases.domain.calendar import NEVER, Calendar, Hours
from services.surveys.cases.domain.standing import default_document, read_calendar

MINUTE = timedelta(minutes=1)
# A zone, and days near which its clocks jump: by an hour, by half an hour, at midnight, over a whole day, and never.
JUMPS = {
    "Asia/Ho_Chi_Minh": ("2026-02-16", "2026-04-30"),
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Santiago": ("2026-04-05", "2026-09-06"),
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),
    "Pacific/Apia": ("2011-12-30", "2011-12-29"),
}
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def is_business(calendar: Calendar, at: datetime) -> bool:
    """The oracle: look at the clock on the wall."""
    wall = at.astimezone(calendar.zone)
    minute = wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in calendar.hours(wall.date()))


def counted(calendar: Calendar, since: datetime, until: datetime) -> int:
    """Business minutes, one by one."""
    minutes = int((until - since) / MINUTE)
    return sum(is_business(calendar, since + each * MINUTE) for each in range(minutes))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=4)))
    return tuple((15 * a, 15 * b) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, datetime]:
    """A calendar, and a moment near a jump of its zone."""
    name = draw(st.sampled_from(sorted(JUMPS)))
    near = date.fromisoformat(draw(st.sampled_from(JUMPS[name])))
    zone = ZoneInfo(name)
    week = tuple(draw(st.lists(hours(), min_size=7, max_size=7)))
    days = draw(st.dictionaries(st.integers(-3, 4), hours(), max_size=3))
    start = datetime(near.year, near.month, near.day, tzinfo=UTC) + draw(st.integers(-2_880, 1_440)) * MINUTE
    return Calendar(zone, week, {near + timedelta(days=each): said for each, said in days.items()}), start


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calendars(), st.integers(0, 5_000))
def test_elapsed_is_what_counting_gives(drawn: tuple[Calendar, datetime], minutes: int):
    calendar, since = drawn
    until = since + minutes * MINUTE

    assert calendar.elapsed(since, until) == counted(calendar, since, until) * MINUTE


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calendars(), st.integers(1, 1_500))
def test_what_is_due_is_the_first_minute_by_which_that_much_was_counted(drawn: tuple[Calendar, datetime], minutes: int):
    calendar, since = drawn
    due = calendar.after(since, minutes * MINUTE)

    if due == NEVER:
        assert not any(calendar.week)
        return
    assert calendar.elapsed(since, due) == minutes * MINUTE
    # The minute before it was counted, so no earlier moment would do.
    assert is_business(calendar, due - MINUTE)
    if due - since < timedelta(days=6):
        assert counted(calendar, since, due) == minutes


@settings(max_examples=60, deadline=None)
@given(calendars(), st.lists(st.integers(0, 4_000), min_size=3, max_size=3))
def test_time_adds_up(drawn: tuple[Calendar, datetime], cuts: list[int]):
    calendar, since = drawn
    first, second, third = (since + each * MINUTE for each in sorted(cuts))

    assert calendar.elapsed(first, second) + calendar.elapsed(second, third) == calendar.elapsed(first, third)
    assert calendar.elapsed(third, first) == timedelta()


@pytest.mark.parametrize(
    ("zone", "day", "begin", "end", "worked"),
    [
        # An hour that there is not, an hour that comes twice, and a day that was left out.
        ("Europe/Berlin", "2026-03-29", 0, 360, 300),
        ("Europe/Berlin", "2026-10-25", 0, 360, 420),
        ("Australia/Lord_Howe", "2026-04-05", 0, 360, 390),
        ("Europe/Berlin", "2026-10-25", 0, 150, 180),
        ("Africa/Cairo", "2026-04-24", 0, 120, 60),
        ("Pacific/Apia", "2011-12-30", 0, 1_440, 0),
    ],
)
def test_days_on_which_clocks_jump(zone: str, day: str, begin: int, end: int, worked: int):
    local = date.fromisoformat(day)
    calendar = Calendar(ZoneInfo(zone), ((),) * 7, {local: ((begin, end),)})
    noon = datetime(local.year, local.month, local.day, 12, tzinfo=UTC)

    assert calendar.elapsed(noon - timedelta(days=2), noon + timedelta(days=2)) == worked * MINUTE


def test_tet_is_not_worked():
    calendar = read_calendar(default_document("Asia/Ho_Chi_Minh"))
    friday = datetime(2026, 2, 13, 16, 0, tzinfo=VIETNAM)

    # An hour is left of Friday; the next eight hours are of Monday the 23rd, after Tết.
    assert calendar.after(friday, timedelta(hours=2)) == datetime(2026, 2, 23, 9, 0, tzinfo=VIETNAM)
    assert calendar.elapsed(friday, friday + timedelta(days=9)) == timedelta(hours=1)


def test_half_a_day_and_a_saturday_that_is_worked():
    document = default_document("Asia/Ho_Chi_Minh")
    morning = [{"opens": "08:00", "closes": "12:00"}]
    document["days"] += [{"day": "2026-02-13", "hours": morning}, {"day": "2026-02-21", "hours": morning}]
    calendar = read_calendar(document)
    friday = datetime(2026, 2, 13, 11, 0, tzinfo=VIETNAM)

    assert calendar.after(friday, timedelta(hours=3)) == datetime(2026, 2, 21, 10, 0, tzinfo=VIETNAM)


def test_nothing_is_due_where_nobody_ever_works():
    calendar = Calendar(VIETNAM, ((),) * 7, {})

    assert calendar.after(datetime(2026, 1, 1, tzinfo=UTC), MINUTE) == NEVER
