"""Local times: when something is due, and when nobody is disturbed, against an oracle that looks at every minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.surveys.asking.domain.timing import Delay, Quiet, due, first_at, is_quiet, next_open

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
# Clocks that go forward by an hour at two, at midnight, by half an hour; a day that never was.
ZONES = ("Asia/Ho_Chi_Minh", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Beirut")
CHANGES = {
    "Europe/Berlin": [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)],
    "America/Santiago": [datetime(2026, 4, 5, 3, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)],
    "Asia/Beirut": [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 21, tzinfo=UTC)],
    "Asia/Ho_Chi_Minh": [datetime(2026, 11, 22, tzinfo=UTC)],
}
MINUTE = timedelta(minutes=1)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


def open_by_the_minute(at: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    """The first minute whose clock does not lie in quiet hours, found by looking at all of them."""
    while True:
        clock = at.astimezone(zone).time()
        inside = quiet.start <= clock < quiet.end if quiet.start < quiet.end else not quiet.end <= clock < quiet.start
        if not inside:
            return at
        at += MINUTE


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.integers(-2_000, 1_000), st.integers(0, 1), clocks, clocks)
def test_quiet_hours_end_when_the_clocks_say(name: str, minutes: int, which: int, start: time, end: time):
    zone, changes = ZoneInfo(name), CHANGES[name]
    at = changes[which % len(changes)] + minutes * MINUTE
    if start == end:
        return
    quiet = Quiet(start, end)

    found = next_open(at, quiet, zone)

    assert found == open_by_the_minute(at, quiet, zone)
    assert not is_quiet(found, quiet, zone)


def test_no_quiet_hours_hold_nobody_up():
    at = datetime(2026, 11, 22, 20, tzinfo=UTC)
    assert next_open(at, None, VIETNAM) == at


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 364), clocks)
def test_a_local_time_is_the_first_instant_that_shows_it(name: str, offset: int, clock: time):
    zone, day = ZoneInfo(name), date(2026, 1, 1) + timedelta(days=offset)

    found = first_at(zone, day, clock)

    shown, before = found.astimezone(zone), (found - MINUTE).astimezone(zone)
    wanted = datetime.combine(day, clock)
    assert shown.replace(tzinfo=None) >= wanted
    assert before.replace(tzinfo=None) < wanted
    if shown.utcoffset() == before.utcoffset():
        assert shown.replace(tzinfo=None) == wanted


@pytest.mark.parametrize(
    ("happened", "delay", "expected"),
    [
        # Three days after, to the second.
        (datetime(2026, 11, 22, 9, tzinfo=UTC), Delay(seconds=3 * 86_400), datetime(2026, 11, 25, 9, tzinfo=UTC)),
        # The third day after, at ten: it is still the 22nd in Vietnam at 23:59, and the 23rd a minute later.
        (datetime(2026, 11, 22, 16, 59, tzinfo=UTC), Delay(days=3, at=time(10)), datetime(2026, 11, 25, 3, tzinfo=UTC)),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), Delay(days=3, at=time(10)), datetime(2026, 11, 26, 3, tzinfo=UTC)),
        # Today at ten has passed: at once.
        (datetime(2026, 11, 22, 9, tzinfo=UTC), Delay(days=0, at=time(10)), datetime(2026, 11, 22, 9, tzinfo=UTC)),
    ],
    ids=["seconds", "before midnight", "after midnight", "today"],
)
def test_when_something_is_due(happened: datetime, delay: Delay, expected: datetime):
    assert due(delay, happened, VIETNAM) == expected


def test_the_same_local_hour_on_both_sides_of_a_change():
    berlin = ZoneInfo("Europe/Berlin")
    saturday = datetime(2026, 3, 28, 12, tzinfo=UTC)

    assert due(Delay(days=2, at=time(10)), saturday, berlin) == datetime(2026, 3, 30, 8, tzinfo=UTC)
    # Half past two is skipped on the 29th: as soon as the clocks have passed it.
    assert due(Delay(days=1, at=time(2, 30)), saturday, berlin) == datetime(2026, 3, 29, 1, tzinfo=UTC)
