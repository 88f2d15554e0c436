"""Which night it is, in the firm's zone, and whether there is anything to do in it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.loyalty.verification.domain import Night, goes_on, is_due, night_of

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
TONIGHT = date(2026, 11, 23)


def night(phase: str = "reading", *, of: date = TONIGHT, silent_minutes: float = 0, is_over: bool = False) -> Night:
    beat = NOW - timedelta(minutes=silent_minutes)
    return Night(of, phase, "s", beat, beat, NOW if is_over else None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("utc", "hour", "expected"),
    [
        ("2026-11-22T19:59:00", 3, date(2026, 11, 22)),
        ("2026-11-22T20:00:00", 3, date(2026, 11, 23)),
        ("2026-11-22T17:00:00", 0, date(2026, 11, 23)),
        ("2026-11-22T16:59:59", 0, date(2026, 11, 22)),
        ("2026-12-31T15:59:00", 23, date(2026, 12, 30)),
        ("2026-12-31T16:00:00", 23, date(2026, 12, 31)),
    ],
)
def test_the_night_begins_at_the_hour_of_the_firm(utc: str, hour: int, expected: date) -> None:
    assert night_of(datetime.fromisoformat(utc).replace(tzinfo=UTC), hour, VIETNAM) == expected


def test_it_is_done_once_a_night_and_by_one() -> None:
    assert is_due(None, TONIGHT, NOW)
    assert not is_due(night("done", is_over=True), TONIGHT, NOW)
    assert is_due(night("done", of=TONIGHT - timedelta(days=1), is_over=True), TONIGHT, NOW)
    assert not is_due(night(silent_minutes=4), TONIGHT, NOW)
    assert is_due(night(silent_minutes=6), TONIGHT, NOW)


def test_what_a_lost_snapshot_had_read_is_not_gone_on_with() -> None:
    assert goes_on(night("reading"), TONIGHT)
    assert not goes_on(night("comparing"), TONIGHT)
    assert not goes_on(night("reading", of=TONIGHT - timedelta(days=1)), TONIGHT)
