"""When gift cards may expire: never a day before the law lets them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.vouchers.domain.jurisdictions import EXPIRY


@pytest.mark.parametrize(
    ("place", "issued", "earliest"),
    [
        ("US", date(2026, 11, 22), date(2031, 11, 22)),
        ("IE", date(2024, 2, 29), date(2029, 3, 1)),
        ("AU", date(2026, 1, 1), date(2029, 1, 1)),
        ("DE", date(2026, 1, 1), date(2029, 12, 31)),
        ("US-CA", date(2026, 1, 1), None),
        ("CA-ON", date(2026, 1, 1), None),
    ],
)
def test_the_first_day_that_may_be_the_last(place: str, issued: date, earliest: date | None):
    assert EXPIRY[place].earliest_end(issued) == earliest


@given(st.sampled_from(sorted(EXPIRY)), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_days_that_are_said_to_be_enough_are_on_every_day(place: str, issued: date):
    rule = EXPIRY[place]
    earliest = rule.earliest_end(issued)

    assert (rule.least_days is None) == (earliest is None)
    if rule.least_days is not None and earliest is not None:
        # The day of issue is the first of them.
        assert issued + timedelta(days=rule.least_days - 1) >= earliest


def test_every_rule_names_its_source():
    assert all(len(rule.source) > 20 for rule in EXPIRY.values())
