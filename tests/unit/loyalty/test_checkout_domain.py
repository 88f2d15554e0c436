"""The rules of checkout, without a database."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.loyalty.checkout.domain.effects import (
    NONE,
    Effects,
    committing,
    holding,
    letting_go,
    redeeming,
    taking_back,
)
from services.loyalty.checkout.domain.payment import Rate, ceiling, fewest, offer, price, worth
from services.loyalty.checkout.domain.redemption import Giving, Redemption, after, is_whole, points_worth
from services.loyalty.checkout.domain.reservation import (
    MAX_EXTENSIONS,
    NOTHING,
    Paid,
    Reservation,
    extended_until,
    state_at,
)
from services.loyalty.checkout.domain.returns import gone, points_undone, undone
from services.loyalty.checkout.domain.rollback import Part, Redeemed, chosen, everything, pro_rata
from services.loyalty.checkout.domain.shares import Share, shrunk
from services.loyalty.checkout.errors import NothingLeft, RollbackExceeds, UnknownLine, UnknownVoucher
from services.loyalty.vouchers.domain.benefit import Fixed
from services.loyalty.vouchers.domain.terms import Terms
from shared.events.orders import UNKNOWN, Order, Refund, Total

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CAMPAIGN, VOUCHER, PERSON = (uuid4() for _ in range(3))

amounts = st.integers(0, 10**12)
rates = st.builds(
    Rate,
    wallet=st.just("points"),
    currency=st.just("VND"),
    points=st.integers(1, 10_000),
    minor=st.integers(1, 10_000),
    share_basis_points=st.integers(1, 10_000),
    minimum_points=st.integers(0, 1_000),
)


@given(rates, amounts, amounts, amounts)
def test_points_never_pay_more_than_they_may_nor_one_that_buys_nothing(rate: Rate, total: int, due: int, have: int):
    assume(due <= total)
    found = offer(rate, total_minor=total, due_minor=due, available=have)

    most = ceiling(rate, total, due)
    assert found.minor == worth(rate, found.points) <= most <= due
    assert most <= Fraction(total * rate.share_basis_points, 10_000)
    assert found.points <= have
    if found.points:
        assert found.points >= rate.minimum_points
        assert worth(rate, found.points - 1) < found.minor
    else:
        # Not even the most that would be worth no more than it may.
        best = min(have, ((most + 1) * rate.points - 1) // rate.minor)
        assert fewest(rate, best) < max(1, rate.minimum_points)


@given(rates, amounts)
def test_the_price_is_the_fewest_points_that_pay(rate: Rate, minor: int):
    points = price(rate, minor)
    assert worth(rate, points) >= minor
    assert points == 0 or worth(rate, points - 1) < minor


def test_points_and_dong():
    rate = Rate("points", "VND", 1, 1_000, share_basis_points=3_000, minimum_points=50)
    assert offer(rate, total_minor=1_000_000, due_minor=1_000_000, available=10_000) == (300, 300_000)
    assert offer(rate, total_minor=1_000_000, due_minor=120_500, available=10_000) == (120, 120_000)
    assert offer(rate, total_minor=1_000_000, due_minor=1_000_000, available=49) == (0, 0)
    assert fewest(Rate("points", "VND", 100, 1), 250) == 200


def reservation(state: str = "held", *, extensions: int = 0, until: timedelta = timedelta(minutes=15)) -> Reservation:
    return Reservation(
        uuid4(), PERSON, "key", None, state, "VND", 0, (), NOTHING, extensions, NOW, NOW + until, None,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize("state", ["committed", "voided", "expired"])
def test_what_has_ended_stays_as_it_ended(state: str):
    assert state_at(reservation(state), NOW + timedelta(days=9)) == state
    assert extended_until(reservation(state), NOW, timedelta(minutes=1)) is None


def test_a_hold_expires_with_its_last_instant():
    held = reservation()
    assert state_at(held, held.expires_at - timedelta(microseconds=1)) == "held"
    assert state_at(held, held.expires_at) == "expired"
    assert extended_until(held, held.expires_at, timedelta(hours=1)) is None


def test_an_extension_never_shortens_and_there_are_three():
    held = reservation()
    assert extended_until(held, NOW, timedelta(minutes=1)) == held.expires_at
    assert extended_until(held, NOW, timedelta(hours=1)) == NOW + timedelta(hours=1)
    assert extended_until(reservation(extensions=MAX_EXTENSIONS), NOW, timedelta(hours=1)) is None


def redeemed(position: int, *minors: int, line: str | None = None) -> Redeemed:
    shares = tuple(Share(line or f"l{number}", minor) for number, minor in enumerate(minors))
    return Redeemed(position, CAMPAIGN, VOUCHER, sum(minors), 0, 0, False, False, shares)


vouchers_ = st.lists(st.lists(st.integers(0, 1_000_000), max_size=4), min_size=1, max_size=3).map(
    lambda several: [redeemed(position, *minors) for position, minors in enumerate(several, 1)]
)
parts_ = st.lists(
    st.builds(
        Part,
        voucher=st.none() | st.integers(1, 4),
        line=st.none() | st.sampled_from(["l0", "l1", "l4"]),
        minor=st.none() | st.integers(1, 500_000),
    ),
    min_size=1,
    max_size=4,
)


@given(vouchers_, st.lists(parts_, max_size=5))
def test_parts_never_sum_to_more_than_the_whole(vouchers: list[Redeemed], several: list[list[Part]]):
    taken = 0
    for parts in several:
        try:
            found = chosen(vouchers, parts)
        except (NothingLeft, RollbackExceeds, UnknownLine, UnknownVoucher):
            continue
        by_position = {each.position: each for each in found}
        taken += sum(each.minor for each in found)
        vouchers = [
            after(each, by_position[each.position], Giving()) if each.position in by_position else each
            for each in vouchers
        ]
        for each in vouchers:
            assert all(0 <= share.back <= share.minor for share in each.shares)
            assert each.back_minor == sum(share.back for share in each.shares)
            assert each.is_rolled_back or each.left > 0 or each.minor == 0
    rest = sum(each.minor for each in everything(vouchers))
    assert taken + rest == sum(each.minor for each in vouchers)


def test_a_part_over_all_vouchers_is_spread_by_what_is_left():
    both = [redeemed(1, 30, 30), redeemed(2, 40)]
    assert [each.minor for each in chosen(both, [Part(minor=10)])] == [6, 4]
    assert [each.by_share for each in chosen(both, [Part(line="l0")])] == [(30, 0), (40,)]
    with pytest.raises(RollbackExceeds):
        chosen(both, [Part(voucher=2), Part(voucher=2, minor=1)])


@given(amounts, st.lists(st.integers(0, 10**9), max_size=6), st.integers(1, 10**10))
def test_shares_of_money_sum_to_the_whole_whatever_the_steps(minor: int, refunds: list[int], total: int):
    back = refunded = 0
    for refund in refunds:
        refunded = min(total, refunded + refund)
        step = pro_rata(minor, back, refunded, total)
        back += step
        assert step >= 0
        assert back == (minor if refunded == total else minor * refunded // total)
    assert pro_rata(minor, back, total, total) == minor - back


def redemption(*vouchers: Redeemed, points: int = 0, total: int = 1_000) -> Redemption:
    paid = Paid("points", points, points * 10) if points else NOTHING
    return Redemption(uuid4(), PERSON, "key", "o-1", None, "VND", total, vouchers, paid, 0, 0, NOW)


@given(st.integers(1, 1_000), st.integers(1, 10**9), st.lists(st.integers(1, 400), max_size=8))
def test_the_worth_of_points_given_back_in_parts_is_the_whole(points: int, minor: int, parts: list[int]):
    one = redemption(points=points)._replace(paid=Paid("points", points, minor))
    for part in parts:
        if part <= one.points_left:
            worth_ = points_worth(one, part)
            assert worth_ >= 0
            one = one._replace(points_back=one.points_back + part, points_back_minor=one.points_back_minor + worth_)
    if one.points_left:
        rest = points_worth(one, one.points_left)
        one = one._replace(points_back=points, points_back_minor=one.points_back_minor + rest)
    assert one.points_back_minor == minor


TERMS = Terms(Fixed(100))


def refund(minor: int | None, number: int = 1) -> Refund:
    return Refund(NOW + timedelta(days=number), UUID(int=number), minor, "VND")


def order(*refunds: Refund, total: int | None = 900, is_cancelled: bool = False) -> Order:
    stated = None if total is None else Total(NOW, UUID(int=9), total, "VND")
    return Order(None, stated, {str(number): each for number, each in enumerate(refunds)}, is_cancelled)


@pytest.mark.parametrize(
    ("known", "policy", "minor"),
    [
        (order(is_cancelled=True), {}, 100),
        (order(is_cancelled=True), {"on_cancel": "keep", "on_refund": "pro_rata"}, 0),
        (order(refund(450)), {}, 0),
        (order(refund(450)), {"on_refund": "pro_rata"}, 50),
        (order(refund(450), refund(None, 2)), {}, 100),
        (order(refund(10**9)), {"on_refund": "keep"}, 0),
        (order(refund(300), total=None), {"on_refund": "pro_rata"}, 37),
        (order(refund(0)), {"on_refund": "pro_rata"}, 0),
        (order(refund(0), total=0), {"on_refund": "pro_rata"}, 100),
        (UNKNOWN, {"on_refund": "pro_rata"}, 0),
    ],
)
def test_what_an_order_that_comes_back_undoes(known: Order, policy: dict[str, str], minor: int):
    voucher = redeemed(1, 60, 40)
    one = redemption(voucher, points=10)
    found = undone(voucher, TERMS._replace(**policy), gone(known, one))
    assert (0 if found is None else found.minor) == minor
    assert found is None or found.is_whole == (minor == 100)


def test_points_come_back_as_the_money_does():
    one = redemption(points=10)
    assert points_undone(one, gone(order(refund(450)), one)) == 5
    assert points_undone(one._replace(points_back=7), gone(order(refund(450)), one)) == 0
    assert points_undone(one._replace(points_back=7), gone(order(is_cancelled=True), one)) == 3


def test_whole_is_when_nothing_stands():
    one = redemption(redeemed(1, 50), redeemed(2, 50), points=10)
    all_of_it = everything(one.vouchers)
    assert is_whole(one, all_of_it, 10)
    assert not is_whole(one, all_of_it, 9)
    assert not is_whole(one, all_of_it[:1], 10)
    assert one.standing == "redeemed"


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.data())
def test_a_smaller_commit_lies_on_the_same_lines(minors: list[int], data: st.DataObject):
    shares = tuple(Share(str(number), minor) for number, minor in enumerate(minors))
    minor = data.draw(st.integers(0, sum(minors)))
    found = shrunk(shares, minor)
    assert sum(share.minor for share in found) == minor
    most = {share.line: share.minor for share in shares}
    assert all(0 < share.minor <= most[share.line] for share in found)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_life_of_a_hold_leaves_the_counters_as_they_were(held: int, used: int):
    assert holding(held).plus(letting_go(held)) == NONE
    committed = holding(held).plus(committing(held, used))
    assert committed == redeeming(used)
    assert committed.plus(taking_back(use=True, minor=used)) == NONE
    assert (committing(held, used).uses, holding(held).uses) == (0, 1)


def test_effects_add_up_by_campaign_voucher_and_person():
    effects = Effects()
    other = uuid4()
    effects.add(CAMPAIGN, VOUCHER, PERSON, letting_go(5))
    effects.add(CAMPAIGN, other, PERSON, holding(7))
    assert effects.campaigns == {CAMPAIGN: (0, 0, 0, 2)}
    assert effects.vouchers == {VOUCHER: (0, -1, 0, -5), other: (0, 1, 0, 7)}
    assert effects.uses == {(CAMPAIGN, PERSON): (0, 0, 0, 2)}
