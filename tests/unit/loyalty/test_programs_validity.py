"""When points begin to count and when they end: each mode, to the day, in the programme's zone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from services.loyalty.programs.domain.terms import Terms, Timeline, Transfers, WalletTerms, default_terms
from services.loyalty.programs.domain.validity import Expiry, Pending
from services.loyalty.programs.errors import UnknownWallet

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
# Eight in the evening of 31 January in Vietnam; in UTC it is the same day, an hour before midnight it is not.
EVENING = datetime(2026, 1, 31, 13, tzinfo=UTC)
LATE = datetime(2026, 1, 31, 17, 30, tzinfo=UTC)
OPENED = datetime(2024, 2, 29, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "earned", "last_day"),
    [
        ({"mode": "rolling", "months": 1}, EVENING, date(2026, 2, 28)),
        # Half past midnight of 1 February in Vietnam.
        ({"mode": "rolling", "months": 1}, LATE, date(2026, 3, 1)),
        ({"mode": "rolling", "days": 90}, EVENING, date(2026, 5, 1)),
        ({"mode": "rolling", "months": 12, "rounding": "month"}, EVENING, date(2027, 1, 31)),
        ({"mode": "rolling", "months": 12, "rounding": "quarter"}, EVENING, date(2027, 3, 31)),
        ({"mode": "rolling", "months": 12, "rounding": "half_year"}, EVENING, date(2027, 6, 30)),
        ({"mode": "rolling", "months": 12, "rounding": "year"}, EVENING, date(2027, 12, 31)),
        ({"mode": "calendar", "dates": [{"month": 12, "day": 31}]}, EVENING, date(2026, 12, 31)),
        ({"mode": "calendar", "dates": [{"month": 1, "day": 31}]}, EVENING, date(2026, 1, 31)),
        ({"mode": "calendar", "dates": [{"month": 1, "day": 31}], "days": 1}, EVENING, date(2027, 1, 31)),
        ({"mode": "calendar", "dates": [{"month": 2, "day": 29}], "months": 1}, EVENING, date(2026, 2, 28)),
        ({"mode": "calendar", "dates": [{"month": 2, "day": 29}], "months": 13}, EVENING, date(2027, 2, 28)),
        (
            {"mode": "calendar", "dates": [{"month": 6, "day": 30}, {"month": 12, "day": 31}], "months": 6},
            EVENING,
            date(2026, 12, 31),
        ),
        ({"mode": "inactivity", "months": 6}, EVENING, date(2026, 7, 31)),
        ({"mode": "anniversary"}, EVENING, date(2026, 2, 28)),
        ({"mode": "anniversary", "months": 12}, EVENING, date(2027, 2, 28)),
        ({"mode": "anniversary", "months": 24}, EVENING, date(2028, 2, 29)),
    ],
)
def test_points_end_with_a_local_day(rule: dict[str, Any], earned: datetime, last_day: date):
    end = Expiry.model_validate(rule).end(earned, OPENED, VIETNAM)

    assert end is not None
    assert (end.on, end.zone) == (last_day, "Asia/Ho_Chi_Minh")
    assert end.at.astimezone(VIETNAM).replace(tzinfo=None) == datetime.combine(
        last_day + timedelta(days=1), datetime.min.time()
    )


def test_points_without_an_end_have_none():
    assert Expiry().end(EVENING, OPENED, VIETNAM) is None


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ({}, EVENING),
        ({"mode": "days"}, EVENING),
        ({"mode": "days", "days": 14}, datetime(2026, 2, 13, 17, tzinfo=UTC)),
        ({"mode": "on_event"}, None),
        ({"mode": "on_event", "days": 30}, datetime(2026, 3, 1, 17, tzinfo=UTC)),
        ({"mode": "dates", "dates": [{"month": 2, "day": 1}]}, datetime(2026, 1, 31, 17, tzinfo=UTC)),
        # On the day itself it is too late for it.
        ({"mode": "dates", "dates": [{"month": 1, "day": 31}]}, datetime(2027, 1, 30, 17, tzinfo=UTC)),
        (
            {"mode": "dates", "dates": [{"month": 7, "day": 1}, {"month": 2, "day": 29}], "days": 29},
            datetime(2026, 6, 30, 17, tzinfo=UTC),
        ),
        ({"mode": "dates", "dates": [{"month": 2, "day": 29}], "days": 28}, datetime(2026, 2, 27, 17, tzinfo=UTC)),
    ],
)
def test_pending_points_begin_with_a_local_day(rule: dict[str, Any], start: datetime | None):
    assert Pending.model_validate(rule).start(EVENING, VIETNAM) == start


@pytest.mark.parametrize(
    "rule",
    [
        {"mode": "rolling"},
        {"mode": "inactivity"},
        {"mode": "calendar"},
        {"mode": "none", "dates": [{"month": 1, "day": 1}]},
        {"mode": "calendar", "dates": [{"month": 2, "day": 30}]},
        {"mode": "calendar", "dates": [{"month": 13, "day": 1}]},
        {"mode": "calendar", "dates": [{"month": 4, "day": 31}]},
        {"mode": "anniversary", "rounding": "month"},
        {"mode": "rolling", "months": -1},
        {"mode": "rolling", "months": 1, "weeks": 2},
    ],
)
def test_rules_that_cannot_be_are_refused(rule: dict[str, Any]):
    with pytest.raises(ValidationError):
        Expiry.model_validate(rule)


@pytest.mark.parametrize("rule", [{"mode": "dates"}, {"mode": "days", "dates": [{"month": 2, "day": 1}]}])
def test_a_wait_that_cannot_be_is_refused(rule: dict[str, Any]):
    with pytest.raises(ValidationError):
        Pending.model_validate(rule)


def test_the_terms_of_the_time_of_the_fact_count():
    first, second = (default_terms(VIETNAM).model_copy(update={"version": number}) for number in (1, 2))
    timeline = Timeline(default_terms(VIETNAM), [(EVENING, first), (LATE, second)])

    moments = (EVENING - timedelta(microseconds=1), EVENING, LATE - timedelta(microseconds=1), LATE)
    assert [timeline.at(at).version for at in moments] == [0, 1, 1, 2]


def test_a_fee_is_rounded_up_and_never_more_than_what_is_sent():
    assert [Transfers(fee_permille=15).fee(points) for points in (1, 100, 1_000, 1_001)] == [1, 2, 15, 16]
    assert Transfers(fee_permille=1_000).fee(7) == 7
    assert Transfers().fee(7) == 0


def test_unknown_wallets_and_zones_and_all_closed_are_refused():
    with pytest.raises(UnknownWallet) as refused:
        default_terms(VIETNAM).wallet("stars")
    assert refused.value.data["wallets"] == ["points"]
    with pytest.raises(ValidationError):
        Terms(zone="Asia/Saigon2", wallets={"points": WalletTerms()})
    with pytest.raises(ValidationError):
        Terms(zone="Asia/Ho_Chi_Minh", wallets={"points": WalletTerms(is_closed=True)})
