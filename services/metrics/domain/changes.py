"""What a batch of facts changes: the orders' old part in the figures is taken out, their new part put in."""

from dataclasses import dataclass, field
from datetime import tzinfo
from uuid import UUID

from services.metrics.domain.calendar import day_of
from services.metrics.domain.orders import accounts
from services.metrics.domain.purchases import Bought, Bucket
from shared.events.orders import Order


@dataclass(slots=True)
class Changes:
    """Differences to apply: money per day and currency, purchases per person key, day and currency."""

    zone: tzinfo
    money: dict[Bucket, list[int]] = field(default_factory=dict)
    purchases: dict[UUID, dict[Bucket, Bought]] = field(default_factory=dict)

    def replace(self, before: Order | None, after: Order) -> None:
        """Count `after` instead of `before`."""
        if before is not None:
            self._count(before, -1)
        self._count(after, 1)

    def _count(self, order: Order, sign: int) -> None:
        placing, total = order.placing, order.total
        if placing is not None and total is not None and not order.refunds and not order.is_cancelled:
            # As nearly all are: bought, and nothing went back.
            day, currency, minor = day_of(placing.at, self.zone), total.currency, total.minor
            placed = self.money.setdefault((day, currency), [0, 0, 0, 0])
            placed[0] += sign
            placed[1] += sign * minor
            self._buy(placing.customer, (day, currency), sign, minor)
            return
        part = accounts(order, self.zone)
        for day, currency, sums in part.entries:
            bucket = self.money.get((day, currency))
            if bucket is None:
                self.money[day, currency] = [sign * each for each in sums]
            else:
                for index, each in enumerate(sums):
                    bucket[index] += sign * each
        if part.is_purchase and part.day is not None and placing is not None and total is not None:
            left = sum(sums.gross_minor - sums.refunds_minor for _, _, sums in part.entries)
            self._buy(placing.customer, (part.day, total.currency), sign, left)

    def _buy(self, customer: UUID, bucket: Bucket, sign: int, minor: int) -> None:
        bought = self.purchases.setdefault(customer, {})
        count, net = bought.get(bucket, _NONE)
        bought[bucket] = Bought(count + sign, net + sign * minor)

    def money_changes(self) -> list[tuple[int, str, int, int, int, int]]:
        """Rows (day, currency, orders, gross, refunds, unmatched) that are not all zero, in ascending order."""
        return [
            (day, currency, orders, gross, refunds, unmatched)
            for (day, currency), (orders, gross, refunds, unmatched) in sorted(self.money.items())
            if orders or gross or refunds or unmatched
        ]

    def purchase_changes(self) -> dict[UUID, dict[Bucket, Bought]]:
        """Person keys with what changes of their purchases."""
        found: dict[UUID, dict[Bucket, Bought]] = {}
        for customer, bought in self.purchases.items():
            if changed := {bucket: each for bucket, each in bought.items() if any(each)}:
                found[customer] = changed
        return found


_NONE = Bought(0, 0)
