"""What is known of an order: facts folded by order id, the same in whatever order and however often they come.

The folding rules, each a minimum, a maximum or a union, so that they commute and repeat without effect:

* An order is placed at the earliest time an `OrderPlaced` gives (an `OrderChanged`, while there is none), by the
  customer that fact names.
* Its total is the one of the latest fact that states one.
* Of several refunds with one id the latest holds. Refunds count in the order of their times, each up to what is left.
* A cancelled order stays cancelled, and never was.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import day_of
from shared.errors import Poison
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.money import EXPONENTS, MAX_MINOR

OrderFact = OrderPlaced | OrderChanged | OrderRefunded | OrderCancelled

# Stands for the currency of a refund whose order, and so whose currency, is not known.
NO_CURRENCY = "XXX"


class Placing(NamedTuple):
    """The fact that places an order; the smallest one holds."""

    is_change: bool
    at: datetime
    event_id: UUID
    customer: UUID


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
        return Order(
            placing if order.placing is None else min(order.placing, placing),
            total if order.total is None else max(order.total, total),
            order.refunds,
            order.is_cancelled,
        )
    if isinstance(fact, OrderRefunded):
        _check(fact.amount_minor, fact.currency)
        refund = Refund(event.time, event.id, fact.amount_minor, fact.currency)
        known = order.refunds.get(fact.refund_id)
        if known is not None and known[:2] >= refund[:2]:
            return order
        return Order(order.placing, order.total, {**order.refunds, fact.refund_id: refund}, order.is_cancelled)
    return Order(order.placing, order.total, order.refunds, is_cancelled=True)


def _check(minor: int | None, currency: str | None) -> None:
    if minor is not None and not 0 <= minor <= MAX_MINOR:
        raise Poison("the amount is negative or too large to be money")
    if currency is not None and currency not in EXPONENTS:
        raise Poison("the currency is no ISO 4217 code")


class Sums(NamedTuple):
    """What orders add to one day and currency; `unmatched` counts refunds that no order's money could pay."""

    orders: int = 0
    gross_minor: int = 0
    refunds_minor: int = 0
    unmatched: int = 0


class Entry(NamedTuple):
    """Sums of one day and currency."""

    day: int
    currency: str
    sums: Sums


class Accounts(NamedTuple):
    """What one order means for the figures: entries per day and currency, and whether it is a purchase.

    A purchase is an order that is neither cancelled nor fully refunded; `day` is its day, None for an order that is
    not known yet or cancelled.
    """

    day: int | None
    entries: tuple[Entry, ...]
    is_purchase: bool


NOTHING = Accounts(None, (), is_purchase=False)


def accounts(order: Order, zone: tzinfo) -> Accounts:
    """The order's part in the figures, as now known."""
    if order.is_cancelled:
        return NOTHING
    placing, total = order.placing, order.total
    if placing is None or total is None:
        stray = (Entry(day_of(each.at, zone), each.currency or NO_CURRENCY, _STRAY) for each in order.refunds.values())
        return Accounts(None, tuple(stray), is_purchase=False)
    day = day_of(placing.at, zone)
    placed = Entry(day, total.currency, Sums(1, total.minor))
    if not order.refunds:
        return Accounts(day, (placed,), is_purchase=True)
    refunds, left = _refunded(order.refunds, total, zone)
    return Accounts(day, (placed, *refunds), is_purchase=left > 0 or total.minor == 0)


_STRAY = Sums(unmatched=1)


def _refunded(refunds: Mapping[str, Refund], total: Total, zone: tzinfo) -> tuple[list[Entry], int]:
    """Entries of the refunds, and what is left of the total."""
    entries: list[Entry] = []
    left = total.minor
    for _, refund in sorted(refunds.items(), key=lambda item: (item[1].at, item[1].event_id, item[0])):
        day = day_of(refund.at, zone)
        if refund.currency not in (None, total.currency):
            entries.append(Entry(day, refund.currency or NO_CURRENCY, _STRAY))
            continue
        paid = left if refund.minor is None else min(refund.minor, left)
        if paid:
            entries.append(Entry(day, total.currency, Sums(refunds_minor=paid)))
            left -= paid
    return entries, left
