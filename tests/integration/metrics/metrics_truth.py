"""The figures by brute force: straight from the definitions, over raw facts, customer by customer and day by day.

Nothing here is taken from the service: no day numbers, no cells, no folding of states.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events.catalogue.profiles import CustomerMerged
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event

DAY = timedelta(days=1)


@dataclass
class Bought:
    """One order as it counts."""

    customer: UUID | None
    day: date | None
    currency: str
    total: int
    refunds: list[tuple[date, int]]
    unmatched: list[tuple[date, str]]
    is_purchase: bool


@dataclass
class Money:
    orders: int = 0
    gross: int = 0
    refunds: int = 0


class Truth:
    """All figures of a set of facts."""

    def __init__(self, facts: Iterable[Event], identity: Iterable[Event], zone: ZoneInfo) -> None:
        self.zone = zone
        unique = {event.id: event for event in facts}.values()
        self.orders = [
            self._order([event for event in unique if event.data.order_id == order_id])
            for order_id in {event.data.order_id for event in unique}
        ]
        self.orders = [order for order in self.orders if order is not None]
        self.parents: dict[UUID, tuple[int, UUID | None]] = {}
        for event in identity:
            known = self.parents.get(event.data.from_id)
            if known is None or known[0] < event.data.version:
                into = event.data.into_id if isinstance(event.data, CustomerMerged) else None
                self.parents[event.data.from_id] = (event.data.version, into)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def _order(self, facts: Sequence[Event]) -> Bought | None:
        if any(isinstance(event.data, OrderCancelled) for event in facts):
            return None
        placed = [event for event in facts if isinstance(event.data, OrderPlaced)]
        changed = [event for event in facts if isinstance(event.data, OrderChanged)]
        refunds: dict[str, Event] = {}
        for event in sorted(facts, key=lambda event: (event.time, event.id)):
            if isinstance(event.data, OrderRefunded):
                refunds[event.data.refund_id] = event
        in_time = sorted(refunds.values(), key=lambda event: (event.time, event.id))
        if not placed and not changed:
            stray = [(self._day(event.time), event.data.currency or "XXX") for event in in_time]
            return Bought(None, None, "", 0, [], stray, is_purchase=False)
        first = min(placed or changed, key=lambda event: (event.time, event.id))
        last = max(placed + changed, key=lambda event: (event.time, event.id))
        currency, left = last.data.currency, last.data.total_minor
        order = Bought(first.subject, self._day(first.time), currency, left, [], [], is_purchase=True)
        for event in in_time:
            if event.data.currency is not None and event.data.currency != currency:
                order.unmatched.append((self._day(event.time), event.data.currency))
                continue
            amount = left if event.data.amount_minor is None else event.data.amount_minor
            if amount > left:
                order.unmatched.append((self._day(event.time), currency))
            amount = min(amount, left)
            left -= amount
            order.refunds.append((self._day(event.time), amount))
        order.is_purchase = order.total == 0 or left > 0
        return order

    def person(self, raw: UUID) -> frozenset[UUID]:
        """Everybody linked with this key, over any number of links."""
        links = [(child, parent) for child, (_, parent) in self.parents.items() if parent is not None]
        found = {raw}
        while True:
            more = {end for link in links if found & set(link) for end in link} | found
            if more == found:
                return frozenset(found)
            found = more

    def money(self, until: date, *, since: date = date.min, keys: frozenset[UUID] | None = None) -> dict[str, Money]:
        found: dict[str, Money] = {}
        for order in self._of(keys):
            if order.day is None:
                continue
            if since <= order.day <= until:
                money = found.setdefault(order.currency, Money())
                money.orders += 1
                money.gross += order.total
            for day, amount in order.refunds:
                if since <= day <= until and amount:
                    found.setdefault(order.currency, Money()).refunds += amount
        return found

    def unmatched(self, until: date, keys: frozenset[UUID] | None = None) -> int:
        return sum(1 for order in self._of(keys) for day, _ in order.unmatched if day <= until)

    def order_days(self, until: date, keys: frozenset[UUID] | None = None) -> list[date]:
        return sorted(order.day for order in self._of(keys) if order.day is not None and order.day <= until)

    def _of(self, keys: frozenset[UUID] | None) -> list[Bought]:
        return [order for order in self.orders if keys is None or order.customer in keys]

    def purchases(self, until: date) -> dict[frozenset[UUID], list[date]]:
        """The days of each person's purchases, with repeats."""
        found: dict[frozenset[UUID], list[date]] = {}
        for order in self.orders:
            if order.is_purchase and order.day is not None and order.day <= until:
                found.setdefault(self.person(order.customer), []).append(order.day)
        return found

    def histories(self) -> dict[tuple[str, int, date, date], tuple[int, int]]:
        """People, and what they spent after their first day, by currency, further days of buying, first and last."""
        found: dict[tuple[str, int, date, date], tuple[int, int]] = {}
        for currency, days, again in self._buyers():
            key = (currency, len(days) - 1, min(days), max(days))
            people, money = found.get(key, (0, 0))
            found[key] = (people + 1, money + again)
        return found

    def spends(self) -> dict[tuple[str, int, int], int]:
        """People who bought on several days in one currency, by how many more and what they spent on those."""
        found: dict[tuple[str, int, int], int] = {}
        for currency, days, again in self._buyers():
            if len(days) > 1 and currency != "*":
                key = (currency, len(days) - 1, again)
                found[key] = found.get(key, 0) + 1
        return found

    def _buyers(self) -> list[tuple[str, set[date], int]]:
        people: dict[frozenset[UUID], list[Bought]] = {}
        for order in self.orders:
            if order.is_purchase and order.day is not None:
                people.setdefault(self.person(order.customer), []).append(order)
        found = []
        for orders in people.values():
            days, currencies = {order.day for order in orders}, {order.currency for order in orders}
            again = [order.total - sum(paid for _, paid in order.refunds) for order in orders if order.day > min(days)]
            is_one = len(currencies) == 1
            found.append((currencies.pop() if is_one else "*", days, sum(again) if is_one else 0))
        return found

    def customers(self, until: date) -> int:
        return len(self.purchases(until))

    def repeaters(self, until: date) -> int:
        return sum(1 for days in self.purchases(until).values() if len(days) >= 2)

    def active(self, until: date, window: int) -> int:
        oldest = until - (window - 1) * DAY
        return sum(1 for days in self.purchases(until).values() if any(oldest <= day for day in days))

    def lifecycle(self, period: str, until: date) -> dict[str, int]:
        """What customers did in the period of `until`, up to it."""
        start = period_start(period, until)
        before = period_start(period, start - DAY)
        found = {"new": 0, "returning": 0, "resurrecting": 0, "dormant": 0}
        for days in self.purchases(until).values():
            now = any(start <= day <= until for day in days)
            last_time = any(before <= day < start for day in days)
            earlier = any(day < before for day in days)
            if now and not last_time and not earlier:
                found["new"] += 1
            if now and last_time:
                found["returning"] += 1
            if now and not last_time and earlier:
                found["resurrecting"] += 1
            if not now and last_time:
                found["dormant"] += 1
        return found


def period_start(period: str, day: date) -> date:
    while not (period == "day" or (period == "week" and day.weekday() == 0) or (period == "month" and day.day == 1)):
        day -= DAY
    return day


def period_end(period: str, day: date) -> date:
    """The last day of the period."""
    while period_start(period, day + DAY) != day + DAY:
        day += DAY
    return day
