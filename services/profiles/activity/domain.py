"""Events counted per local day, orders as `shared.events.orders` folds them: what a person did in sum."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from services.profiles.rfm.domain import Scale, Scores, scores
from services.profiles.told.domain import Standing
from shared.events.orders import Order, payments_back


def refunded_minor(order: Order) -> int:
    """How much of the total went back; a refund in another currency than the order's moves nothing."""
    if order.total is None:
        return 0
    return sum(paid or 0 for _, paid in payments_back(order.refunds, order.total))


class EventCell(NamedTuple):
    """One raw person key, one name of an event, one local day of the firm."""

    customer_id: UUID
    name: str
    day: date


# Of one event under one key and on one day, as many of the latest moments are kept: what sequences are looked for in.
MAX_INSTANTS = 20


@dataclass(slots=True)
class Tally:
    """How often an event was seen on a day, first and last when, and at which moments (the latest, in any order)."""

    count: int
    first_at: datetime
    last_at: datetime
    instants: list[datetime] = field(default_factory=list)

    @classmethod
    def of(cls, at: datetime) -> "Tally":
        """Seen once."""
        return cls(1, at, at, [at])

    def add(self, at: datetime) -> None:
        """One more."""
        self.count += 1
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        self.instants.append(at)
        if len(self.instants) > MAX_INSTANTS:
            self.instants.remove(min(self.instants))


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
    told: Standing
    scale: Scale

    @property
    def first_order_at(self) -> datetime | None:
        """When the first order was placed."""
        return min((each.first_order_at for each in self.money), default=None)

    @property
    def last_order_at(self) -> datetime | None:
        """When the last order was placed."""
        return max((each.last_order_at for each in self.money), default=None)

    @property
    def scores(self) -> Scores | None:
        """What the person scores on the firm's scale; None: no orders."""
        net = sum(each.gross_minor - each.refunds_minor for each in self.money if each.currency == self.scale.currency)
        orders = sum(each.orders for each in self.money)
        return scores(self.scale, orders=orders, last_order_at=self.last_order_at, net_minor=net, now=self.as_of)

    @property
    def days_since_last_order(self) -> int | None:
        """Whole days of 24 hours since then."""
        last = self.last_order_at
        return None if last is None else max(0, (self.as_of - last).days)
