"""What an order means for the figures, as now known."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from services.metrics.domain.calendar import day_of
from shared.events.orders import Order, Refund, Total, payments_back

# Stands for the currency of a refund whose order, and so whose currency, is not known.
NO_CURRENCY = "XXX"


class Sums(NamedTuple):
    """What orders add to one day and currency; `unmatched` counts refunds that no order's money could wholly pay."""

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
    for refund, paid in payments_back(refunds, total):
        day = day_of(refund.at, zone)
        if paid is None:
            entries.append(Entry(day, refund.currency or NO_CURRENCY, _STRAY))
            continue
        is_beyond = refund.minor is not None and refund.minor > paid
        if paid or is_beyond:
            entries.append(Entry(day, total.currency, Sums(refunds_minor=paid, unmatched=int(is_beyond))))
        left -= paid
    return entries, left
