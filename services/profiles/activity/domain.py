"""Events counted and orders folded: the same whatever order facts come in; what a person did in sum.

An order is placed at the earliest time an `OrderPlaced` gives (an `OrderChanged`, while there is none), by the customer
that fact names. Its total is the one of the latest fact that states one. Of several refunds with one id the latest
holds; refunds count in the order of their times, each up to what is left. A cancelled order stays cancelled and never
was. Each rule is a minimum, a maximum or a union, so that they commute and repeat without effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from shared.errors import Poison
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.money import EXPONENTS, MAX_MINOR

OrderFact = OrderPlaced | OrderChanged | OrderRefunded | OrderCancelled


class Placing(NamedTuple):
    """The fact that places an order; the smallest one holds."""

    is_change: bool
    at: datetime
    event_id: UUID
    customer_id: UUID


class Total(NamedTuple):
    """The fact that states a total; the greatest one holds."""

    at: datetime
    event_id: UUID
    minor: int
    currency: str


class Refund(NamedTuple):
    """The fact about a refund; `minor` None is all that is left, `currency` None that of the order."""

    at: datetime
    event_id: UUID
    minor: int | None
    currency: str | None


class Order(NamedTuple):
    """All that is known of one order. Refunds and cancellations may be known before the order is."""

    placing: Placing | None
    total: Total | None
    refunds: Mapping[str, Refund]
    is_cancelled: bool

    @property
    def customer_id(self) -> UUID | None:
        """Who placed it, as far as is known."""
        return None if self.placing is None else self.placing.customer_id


UNKNOWN = Order(None, None, {}, is_cancelled=False)


def with_fact(order: Order, event: Event[OrderFact]) -> Order:
    """The order as known after one more fact.

    Raises:
        Poison: an amount or a currency that cannot be money.
    """
    fact = event.data
    if isinstance(fact, OrderPlaced | OrderChanged):
        _check(fact.total_minor, fact.currency)
        placing = Placing(isinstance(fact, OrderChanged), event.time, event.id, event.subject)
        total = Total(event.time, event.id, fact.total_minor, fact.currency)
        return order._replace(
            placing=placing if order.placing is None else min(order.placing, placing),
            total=total if order.total is None else max(order.total, total),
        )
    if isinstance(fact, OrderRefunded):
        _check(fact.amount_minor, fact.currency)
        refund = Refund(event.time, event.id, fact.amount_minor, fact.currency)
        known = order.refunds.get(fact.refund_id)
        if known is not None and known[:2] >= refund[:2]:
            return order
        return order._replace(refunds={**order.refunds, fact.refund_id: refund})
    return order._replace(is_cancelled=True)


def _check(minor: int | None, currency: str | None) -> None:
    if minor is not None and not 0 <= minor <= MAX_MINOR:
        raise Poison("the amount is negative or too large to be money")
    if currency is not None and currency not in EXPONENTS:
        raise Poison("the currency is no ISO 4217 code")


def refunded_minor(order: Order) -> int:
    """How much of the total went back; a refund in another currency than the order's moves nothing."""
    if order.total is None:
        return 0
    left = order.total.minor
    for _, refund in sorted(order.refunds.items(), key=lambda item: (item[1].at, item[1].event_id, item[0])):
        if refund.currency in (None, order.total.currency):
            left -= left if refund.minor is None else min(refund.minor, left)
    return order.total.minor - left


class EventCell(NamedTuple):
    """One raw person key, one name of an event, one local day of the firm."""

    customer_id: UUID
    name: str
    day: date


@dataclass(slots=True)
class Tally:
    """How often an event was seen on a day, first and last when."""

    count: int
    first_at: datetime
    last_at: datetime

    def add(self, at: datetime) -> None:
        """One more."""
        self.count += 1
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)


def local_day(at: datetime, zone: tzinfo) -> date:
    """The local day on which a moment falls."""
    try:
        return at.astimezone(zone).date()
    except OverflowError:
        # Within a day of the first or the last year there is no local time.
        return at.astimezone(UTC).date()


class EventTotals(NamedTuple):
    """How often a person did something, first and last when."""

    name: str
    times: int
    first_at: datetime
    last_at: datetime


class MoneyTotals(NamedTuple):
    """The orders of a person in one currency; cancelled ones are no orders."""

    currency: str
    orders: int
    gross_minor: int
    refunds_minor: int
    first_order_at: datetime
    last_order_at: datetime


@dataclass(frozen=True, slots=True)
class Activity:
    """What a person did, as of a moment."""

    root: UUID
    as_of: datetime
    money: Sequence[MoneyTotals]
    events: Sequence[EventTotals]

    @property
    def first_order_at(self) -> datetime | None:
        """When the first order was placed."""
        return min((each.first_order_at for each in self.money), default=None)

    @property
    def last_order_at(self) -> datetime | None:
        """When the last order was placed."""
        return max((each.last_order_at for each in self.money), default=None)

    @property
    def days_since_last_order(self) -> int | None:
        """Whole days of 24 hours since then."""
        last = self.last_order_at
        return None if last is None else max(0, (self.as_of - last).days)
