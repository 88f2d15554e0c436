"""The relay: what was committed reaches the bus, in order, and nothing else does."""

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import uuid4

import pytest
from delivery_world import an_order

from shared.bus.base import BusUnavailable, OutRecord, Record
from shared.bus.postgres import PostgresBus
from shared.db.engine import Database
from shared.delivery import outbox as outbox_module
from shared.delivery import relay as relay_module
from shared.delivery.outbox import OutboxWriter, write_records
from shared.delivery.relay import Relay, measure_outbox, waiting
from shared.events.catalogue.touchpoints import OrderPlaced
from shared.events.envelope import Catalogue
from shared.events.topics import DEAD_LETTERS, ORDERS
from shared.observability import metrics

CATALOGUE = Catalogue((OrderPlaced,))


class Faltering:
    """A real bus whose confirmations get lost: it stores, and then does not say so, for the first `times` calls."""

    def __init__(self, bus: PostgresBus, *, times: int) -> None:
        self._bus = bus
        self.left = times

    async def append(self, records: Sequence[OutRecord]) -> None:
        await self._bus.append(records)
        if self.left:
            self.left -= 1
            raise BusUnavailable("no confirmation came")


@pytest.fixture
def make_relay(db: Database, bus: PostgresBus, outbox: OutboxWriter):
    def make(over: object = bus) -> Relay:
        return Relay(db=db, bus=over, outbox=outbox, owner=uuid4())

    return make


async def emit(db: Database, *order_ids: str) -> None:
    async with db.write() as tx:
        for order_id in order_ids:
            tx.emit(an_order(order_id))


async def on_the_bus(bus: PostgresBus, topic: str = ORDERS.name) -> list[Record]:
    reader = bus.consumer(topics=[topic], group=f"test.{uuid4().hex}")
    await reader.start()
    wanted = sum((await bus.end_offsets(topic)).values())
    records: list[Record] = []
    async with asyncio.timeout(20):
        while len(records) < wanted:
            for batch in (await reader.poll(max_records=1_000, max_wait=0.2)).values():
                records += batch
    await reader.stop()
    return records


async def orders_on_the_bus(bus: PostgresBus) -> list[str]:
    return [CATALOGUE.decode(record.value).data.order_id for record in await on_the_bus(bus)]


async def left_in_the_outbox(db: Database) -> int:
    async with db.read() as tx:
        return await waiting(tx)


async def test_events_reach_the_bus_in_order_and_leave_the_outbox(db: Database, bus: PostgresBus, make_relay):
    await emit(db, "1", "2")
    await emit(db, "3")

    assert await make_relay().relay_once() == 3

    assert await orders_on_the_bus(bus) == ["1", "2", "3"]
    assert await left_in_the_outbox(db) == 0


async def test_what_rolled_back_reaches_nobody(db: Database, bus: PostgresBus, make_relay):
    with contextlib.suppress(ZeroDivisionError):
        async with db.write() as tx:
            tx.emit(an_order("never"))
            raise ZeroDivisionError

    assert await make_relay().relay_once() == 0


async def test_an_unconfirmed_batch_is_sent_again_with_the_same_ids(db: Database, bus: PostgresBus, make_relay):
    """INVARIANT: unknown is not done. A crash between the bus and the delete looks the same from here.

    Breaks if rows are deleted before the confirmation: with a bus that lost them, they would be gone.
    """
    await emit(db, "1", "2")
    relay = make_relay(Faltering(bus, times=1))

    with pytest.raises(BusUnavailable):
        await relay.relay_once()
    assert await left_in_the_outbox(db) == 2
    await relay.relay_once()

    records = await on_the_bus(bus)
    assert await orders_on_the_bus(bus) == ["1", "2", "1", "2"]
    assert records[0].value == records[2].value
    assert await left_in_the_outbox(db) == 0


async def test_a_smaller_number_that_commits_later_is_not_skipped(
    db: Database, bus: PostgresBus, outbox: OutboxWriter, make_relay
):
    """INVARIANT: every committed event is published, whatever order commits come in.

    Breaks if the relay remembers how far it came (`id > last`): the slow one has the smaller id.
    """
    relay = make_relay()
    async with db.write() as slow:
        await outbox.write(slow, [an_order("slow")])
        await emit(db, "quick")
        assert await relay.relay_once() == 1
    assert await relay.relay_once() == 1

    assert await orders_on_the_bus(bus) == ["quick", "slow"]


async def test_one_relay_is_active_and_another_takes_over(db: Database, bus: PostgresBus, make_relay):
    first, second = make_relay(), make_relay()
    await emit(db, "1")
    assert await first.relay_once() == 1
    await emit(db, "2")
    assert await second.relay_once() == 0

    async with db.write() as tx:
        await tx.execute("UPDATE leases SET until = now() - interval '1 second'")

    assert await second.relay_once() == 1
    assert await orders_on_the_bus(bus) == ["1", "2"]


async def test_it_goes_on_by_itself_after_an_outage_and_gives_its_lease_back(
    db: Database, bus: PostgresBus, make_relay, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(relay_module, "BACKOFF_SECONDS", 0.01)
    faltering = Faltering(bus, times=3)
    running = asyncio.create_task(make_relay(faltering).run())
    await emit(db, "1")
    async with asyncio.timeout(20):
        while await left_in_the_outbox(db):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert faltering.left == 0
    await emit(db, "2")
    assert await make_relay().relay_once() == 1


async def test_a_commit_wakes_it(db: Database, bus: PostgresBus, make_relay, monkeypatch: pytest.MonkeyPatch):
    """An event need not wait for the next look at the table."""
    monkeypatch.setattr(relay_module, "IDLE_SECONDS", 3600)
    running = asyncio.create_task(make_relay().run())
    await asyncio.sleep(0.2)
    await emit(db, "1")

    async with asyncio.timeout(20):
        while await left_in_the_outbox(db):
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_more_than_a_batch_goes_in_batches(
    db: Database, bus: PostgresBus, make_relay, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(relay_module, "BATCH", 10)
    orders = [str(number) for number in range(25)]
    for order in orders:
        await emit(db, order)
    relay = make_relay()

    assert [await relay.relay_once() for _ in range(4)] == [10, 10, 5, 0]
    assert await orders_on_the_bus(bus) == orders


async def test_a_batch_is_bounded_in_bytes(db: Database, bus: PostgresBus, make_relay, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(relay_module, "BATCH_BYTES", 1_000)
    for order in ("1", "2", "3", "4", "5"):
        await emit(db, order)
    relay = make_relay()

    moved = [await relay.relay_once() for _ in range(6)]
    assert sum(moved) == 5
    assert 1 <= max(moved) < 5
    assert await orders_on_the_bus(bus) == ["1", "2", "3", "4", "5"]


async def test_a_large_transaction_leaves_in_order(
    db: Database, bus: PostgresBus, make_relay, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox_module, "RUN_RECORDS", 10)
    orders = [str(number) for number in range(25)]
    await emit(db, *orders)

    assert await left_in_the_outbox(db) == 25
    assert await make_relay().relay_once() == 25
    assert await orders_on_the_bus(bus) == orders


async def test_headers_and_bytes_come_through_as_they_were(db: Database, bus: PostgresBus, make_relay):
    every_byte = bytes(range(256))
    record = OutRecord(DEAD_LETTERS.name, every_byte, every_byte, (("reason", every_byte), ("reason", b"")))
    bare = OutRecord(DEAD_LETTERS.name, b"", b"")
    async with db.write() as tx:
        await write_records(tx, [record, bare])

    await make_relay().relay_once()

    assert [(read.key, read.value, read.headers) for read in await on_the_bus(bus, DEAD_LETTERS.name)] == [
        record[1:],
        bare[1:],
    ]


async def test_what_waits_is_measured(db: Database, make_relay):
    await emit(db, "1", "2")
    async with db.write() as tx:
        await tx.execute("UPDATE outbox SET created_at = now() - interval '90 seconds'")

    await measure_outbox(db)

    assert metrics.OUTBOX_PENDING.labels(db.schema)._value.get() == 2
    assert metrics.OUTBOX_AGE.labels(db.schema)._value.get() == pytest.approx(90, abs=20)

    await make_relay().relay_once()
    await measure_outbox(db)
    assert metrics.OUTBOX_PENDING.labels(db.schema)._value.get() == 0
    assert metrics.OUTBOX_AGE.labels(db.schema)._value.get() == 0
