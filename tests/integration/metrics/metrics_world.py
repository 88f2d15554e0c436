"""What the tests of metrics play with: facts with defaults, and a service that consumes them batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.metrics.app import service as manifest
from services.metrics.ledger import consumers
from services.metrics.service import PROJECTION, MetricsService
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event, EventData
from shared.ids import user_key, uuid7

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """A clock that a test moves."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


def fact(data: EventData, customer: str | UUID, at: datetime, event_id: UUID | None = None) -> Event[Any]:
    """An event about a customer, learnt an hour after it happened."""
    subject = user_key(customer) if isinstance(customer, str) else customer
    return Event(event_id or uuid7(), subject, at, NOW, data)


def placed(order: str, customer: str | UUID, at: datetime, total: int = 1000, currency: str = "USD") -> Event[Any]:
    return fact(OrderPlaced(order_id=order, total_minor=total, currency=currency, source="web"), customer, at)


def changed(order: str, customer: str | UUID, at: datetime, total: int, currency: str = "USD") -> Event[Any]:
    return fact(OrderChanged(order_id=order, total_minor=total, currency=currency, source="web"), customer, at)


def refunded(
    order: str,
    customer: str | UUID,
    at: datetime,
    amount: int | None = None,
    *,
    refund: str = "r1",
    currency: str | None = None,
) -> Event[Any]:
    data = OrderRefunded(order_id=order, refund_id=refund, amount_minor=amount, currency=currency, source="web")
    return fact(data, customer, at)


def cancelled(order: str, customer: str | UUID, at: datetime) -> Event[Any]:
    return fact(OrderCancelled(order_id=order, source="web"), customer, at)


def merged(raw: str | UUID, into: str | UUID, version: int) -> Event[Any]:
    raw, into = (user_key(each) if isinstance(each, str) else each for each in (raw, into))
    return fact(CustomerMerged(from_id=raw, into_id=into, version=version, reason="manual"), raw, NOW)


def unmerged(raw: str | UUID, into: str | UUID, version: int) -> Event[Any]:
    raw, into = (user_key(each) if isinstance(each, str) else each for each in (raw, into))
    return fact(CustomerUnmerged(from_id=raw, into_id=into, version=version, reason="manual"), raw, NOW)


@dataclass
class World:
    """A metrics service on a real database."""

    db: Database
    metrics: MetricsService
    clock: HandClock

    async def consume(self, *events: Event[Any]) -> None:
        """Hand over one batch, as the runner does."""
        async with self.db.write() as tx:
            await self.consume_in(tx, events)

    async def consume_in(self, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
        """Hand over one batch in a transaction of the test's."""
        if isinstance(events[0].data, CustomerMerged | CustomerUnmerged):
            await consumers.follow_identity(self.metrics, tx, events)
        else:
            await consumers.record_orders(self.metrics, tx, events)

    async def rows(self) -> list[str]:
        """All rows of the tables that are a function of the facts."""
        every = " UNION ALL ".join(f"SELECT '{table} ' || row::text FROM {table} AS row" for table in PROJECTION.tables)
        async with self.db.read() as tx:
            return sorted((await tx.execute(every)).scalars())

    async def empty(self) -> None:
        """Forget everything."""
        deleted = ", ".join(f"{table}_gone AS (DELETE FROM {table})" for table in PROJECTION.tables)
        async with self.db.write() as tx:
            await tx.execute(f"WITH {deleted} SELECT 1")


assert manifest.projections == (PROJECTION,)
