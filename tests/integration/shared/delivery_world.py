"""Events on a real bus, runners that consume them, and what they did."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.bus.base import Bus, OutRecord, Partition
from shared.clock import SystemClock
from shared.db.engine import Database, WriteTx
from shared.delivery.inbox import stored_offsets
from shared.delivery.runner import Runner
from shared.events.catalogue.touchpoints import OrderPlaced
from shared.events.envelope import Event, encode
from shared.events.topics import ORDERS

GROUP = "shop.orders"
MOMENT = datetime(2026, 1, 31, tzinfo=UTC)
PATIENCE_SECONDS = 30
CUSTOMER = UUID(int=7)


def an_order(order_id: str, *, customer: UUID = CUSTOMER, event_id: UUID | None = None) -> Event[OrderPlaced]:
    data = OrderPlaced(order_id=order_id, total_minor=1, currency="VND", source="web")
    return Event(id=event_id or uuid4(), subject=customer, time=MOMENT, recorded=MOMENT, data=data)


def a_record(event: Event[OrderPlaced]) -> OutRecord:
    return OutRecord(ORDERS.name, event.subject.bytes, encode(event))


def garbage(value: bytes = b"no event") -> OutRecord:
    return OutRecord(ORDERS.name, CUSTOMER.bytes, value)


@dataclass
class World:
    """`effects` holds what the handler did; `fail` may raise for an order id before it does."""

    db: Database
    bus: Bus
    fail: Callable[[str], None] = lambda order_id: None
    batches: list[list[str]] = field(default_factory=list)
    emits: bool = False
    is_idempotent: bool = False

    async def handle(self, tx: WriteTx, events: Sequence[Event[OrderPlaced]]) -> None:
        self.batches.append([event.data.order_id for event in events])
        for event in events:
            self.fail(event.data.order_id)
            await tx.execute("INSERT INTO effects (what) VALUES (:what)", {"what": event.data.order_id})
            if self.emits:
                tx.emit(an_order(f"copy of {event.data.order_id}"))

    async def publish(self, *events: Event[OrderPlaced] | OutRecord) -> None:
        await self.bus.append([each if isinstance(each, OutRecord) else a_record(each) for each in events])

    def runner(self, *, max_batch: int = 1_000) -> Runner:
        return Runner(
            group=GROUP,
            events=(OrderPlaced,),
            handler=self.handle,
            db=self.db,
            bus=self.bus,
            clock=SystemClock(),
            max_batch=max_batch,
            is_idempotent=self.is_idempotent,
        )

    @contextlib.asynccontextmanager
    async def running(self, *, max_batch: int = 1_000) -> AsyncIterator[Runner]:
        """A runner at work; a failure of it fails the test."""
        runner = self.runner(max_batch=max_batch)
        task = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def caught_up(self) -> None:
        """Wait until every record of the topic was handled, one way or another."""

        async def is_done() -> bool:
            ends = await self.bus.end_offsets(ORDERS.name)
            return await self.offsets(*ends) == ends

        await self.until(is_done)

    async def until_effects(self, number: int) -> None:
        async def are_there() -> bool:
            return len(await self.effects()) >= number

        await self.until(are_there)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await condition():
                await asyncio.sleep(0.02)

    async def offsets(self, *partitions: Partition) -> dict[Partition, int]:
        async with self.db.read() as tx:
            return dict(await stored_offsets(tx, GROUP, partitions))

    async def effects(self) -> list[str]:
        async with self.db.read() as tx:
            return list((await tx.execute("SELECT what FROM effects ORDER BY number")).scalars())

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.db.read() as tx:
            return [tuple(row) for row in await tx.execute(query)]

    async def buried(self) -> list[int]:
        return [offset for (offset,) in await self.rows('SELECT "offset" FROM dead_letters ORDER BY "offset"')]
