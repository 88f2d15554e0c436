"""What a batch of facts changes: the orders' old part in the figures is taken out, their new part put in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from uuid import UUID

from services.metrics.domain.lifeline import Days
from services.metrics.domain.orders import accounts
from shared.events.orders import Order

Bucket = tuple[int, str]


@dataclass(slots=True)
class Changes:
    """Differences to apply: money per day and currency, purchases per person key and day."""

    zone: tzinfo
    money: dict[Bucket, list[int]] = field(default_factory=dict)
    purchases: dict[UUID, dict[int, int]] = field(default_factory=dict)

    def replace(self, before: Order | None, after: Order) -> None:
        """Count `after` instead of `before`."""
        if before is not None:
            self._count(before, -1)
        self._count(after, 1)

    def _count(self, order: Order, sign: int) -> None:
        part = accounts(order, self.zone)
        for day, currency, sums in part.entries:
            bucket = self.money.get((day, currency))
            if bucket is None:
                self.money[day, currency] = [sign * each for each in sums]
            else:
                for index, each in enumerate(sums):
                    bucket[index] += sign * each
        if part.is_purchase and part.day is not None and order.placing is not None:
            days = self.purchases.setdefault(order.placing.customer, {})
            days[part.day] = days.get(part.day, 0) + sign

    def money_changes(self) -> list[tuple[int, str, int, int, int, int]]:
        """Rows (day, currency, orders, gross, refunds, unmatched) that are not all zero, in ascending order."""
        return [
            (day, currency, orders, gross, refunds, unmatched)
            for (day, currency), (orders, gross, refunds, unmatched) in sorted(self.money.items())
            if orders or gross or refunds or unmatched
        ]

    def purchase_changes(self) -> dict[UUID, dict[int, int]]:
        """Person keys with the days whose number of purchases changes."""
        found: dict[UUID, dict[int, int]] = {}
        for customer, days in self.purchases.items():
            if changed := {day: number for day, number in days.items() if number}:
                found[customer] = changed
        return found


def after_change(days: Days, change: Mapping[int, int]) -> dict[int, int]:
    """Purchases per day after a change; days without any are left out.

    Raises:
        ValueError: a day would have fewer than none, which no set of facts can say.
    """
    after = dict(days)
    for day, number in change.items():
        left = after.pop(day, 0) + number
        if left < 0:
            raise ValueError(f"day {day} would have {left} purchases")
        if left:
            after[day] = left
    return after
