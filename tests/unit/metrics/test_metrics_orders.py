"""Facts about an order fold to one state, whatever their order, and the state to its part in the figures."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.domain.changes import Changes
from services.metrics.domain.orders import Entry, Sums, accounts
from services.metrics.domain.purchases import Bought, after_change
from shared.errors import Poison
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import UNKNOWN, Order, with_fact

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
# Noon of 2026-03-01 in the zone.
NOON = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
DAY = 20_513
ANN, BINH = UUID(int=1), UUID(int=2)


def event(data, *, days: float = 0, customer: UUID = ANN, number: int = 0) -> Event:
    return Event(UUID(int=number), customer, NOON + timedelta(days=days), NOON, data)


def placed(total: int = 1000, currency: str = "USD", **rest) -> Event:
    return event(OrderPlaced(order_id="o", total_minor=total, currency=currency, source="web"), **rest)


def changed(total: int, currency: str = "USD", **rest) -> Event:
    return event(OrderChanged(order_id="o", total_minor=total, currency=currency, source="web"), **rest)


def refunded(amount: int | None = None, refund: str = "r", currency: str | None = None, **rest) -> Event:
    data = OrderRefunded(order_id="o", refund_id=refund, amount_minor=amount, currency=currency, source="web")
    return event(data, **rest)


def cancelled(**rest) -> Event:
    return event(OrderCancelled(order_id="o", source="web"), **rest)


def order(*facts: Event) -> Order:
    known = UNKNOWN
    for fact in facts:
        known = with_fact(known, fact)
    return known


def entries(*facts: Event) -> list[Entry]:
    return list(accounts(order(*facts), ZONE).entries)


def test_an_order_counts_on_its_local_day():
    assert entries(placed()) == [Entry(DAY, "USD", Sums(1, 1000))]
    # 23:30 UTC is half past six of the next morning.
    assert entries(placed(days=11.5 / 24))[0].day == DAY
    assert entries(placed(days=12.5 / 24))[0].day == DAY + 1


def test_the_earliest_placing_says_when_and_who_the_latest_total_how_much():
    facts = [placed(900, days=1, customer=BINH), placed(1000), changed(700, days=3), changed(800, days=-5)]

    found = order(*facts)

    assert (found.placing.at, found.placing.customer) == (NOON, ANN)
    assert entries(*facts) == [Entry(DAY, "USD", Sums(1, 700))]


def test_a_correction_places_an_order_until_its_placing_comes():
    assert entries(changed(700, days=2)) == [Entry(DAY + 2, "USD", Sums(1, 700))]
    assert entries(changed(700, days=2), placed(days=4)) == [Entry(DAY + 4, "USD", Sums(1, 1000))]


def test_refunds_count_in_time_order_up_to_what_is_left():
    facts = [
        placed(1000),
        refunded(700, "late", days=9),
        refunded(600, "early", days=2),
        refunded(None, "rest", days=12),
    ]

    assert entries(*facts)[1:] == [
        Entry(DAY + 2, "USD", Sums(refunds_minor=600)),
        Entry(DAY + 9, "USD", Sums(refunds_minor=400, unmatched=1)),
    ]
    assert not accounts(order(*facts), ZONE).is_purchase


def test_what_goes_back_beyond_an_order_is_flagged_and_moves_no_money():
    assert entries(placed(100), refunded(101))[1:] == [Entry(DAY, "USD", Sums(refunds_minor=100, unmatched=1))]
    twice = entries(placed(100), refunded(100, "r1"), refunded(100, "r2", days=1))[1:]
    assert twice == [Entry(DAY, "USD", Sums(refunds_minor=100)), Entry(DAY + 1, "USD", Sums(unmatched=1))]
    assert entries(placed(100), refunded(100, "r1"), refunded(None, "r2", days=1))[1:] == twice[:1]


def test_a_refund_counts_once_as_it_was_last_reported():
    facts = [
        placed(1000),
        refunded(100, days=1, number=1),
        refunded(300, days=2, number=2),
        refunded(100, days=1, number=1),
    ]

    assert entries(*facts)[1:] == [Entry(DAY + 2, "USD", Sums(refunds_minor=300))]


def test_a_cancelled_order_never_was():
    found = accounts(order(placed(), refunded(100), cancelled(days=30)), ZONE)

    assert (found.entries, found.is_purchase, found.day) == ((), False, None)


@pytest.mark.parametrize(
    ("facts", "is_purchase"),
    [
        ((placed(0),), True),
        ((placed(0), refunded()), True),
        ((placed(10), refunded(9)), True),
        ((placed(10), refunded(10)), False),
        ((placed(10), refunded()), False),
        ((placed(10), refunded(), changed(20, days=1)), False),
        ((placed(10), refunded(10), changed(20, days=1)), True),
        ((placed(10), refunded(10, currency="EUR")), True),
        ((refunded(10),), False),
    ],
)
def test_a_purchase_is_an_order_that_was_kept(facts, is_purchase: bool):
    assert accounts(order(*facts), ZONE).is_purchase is is_purchase


def test_refunds_that_no_order_can_pay_are_counted_apart():
    assert entries(refunded(10), refunded(10, "s", "EUR", days=1)) == [
        Entry(DAY, "XXX", Sums(unmatched=1)),
        Entry(DAY + 1, "EUR", Sums(unmatched=1)),
    ]
    assert entries(placed(), refunded(10, currency="EUR"))[1:] == [Entry(DAY, "EUR", Sums(unmatched=1))]


@pytest.mark.parametrize(
    "fact",
    [placed(-1), placed(10**15 + 1), placed(1, "DOGE"), changed(1, "usd"), refunded(-1), refunded(1, currency="XXX")],
)
def test_what_cannot_be_money_is_refused(fact: Event):
    with pytest.raises(Poison):
        order(fact)


TIMES = st.integers(min_value=-3, max_value=3)
FACTS = st.lists(
    st.one_of(
        st.builds(placed, st.sampled_from((0, 5, 10)), st.sampled_from(("USD", "VND")), days=TIMES),
        st.builds(changed, st.sampled_from((0, 5, 10)), st.sampled_from(("USD", "VND")), days=TIMES),
        st.builds(
            refunded,
            st.sampled_from((None, 0, 3, 10)),
            st.sampled_from(("r", "s")),
            st.sampled_from((None, "USD")),
            days=TIMES,
        ),
        st.builds(cancelled, days=TIMES),
    ),
    max_size=8,
)


@given(FACTS, st.randoms(use_true_random=False))
def test_the_state_knows_no_order_of_arrival_and_no_repeats(facts: list[Event], dice: random.Random):
    facts = [fact._replace(id=UUID(int=dice.getrandbits(128))) for fact in facts]
    again = facts + dice.sample(facts, k=len(facts) // 2)
    dice.shuffle(again)

    assert order(*again) == order(*facts)


@given(FACTS, FACTS)
def test_a_change_and_its_inverse_leave_nothing(some: list[Event], more: list[Event]):
    before, after = order(*some), order(*some, *more)
    changes = Changes(ZONE)

    changes.replace(before, after)
    changes.replace(after, before)

    assert changes.money_changes() == []
    assert changes.purchase_changes() == {}


@given(FACTS)
def test_what_goes_back_is_never_more_than_what_came_in(facts: list[Event]):
    sums = [entry.sums for entry in entries(*facts)]

    assert sum(each.refunds_minor for each in sums) <= sum(each.gross_minor for each in sums)


def test_fewer_than_no_purchases_are_a_bug_that_shows():
    one, other = (1, "VND"), (2, "VND")
    change = {one: Bought(-1, -500), other: Bought(3, 900)}
    assert after_change({one: Bought(1, 500)}, change) == {other: Bought(3, 900)}
    for impossible in (Bought(-1, 0), Bought(0, 500)):
        with pytest.raises(ValueError, match="purchases"):
            after_change({}, {one: impossible})
