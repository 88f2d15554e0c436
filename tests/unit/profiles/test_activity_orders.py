"""Orders folded from facts: the same in any order and however often they come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from services.profiles.activity.domain import Activity, MoneyTotals, refunded_minor
from services.profiles.rfm.domain import Scale
from services.profiles.told.domain import Standing
from shared.errors import Poison
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import UNKNOWN, with_fact

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)
MONEY: dict[str, Any] = {"order_id": "o", "source": "web", "currency": "VND"}

# Nobody told anything.
NOTHING = Standing({}, {}, {}, {}, None, (), None)


def fact(data: Any, minute: int, customer: UUID = ONE) -> Event[Any]:
    at = NOW + timedelta(minutes=minute)
    return Event(UUID(int=minute), customer, at, at, data)


PLACED = fact(OrderPlaced(**MONEY, total_minor=100), 2)
TWIN = fact(OrderPlaced(**MONEY, total_minor=90), 3, OTHER)
CHANGED = fact(OrderChanged(**MONEY, total_minor=80), 1, OTHER)
REFUND = fact(OrderRefunded(**MONEY, refund_id="r", amount_minor=30), 4)
MENDED = fact(OrderRefunded(**MONEY, refund_id="r", amount_minor=50), 5)
REST = fact(OrderRefunded(order_id="o", source="web", refund_id="s"), 6)
FOREIGN = fact(OrderRefunded(**{**MONEY, "currency": "USD"}, refund_id="t", amount_minor=5), 7)


@pytest.mark.parametrize(
    ("facts", "total", "refunded"),
    [
        ((PLACED, TWIN, CHANGED), 90, 0),
        ((PLACED, REFUND, MENDED), 100, 50),
        ((PLACED, MENDED, REST, FOREIGN), 100, 100),
        ((PLACED, REFUND, FOREIGN, REFUND), 100, 30),
    ],
)
def test_an_order_is_the_same_whatever_order_its_facts_come_in(facts: tuple[Any, ...], total: int, refunded: int):
    for dealt in permutations(facts):
        order = UNKNOWN
        for each in dealt:
            order = with_fact(order, each)

        assert order.total is not None
        assert (order.customer_id, order.total.minor, refunded_minor(order)) == (ONE, total, refunded)


def test_a_cancelled_order_stays_cancelled():
    order = with_fact(with_fact(UNKNOWN, fact(OrderCancelled(order_id="o", source="web"), 9)), PLACED)

    assert order.is_cancelled


@pytest.mark.parametrize("data", [{"total_minor": -1}, {"total_minor": 10**16}, {"total_minor": 1, "currency": "XXX"}])
def test_what_cannot_be_money_is_refused(data: dict[str, Any]):
    with pytest.raises(Poison):
        with_fact(UNKNOWN, fact(OrderPlaced(**{**MONEY, **data}), 1))


def test_days_since_the_last_order_are_whole_and_never_negative():
    def since(hours: int) -> int | None:
        at = NOW - timedelta(hours=hours)
        return Activity(ONE, NOW, [MoneyTotals("VND", 1, 1, 0, at, at)], [], NOTHING, Scale()).days_since_last_order

    assert [since(hours) for hours in (-5, 0, 23, 24, 49)] == [0, 0, 0, 1, 2]
    assert Activity(ONE, NOW, [], [], NOTHING, Scale()).days_since_last_order is None
