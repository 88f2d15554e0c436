"""Days, periods, intervals, amounts, series, ages: the arithmetic around the figures."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain import calendar
from services.metrics.domain.calendar import PERIODS, day_number, day_of, period_of, periods_between, to_date
from services.metrics.domain.definitions import DEFINITIONS
from services.metrics.domain.figure import Frame
from services.metrics.domain.intervals import wilson
from services.metrics.domain.people import at_each
from services.metrics.domain.series import Metric
from services.metrics.domain.staleness import Position, staleness_seconds
from services.metrics.domain.totals import Totals, main_currency, other_currencies

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FRAME = Frame(date(2026, 11, 21), "Asia/Ho_Chi_Minh", 0.0)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1)))
def test_periods_tile_the_calendar(day: date):
    number = day_number(day)
    for name in PERIODS:
        period = period_of(name, number)
        assert period.start <= number < period.end
        assert period_of(name, period.end).before == period.start
        assert period_of(name, period.before).end == period.start
    assert to_date(number) == day
    assert to_date(period_of("week", number).start).isoweekday() == 1
    assert to_date(period_of("month", number).start) == day.replace(day=1)


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        ("2026-03-29T00:59:00+00:00", "Europe/Berlin", "2026-03-29"),
        ("2026-10-25T22:59:59+00:00", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T23:00:00+00:00", "Europe/Berlin", "2026-10-26"),
        ("2026-11-20T17:00:00+00:00", "Asia/Ho_Chi_Minh", "2026-11-21"),
        ("0001-01-01T00:00:00+00:00", "America/New_York", "0001-01-01"),
        ("9999-12-31T23:00:00+00:00", "Asia/Ho_Chi_Minh", "9999-12-31"),
    ],
)
def test_a_moment_falls_on_a_local_day(at: str, zone: str, day: str):
    assert to_date(day_of(datetime.fromisoformat(at), ZoneInfo(zone))).isoformat() == day


def test_a_range_has_whole_periods_and_no_more_than_allowed():
    first, last = day_number(date(2026, 1, 31)), day_number(date(2026, 3, 1))

    months = periods_between("month", first, last, most=3)

    assert [to_date(each.start).isoformat() for each in months] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert periods_between("month", first, last, most=2) is None
    assert len(periods_between("day", first, first, most=1)) == 1


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe (1998), table I: the score method.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, trials: int, low: float, high: float):
    found, mirrored = wilson(successes, trials), wilson(trials - successes, trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize(
    ("minor", "count", "currency", "value"),
    [
        (1000, 3, "USD", "3.33"),
        (5, 2, "VND", "2"),
        (7, 2, "VND", "4"),
        (10, 4, "KWD", "0.002"),
        (-5, 2, "USD", "-0.02"),
        (10**18, 7, "VND", "142857142857142857"),
        (10, 0, "USD", None),
    ],
)
def test_means_of_money_are_rounded_half_to_even(minor: int, count: int, currency: str, value: str | None):
    assert FRAME.mean("average_order_value", minor, count, currency).value == value


def test_a_margin_is_applied_exactly():
    assert FRAME.money("historical_clv", 1005 * Fraction("0.1"), "USD").value == "1.00"
    assert FRAME.money("historical_clv", 3 * Fraction("0.35"), "KWD").value == "0.001"


def test_a_share_of_nobody_is_no_number():
    figure = FRAME.ratio("lapse_rate", 0, 0, window_days=90)

    assert (figure.value, figure.interval, figure.denominator) == (None, None, 0)


def test_every_definition_says_what_it_means_in_two_languages():
    assert all(each.en and each.vi and each.id == f"{name}.v1" for name, each in DEFINITIONS.items())
    assert set(Metric) <= set(DEFINITIONS)


def test_the_currency_is_the_one_asked_for_else_the_one_with_the_most_orders():
    totals = [Totals(code, orders, 1, 0, 0, 0, 0) for code, orders in (("VND", 2), ("EUR", 5), ("USD", 5), ("JPY", 0))]

    assert main_currency(totals, None) == "EUR"
    assert main_currency(totals, "CHF") == "CHF"
    assert main_currency([], None) is None
    assert list(other_currencies(FRAME, totals, "EUR")) == ["USD", "VND"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-3, 3))), st.lists(st.integers(0, 30), unique=True))
def test_running_sums_are_taken_on_the_days_asked_for(changes: list[tuple[int, int]], days: list[int]):
    days.sort()

    assert at_each(changes, days) == [sum(n for day, n in changes if day <= each) for each in days]


@pytest.mark.parametrize(
    ("positions", "seconds"),
    [
        ([], 2.0),
        ([Position(5, NOW - timedelta(days=9), 5), Position(0, None, 0)], 2.0),
        ([Position(5, NOW - timedelta(seconds=40), 6), Position(8, NOW - timedelta(days=9), 8)], 40.0),
        ([Position(5, NOW - timedelta(seconds=40), 6), Position(1, NOW - timedelta(hours=1), 9)], 3600.0),
        ([Position(0, None, 1)], None),
        ([Position(5, NOW + timedelta(hours=1), 6)], 2.0),
    ],
)
def test_knowledge_is_as_old_as_its_oldest_part(positions: list[Position], seconds: float | None):
    assert staleness_seconds(positions, now=NOW, measured_at=NOW - timedelta(seconds=2)) == seconds


def test_months_are_not_looked_for_beyond_the_calendar():
    assert calendar.period_start("month", day_number(date(9999, 12, 31))) == day_number(date(9999, 12, 1))
