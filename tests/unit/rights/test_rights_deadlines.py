"""Deadlines by the dated table, in the firm's days."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.profiles.rights.domain.deadlines import RULES, Jurisdiction, Kind, end_of, rule_for

HCM = ZoneInfo("Asia/Ho_Chi_Minh")
KINDS: tuple[Kind, ...] = ("access", "rectification", "restriction", "objection", "erasure", "readmission")


def due(jurisdiction: Jurisdiction, kind: Kind, received: datetime, what: str = "complete") -> str:
    rule = rule_for(jurisdiction, kind, what, received.astimezone(HCM).date())  # type: ignore[arg-type]
    assert rule is not None
    return end_of(rule, received, HCM).isoformat()


@pytest.mark.parametrize(
    ("kind", "day"), [("restriction", "2026-12-07"), ("access", "2026-12-02"), ("erasure", "2026-12-12")]
)
def test_vietnam_counts_days_to_the_end_of_the_last(kind: Kind, day: str):
    # 17:30 UTC is the next day in Vietnam already.
    received = datetime(2026, 11, 21, 17, 30, tzinfo=UTC)

    assert due("VN", kind, received) == f"{day}T23:59:59+07:00"


@pytest.mark.parametrize(
    ("received", "day"),
    [
        (datetime(2026, 11, 19, 3, tzinfo=UTC), "2026-11-23"),  # Thursday: Friday and Monday
        (datetime(2026, 11, 28, 3, tzinfo=UTC), "2026-12-01"),  # Saturday: Monday and Tuesday
        (datetime(2026, 11, 21, 3, tzinfo=UTC), "2026-11-25"),  # Saturday: Monday, a holiday, Wednesday
        (datetime(2026, 2, 13, 3, tzinfo=UTC), "2026-02-24"),  # the Friday before Tết
        (datetime(2026, 8, 21, 3, tzinfo=UTC), "2026-08-24"),  # a Saturday that is worked, and Monday
    ],
)
def test_a_request_is_acknowledged_within_two_working_days(received: datetime, day: str):
    assert due("VN", "erasure", received, "acknowledge") == f"{day}T23:59:59+07:00"


@pytest.mark.parametrize(
    ("received", "day"),
    [
        (datetime(2027, 1, 31, 3, tzinfo=UTC), "2027-02-28"),
        (datetime(2028, 1, 31, 3, tzinfo=UTC), "2028-02-29"),
        (datetime(2026, 12, 15, 3, tzinfo=UTC), "2027-01-15"),
    ],
)
def test_europe_has_a_month_whatever_its_length(received: datetime, day: str):
    assert due("EU", "erasure", received) == f"{day}T23:59:59+07:00"


def test_an_old_request_follows_the_law_of_its_day():
    old = rule_for("VN", "erasure", "complete", date(2025, 12, 31))
    new = rule_for("VN", "erasure", "complete", date(2026, 1, 1))

    assert old is not None
    assert "Decree 13/2023" in old.source
    assert new is not None
    assert "Decree 356/2025" in new.source
    assert rule_for("VN", "erasure", "acknowledge", date(2025, 12, 31)) is None


def test_every_kind_has_a_deadline_and_a_source_everywhere():
    today = date(2026, 11, 22)
    places: tuple[Jurisdiction, ...] = ("VN", "EU")
    missing = [(place, kind) for place in places for kind in KINDS if not rule_for(place, kind, "complete", today)]

    assert missing == []
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert [rule.id for rule in RULES if not rule.source or rule.number < 1] == []
