"""What waits for points, at the published digits; and how many points members spend, or that it cannot be said."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.reports.domain.breakage import Fates, redemption
from services.loyalty.reports.domain.revenue import Estimate, Points, Standing, deferred, in_force, movement, recognised

JANUARY = date(2026, 1, 1)


def estimate(value: str, rate: str) -> Estimate:
    return Estimate(JANUARY, Decimal(value), Decimal(rate))


def test_the_standard_s_example_52():
    # IFRS 15.IE267-IE270: 10,000 points with sales of 100,000, at 1 each, of which 9,500 will be spent.
    waits = round(deferred(100_000, 10_000, estimate("1", "0.95")))
    first = recognised(waits, Points(10_000, 4_500, 0), Decimal("0.95"))
    second = recognised(waits, Points(10_000, 8_500, 0), Decimal("0.97"))

    assert (waits, first, waits - first) == (8_676, 4_110, 4_566)
    assert (second - first, waits - second) == (3_493, 1_073)


@pytest.mark.parametrize(("rate", "third"), [("0.99", 3_552), ("0.92", 4_140)])
def test_estimates_that_rise_and_fall_as_kpmg_s_handbook_has_them(rate: str, third: int):
    # Examples 10A and 10B, which take 9,000 as deferred.
    second = recognised(9_000, Points(10_000, 4_500, 0), Decimal("0.97"))

    assert second == 4_175
    assert recognised(9_000, Points(10_000, 8_500, 0), Decimal(rate)) - second == third


def test_finlearnhub_s_example_exactly():
    # $2,000 of goods with 2,000 points at $0.10, of which 85 % are spent. The page has 158 from a share rounded to
    # whole per cent and then some; 170/2170 of 2,000 is 156.68. And it recognises 1,000 of 2,000 points, where the
    # standard has 1,000 of the 1,700 that are expected.
    waits = deferred(200_000, 2_000, estimate("10", "0.85"))

    assert waits == Fraction(200_000 * 17_000, 217_000)
    assert round(waits) == 15_668
    assert (
        recognised(15_668, Points(2_000, 1_000, 0), Decimal("0.85")) == round(Fraction(15_668 * 1_000, 1_700)) == 9_216
    )


def test_what_ends_is_expected_no_more_and_in_the_end_nothing_waits():
    rate = Decimal("0.9")

    assert recognised(1_000, Points(100, 45, 0), rate) == 500
    assert recognised(1_000, Points(100, 45, 40), rate) == 750
    assert recognised(1_000, Points(100, 45, 55), rate) == 1_000
    assert recognised(1_000, Points(100, 95, 0), rate) == 1_000
    assert recognised(1_000, Points(0, 0, 0), rate) == 1_000
    assert (deferred(0, 10, estimate("1", "1")), deferred(10, 0, estimate("1", "1"))) == (0, 0)


def test_the_last_estimate_made_for_a_month_or_before_holds():
    march = Estimate(date(2026, 3, 1), Decimal(2), Decimal(1))

    assert in_force([march, estimate("1", "1")], date(2026, 2, 1)) == estimate("1", "1")
    assert in_force([march, estimate("1", "1")], date(2026, 3, 1)) == march
    assert in_force([march], date(2026, 2, 1)) is None


counts = st.integers(0, 10**6)
rates = st.decimals(0, 1, places=3)


@given(price=st.integers(0, 10**12), points=counts, value=st.decimals("0.001", 1_000, places=3), rate=rates)
def test_a_share_is_never_below_nothing_nor_the_whole_price(price: int, points: int, value: Decimal, rate: Decimal):
    share = deferred(price, points, Estimate(JANUARY, value, rate))

    assert 0 <= share <= price
    assert share < price or price == 0


@given(waits=st.integers(0, 10**12), steps=st.lists(st.tuples(counts, counts, counts, rates), min_size=1, max_size=6))
def test_every_period_closes_with_what_it_began_with(waits: int, steps: list[tuple[int, int, int, Decimal]]):
    before, told = Standing(0, 0), []
    for redeemed, expired, left, rate in steps:
        known = recognised(waits, Points(redeemed + expired + left, redeemed, expired), rate)
        assert 0 <= known <= waits
        assert known == waits or left > 0
        after = Standing(waits, known)
        told.append(movement(before, after))
        before = after

    for each in told:
        assert each.opening + each.new - each.recognised == each.closing
    assert [each.opening for each in told[1:]] == [each.closing for each in told[:-1]]


def fates(members: list[tuple[int, int]]) -> Fates:
    """By hand: the sums of (spent, ended) of members."""
    return Fates(
        len(members),
        sum(s for s, _ in members),
        sum(e for _, e in members),
        sum(s * s for s, _ in members),
        sum(e * e for _, e in members),
        sum(s * e for s, e in members),
    )


def test_an_interval_is_that_of_members_and_not_of_points():
    # Half the members spend all of their hundred points, half none: the points are 5,000, but they say as much as 50.
    rate, why = redemption(fates([(100, 100), (0, 100)] * 25), ends=True)

    assert why is None
    assert rate is not None
    assert rate.value == 0.5
    # By hand: sqrt(50 * 50² * 50/49) / 5000 = 0.0714286, times 1.959964.
    assert (round(rate.low, 4), round(rate.high, 4)) == (0.36, 0.64)


@pytest.mark.parametrize(
    ("members", "ends", "why"),
    [([], False, "points_never_end"), ([], True, "too_few_members"), ([(5, 10)] * 29, True, "too_few_members")],
    ids=["endless", "none", "few"],
)
def test_what_cannot_be_said_is_not_said(members: list[tuple[int, int]], ends: bool, why: str):
    assert redemption(fates(members), ends=ends) == (None, why)
