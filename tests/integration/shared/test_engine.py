"""Transactions: what is emitted leaves with the commit, or not at all."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.bus.base import RecordTooLarge
from shared.db.engine import Database, async_url, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.events.catalogue.touchpoints import OrderPlaced
from shared.events.envelope import Event

MOMENT = datetime(2026, 1, 31, tzinfo=UTC)


def an_order(order_id: str = "o-1") -> Event[OrderPlaced]:
    data = OrderPlaced(order_id=order_id, total_minor=1, currency="VND", source="web")
    return Event(id=uuid4(), subject=uuid4(), time=MOMENT, recorded=MOMENT, data=data)


async def waiting(db: Database) -> list[str]:
    """The order ids in the outbox, in the order they would leave."""
    async with db.read() as tx:
        rows = await tx.execute("SELECT value FROM outbox_records ORDER BY id, place")
        return [orjson.loads(row.value)["data"]["order_id"] for row in rows]


async def test_events_leave_with_the_effect_and_in_order(db: Database, outbox: OutboxWriter):
    async with db.write() as tx:
        await tx.execute("INSERT INTO effects (what) VALUES ('sold')")
        for number in range(5):
            tx.emit(an_order(str(number)))
        assert not outbox.wake.is_set()

    assert await waiting(db) == ["0", "1", "2", "3", "4"]
    assert outbox.wake.is_set()


async def test_a_record_on_the_way_out_is_keyed_by_its_customer(db: Database):
    event = an_order()
    async with db.write() as tx:
        tx.emit(event)

    async with db.read() as tx:
        row = (await tx.execute("SELECT topic, key, headers FROM outbox_records")).one()
    assert (row.topic, row.key, row.headers) == ("orders", event.subject.bytes, None)


async def test_a_failure_takes_effect_and_events_with_it(db: Database, outbox: OutboxWriter):
    with pytest.raises(ZeroDivisionError):
        async with db.write() as tx:
            await tx.execute("INSERT INTO effects (what) VALUES ('sold')")
            tx.emit(an_order())
            raise ZeroDivisionError

    assert await waiting(db) == []
    assert not outbox.wake.is_set()
    async with db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM effects")).scalar_one() == 0


async def test_a_failure_of_the_commit_takes_the_events_with_it(db: Database, outbox: OutboxWriter):
    """A deferred constraint speaks only at the commit."""
    async with db.write() as tx:
        await tx.execute("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(DBAPIError, match="duplicate key"):
        async with db.write() as tx:
            await tx.execute("INSERT INTO once VALUES (1), (1)")
            tx.emit(an_order())

    assert await waiting(db) == []
    assert not outbox.wake.is_set()


async def test_a_cancelled_use_case_leaves_nothing(db: Database):
    at_work = asyncio.Event()

    async def use_case() -> None:
        async with db.write() as tx:
            tx.emit(an_order())
            await tx.execute("INSERT INTO effects (what) VALUES ('sold')")
            at_work.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(use_case())
    await at_work.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await waiting(db) == []
    async with db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM effects")).scalar_one() == 0


async def test_without_an_outbox_an_event_is_refused_with_its_effect(db: Database):
    mute = Database(db.engine, schema=db.schema)

    with pytest.raises(RuntimeError, match="no outbox"):
        async with mute.write() as tx:
            await tx.execute("INSERT INTO effects (what) VALUES ('sold')")
            tx.emit(an_order())

    async with db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM effects")).scalar_one() == 0


async def test_an_event_that_no_bus_takes_is_refused_before_it_holds_up_the_outbox(db: Database):
    with pytest.raises(RecordTooLarge):
        async with db.write() as tx:
            tx.emit(an_order("x" * 1_000_000))

    assert await waiting(db) == []


async def test_actions_run_after_the_commit_and_only_then(db: Database):
    ran: list[str] = []
    async with db.write() as tx:
        tx.after_commit(lambda: ran.append("first"))
        tx.after_commit(lambda: ran.append("second"))
        assert ran == []
    assert ran == ["first", "second"]

    with pytest.raises(ZeroDivisionError):
        async with db.write() as tx:
            tx.after_commit(lambda: ran.append("never"))
            raise ZeroDivisionError
    assert ran == ["first", "second"]


async def test_a_read_sees_one_moment_and_cannot_write(db: Database):
    async with db.read() as reading:
        before = (await reading.execute("SELECT count(*) FROM effects")).scalar_one()
        async with db.write() as tx:
            await tx.execute("INSERT INTO effects (what) VALUES ('later')")
        assert (await reading.execute("SELECT count(*) FROM effects")).scalar_one() == before

    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with db.read() as tx:
            await tx.execute("INSERT INTO effects (what) VALUES ('x')")


async def test_a_connection_that_read_can_write(database_url: str):
    """What a pool hands out carries nothing over from its last user."""
    db = Database(make_engine(database_url, schema="public", pool_size=2), schema="public")
    async with db.read() as tx:
        assert (await tx.execute("SHOW transaction_isolation")).scalar_one() == "repeatable read"
    async with db.write() as tx:
        assert (await tx.execute("SHOW transaction_isolation")).scalar_one() == "read committed"
        await tx.execute("CREATE TABLE written ()")
    await db.dispose()


async def test_a_service_sees_its_own_schema_and_no_other(db: Database, database_url: str):
    other = Database(make_engine(database_url, schema="metrics"), schema="metrics")

    with pytest.raises(DBAPIError, match="does not exist"):
        async with other.read() as tx:
            await tx.execute("SELECT * FROM effects")
    await other.dispose()


async def test_an_exhausted_pool_says_so_in_time(database_url: str, monkeypatch: pytest.MonkeyPatch):
    engine = make_engine(database_url, schema="public", pool_size=2)
    engine.sync_engine.pool._timeout = 0.2
    db = Database(engine, schema="public")

    async with db.read(), db.read():
        with pytest.raises(PoolTimeout):
            async with db.read():
                pass
    await db.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_urls_of_any_postgresql_scheme_are_taken(scheme: str):
    assert async_url(f"{scheme}://a:b@c/d?x=y") == "postgresql+asyncpg://a:b@c/d?x=y"


def test_urls_of_other_databases_are_not_taken():
    with pytest.raises(ValueError, match="postgresql://"):
        async_url("sqlite:///tam.db")
