"""The runner: each event changes its projection exactly once, and nothing that fails is lost or in the way."""

import asyncio
from itertools import chain
from uuid import UUID, uuid4

import pytest
from delivery_world import CUSTOMER, GROUP, World, a_record, an_order, garbage

from shared.bus.base import MAX_RECORD_BYTES, BusUnavailable, OutRecord, Partition, partition_of
from shared.bus.postgres import PostgresBus
from shared.db.engine import WriteTx
from shared.delivery import runner as runner_module
from shared.delivery.dead_letters import letter, open_letters, set_status
from shared.delivery.inbox import advance
from shared.delivery.outbox import OutboxWriter
from shared.delivery.relay import Relay
from shared.delivery.runner import MAX_ATTEMPTS, Runner
from shared.errors import Poison, Retry
from shared.events.topics import DEAD_LETTERS, ORDERS
from shared.observability import metrics

ZERO = Partition(ORDERS.name, 0)
EIGHT = [str(number) for number in range(8)]


def count(metric: object, *labels: str) -> float:
    return metric.labels(*labels)._value.get()


async def test_events_come_in_batches_in_order_and_once(world: World):
    orders = [str(number) for number in range(250)]
    await world.publish(*(an_order(each) for each in orders))

    async with world.running(max_batch=100):
        await world.caught_up()

    assert await world.effects() == orders
    assert max(map(len, world.batches)) == 100
    assert await world.offsets(ZERO) == {ZERO: 250}


async def test_repeats_are_dropped_within_a_batch_and_across(world: World):
    first, second = an_order("first"), an_order("second")
    await world.publish(first, first, second)

    async with world.running():
        await world.caught_up()
        await world.publish(second, first, an_order("third"))
        await world.caught_up()

    assert await world.effects() == ["first", "second", "third"]


async def test_an_idempotent_handler_gets_repeats_of_earlier_batches_and_needs_no_inbox(world: World):
    first, second = an_order("first"), an_order("second")
    world.is_idempotent = True
    await world.publish(first, first, second)

    async with world.running():
        await world.caught_up()
        await world.publish(second, an_order("third"))
        await world.caught_up()

    assert world.batches == [["first", "second"], ["second", "third"]]
    assert await world.rows("SELECT count(*) FROM inbox") == [(0,)]


def customers_of_all_partitions(number: int) -> list[UUID]:
    """A person key for each partition, in order."""
    found: dict[int, UUID] = {}
    while len(found) < number:
        key = uuid4()
        found.setdefault(partition_of(key.bytes, number), key)
    return [found[index] for index in range(number)]


@pytest.mark.parametrize("bus", [4], indirect=True)
async def test_small_batches_of_several_partitions_share_a_transaction(world: World):
    for customer in customers_of_all_partitions(4):
        await world.publish(*(an_order(f"{customer}/{each}", customer=customer) for each in range(3)))

    async with world.running():
        await world.caught_up()

    assert max(map(len, world.batches)) == 12
    assert len(await world.rows("SELECT DISTINCT xmin FROM effects")) == 1
    assert len(await world.rows("SELECT partition FROM offsets WHERE next_offset = 3")) == 4


@pytest.mark.parametrize("bus", [4], indirect=True)
async def test_a_partition_that_fails_holds_up_no_other_it_was_taken_with(world: World):
    guilty, *others = customers_of_all_partitions(4)

    def fail(order_id: str) -> None:
        if order_id == "guilty":
            raise Retry

    world.fail = fail
    await world.publish(an_order("guilty", customer=guilty))
    for customer in others:
        await world.publish(an_order("good", customer=customer))

    async with world.running():
        await world.until_effects(3)
        assert await world.effects() == ["good"] * 3
        world.fail = lambda order_id: None
        await world.caught_up()

    assert sorted(await world.effects()) == ["good", "good", "good", "guilty"]


async def test_events_of_other_types_are_passed_over(world: World):
    other = a_record(an_order("x")).value.replace(b"order_placed.v1", b"order_gifted.v9")
    await world.publish(an_order("1"), OutRecord(ORDERS.name, CUSTOMER.bytes, other), an_order("2"))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1", "2"]
    assert await world.buried() == []


async def test_an_unreadable_record_is_buried_alone_wherever_it_stands(world: World):
    """INVARIANT: one bad record costs itself and nothing else."""
    batches = [[f"{position}/{each}" for each in range(8)] for position in range(8)]

    async with world.running():
        for position, orders in enumerate(batches):
            records = [a_record(an_order(each)) for each in orders]
            records[position] = garbage()
            await world.publish(*records)
            await world.caught_up()

    good = [[each for each in orders if each != f"{n}/{n}"] for n, orders in enumerate(batches)]
    assert world.batches == good
    assert await world.effects() == list(chain.from_iterable(good))
    assert await world.buried() == [9 * position for position in range(8)]


@pytest.mark.parametrize("error", [Poison("never"), ValueError("a bug")])
async def test_an_event_that_no_handler_survives_is_buried_alone_wherever_it_stands(world: World, error: Exception):
    batches = [[f"{position}/{each}" for each in range(8)] for position in range(8)]

    def fail(order_id: str) -> None:
        position, _, number = order_id.partition("/")
        if position == number:
            raise error

    world.fail, world.emits = fail, True
    async with world.running():
        for orders in batches:
            await world.publish(*(an_order(each) for each in orders))
            await world.caught_up()

    good = [each for n, orders in enumerate(batches) for each in orders if each != f"{n}/{n}"]
    assert await world.effects() == good
    assert await world.buried() == [9 * position for position in range(8)]
    of_orders = f"SELECT count(*) FROM outbox_records WHERE topic = '{ORDERS.name}'"
    assert await world.rows(of_orders) == [(len(good),)]
    tries_of_the_whole = 1 if isinstance(error, Poison) else MAX_ATTEMPTS
    assert [world.batches.count(orders) for orders in batches] == [tries_of_the_whole] * 8


async def test_several_bad_events_are_each_buried(world: World):
    def fail(order_id: str) -> None:
        if order_id in ("0", "3", "4", "7"):
            raise ValueError(order_id)

    world.fail = fail
    await world.publish(*(an_order(each) for each in EIGHT), garbage())

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1", "2", "5", "6"]
    assert await world.buried() == [0, 3, 4, 7, 8]


async def test_a_handler_that_always_fails_buries_all_and_loses_none(world: World):
    def fail(order_id: str) -> None:
        raise ValueError(order_id)

    world.fail = fail
    orders = [an_order(each) for each in EIGHT]
    await world.publish(*orders)

    async with world.running():
        await world.caught_up()

    assert await world.effects() == []
    kept = await world.rows('SELECT value FROM dead_letters ORDER BY "offset"')
    assert kept == [(a_record(order).value,) for order in orders]


async def test_a_dead_letter_says_where_and_what_but_not_in_whose_words(world: World):
    email, name = "lan@shop.example", "Nguyễn Thị Lan\x00 \ud800"

    def fail(order_id: str) -> None:
        raise ValueError(name) from KeyError(email)

    world.fail = fail
    event = an_order("1")
    await world.publish(event)
    async with world.running():
        await world.caught_up()

    async with world.db.read() as tx:
        (dead,) = await open_letters(tx)
        _, place, value = await letter(tx, dead.id)
    assert (dead.consumer, dead.topic, dead.partition, dead.offset) == (GROUP, ORDERS.name, 0, 0)
    assert (dead.error_class, dead.error, dead.attempts, dead.status) == ("ValueError", "", 4, "dead")
    assert all(part in place for part in (f"{__file__}:", "in fail: raise ValueError(name)", "KeyError"))
    assert not any(word in place for word in ("Nguyễn", "lan@"))
    assert value == a_record(event).value


async def test_a_dead_letter_is_announced_with_the_reason_but_no_text_of_the_error(world: World, outbox: OutboxWriter):
    await world.publish(garbage(b"Nguyen Van A"))

    async with world.running():
        await world.caught_up()

    ((topic, value, headers),) = await world.rows("SELECT topic, value, headers FROM outbox_records")
    assert (topic, value) == (DEAD_LETTERS.name, b"Nguyen Van A")
    assert dict(headers) == {
        "dlq-consumer": GROUP,
        "dlq-topic": ORDERS.name,
        "dlq-partition": "0",
        "dlq-offset": "0",
        "dlq-error-class": "Poison",
        "dlq-attempts": "1",
    }


async def test_a_dead_letter_as_large_as_a_bus_takes_does_not_stop_the_relay(
    world: World, bus: PostgresBus, outbox: OutboxWriter
):
    """Its announcement is larger than the record, which was as large as can be."""
    largest = garbage(b"x" * (MAX_RECORD_BYTES - 16))
    await world.publish(largest)

    async with world.running():
        await world.caught_up()
    await Relay(db=world.db, bus=bus, outbox=outbox, owner=uuid4()).relay_once()

    assert await world.rows("SELECT length(value) FROM dead_letters") == [(len(largest.value),)]
    assert await world.rows("SELECT count(*) FROM outbox") == [(0,)]
    assert sum((await bus.end_offsets(DEAD_LETTERS.name)).values()) == 1


async def test_a_dead_record_may_have_any_bytes_in_its_headers(world: World):
    """What cannot be buried would hold up its partition for ever."""
    headers = (("trace\x00", b"\x00\xff"), ("đ", b""))
    await world.publish(garbage()._replace(headers=headers), an_order("1"))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1"]
    assert await world.rows("SELECT headers FROM dead_letters") == [([["trace\x00", "\x00ÿ"], ["đ", ""]],)]


async def test_an_event_too_large_to_emit_is_buried_and_the_rest_goes_on(world: World):
    async def swell(tx: WriteTx, events: list) -> None:
        for event in events:
            await tx.execute("INSERT INTO effects (what) VALUES (:what)", {"what": event.data.order_id})
            tx.emit(an_order("x" * MAX_RECORD_BYTES if event.data.order_id == "2" else "copy"))

    world.handle = swell
    await world.publish(*(an_order(each) for each in ("1", "2", "3")))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1", "3"]
    assert await world.buried() == [1]


@pytest.mark.parametrize(
    "error",
    [Retry("soon"), BusUnavailable("away"), ConnectionRefusedError(), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_passing_fault_is_tried_for_as_long_as_it_lasts(world: World, error: Exception):
    """INVARIANT: an outage buries nothing, however long."""
    tries = 0

    def fail(order_id: str) -> None:
        nonlocal tries
        tries += 1
        if tries <= 3 * MAX_ATTEMPTS:
            raise error

    world.fail = fail
    await world.publish(*(an_order(each) for each in EIGHT))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == EIGHT
    assert await world.buried() == []
    assert len(world.batches) == 3 * MAX_ATTEMPTS + 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$",
    ],
)
async def test_a_fault_of_the_database_is_tried_for_as_long_as_it_lasts(world: World, statement: str):
    tries = 0

    async def fall(tx: WriteTx, events: list) -> None:
        nonlocal tries
        tries += 1
        await tx.execute("INSERT INTO effects (what) VALUES ('done')")
        if tries <= 2 * MAX_ATTEMPTS:
            await tx.execute(statement)

    world.handle = fall
    await world.publish(an_order("1"))
    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["done"]
    assert await world.buried() == []


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT CAST(:x AS bigint)", {"x": 2**70}),
        ("SELECT CAST(:x AS text)", {"x": "zero \x00 byte"}),
        ("SELECT CAST(:x AS text)", {"x": "half \ud800"}),
        ("INSERT INTO effects (what) VALUES (:x)", {"x": None}),
        ("SELECT 1 / CAST(:x AS int)", {"x": 0}),
    ],
)
async def test_data_that_the_database_refuses_are_no_passing_fault(world: World, statement: str, parameters: dict):
    """Else one record would hold up its partition for ever."""

    async def refused(tx: WriteTx, events: list) -> None:
        for event in events:
            if event.data.order_id == "2":
                await tx.execute(statement, parameters)
            await tx.execute("INSERT INTO effects (what) VALUES (:what)", {"what": event.data.order_id})

    world.handle = refused
    await world.publish(*(an_order(each) for each in ("1", "2", "3")))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1", "3"]
    assert await world.buried() == [1]


@pytest.mark.parametrize("bus", [2], indirect=True)
async def test_while_one_partition_waits_the_others_go_on(world: World):
    elsewhere = next(
        each for each in (uuid4() for _ in range(99)) if partition_of(each.bytes, 2) != partition_of(CUSTOMER.bytes, 2)
    )
    is_back = False

    def fail(order_id: str) -> None:
        if order_id.startswith("held") and not is_back:
            raise Retry("not yet")

    world.fail = fail
    async with world.running():
        await world.publish(an_order("held 1"), an_order("held 2"))
        for number in range(3):
            await world.publish(an_order(f"free {number}", customer=elsewhere))
            await world.until_effects(number + 1)
        assert await world.effects() == ["free 0", "free 1", "free 2"]

        is_back = True
        await world.caught_up()

    assert await world.effects() == ["free 0", "free 1", "free 2", "held 1", "held 2"]


async def test_a_worker_that_was_overtaken_is_fenced_and_goes_on_from_there(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """INVARIANT: what a successor has committed, its zombie does not commit again.

    Breaks if the runner trusts its own position: the five effects below would be doubled.
    """
    monkeypatch.setattr(runner_module, "LOOK_SECONDS", 3600)
    fenced = count(metrics.CONSUMER_FENCED, GROUP)
    async with world.running() as zombie:
        await world.until(lambda: _is_assigned(zombie))
        async with world.db.write() as tx:
            await advance(tx, GROUP, ZERO, expected=0, next_offset=5)
            await tx.execute("INSERT INTO effects (what) SELECT n::text FROM generate_series(0, 4) n ORDER BY n")
        await world.publish(*(an_order(each) for each in EIGHT))
        await world.caught_up()

    assert await world.effects() == EIGHT
    assert count(metrics.CONSUMER_FENCED, GROUP) == fenced + 1


async def test_a_worker_waits_for_the_batch_of_another_and_does_not_repeat_it(world: World):
    """The old owner is still at work when the new one begins: one of them commits."""
    await world.publish(*(an_order(each) for each in EIGHT))
    async with world.db.write() as tx:
        await advance(tx, GROUP, ZERO, expected=0, next_offset=8)
        async with world.running():
            await asyncio.sleep(0.5)
            assert world.batches == []
            await tx.execute("INSERT INTO effects (what) SELECT n::text FROM generate_series(0, 7) n ORDER BY n")
            await tx.connection.commit()
            await world.publish(an_order("8"))
            await world.caught_up()

    assert await world.effects() == [*EIGHT, "8"]


async def test_where_to_read_on_is_the_databases_word_not_the_buses(world: World, bus: PostgresBus):
    """The bus heard of an offset that was never committed, or missed one that was."""
    await world.publish(*(an_order(each) for each in EIGHT))
    liar = bus.consumer(topics=[ORDERS.name], group=GROUP)
    await liar.start()
    await liar.commit({ZERO: 8})
    await liar.stop()

    async with world.running():
        await world.caught_up()

    assert await world.effects() == EIGHT


async def test_a_drained_runner_ends_its_batch_and_the_next_goes_on(world: World):
    await world.publish(an_order("1"))
    first = world.runner()
    task = asyncio.create_task(first.run())
    await world.caught_up()
    first.drain()
    async with asyncio.timeout(5):
        await task
    await world.publish(an_order("2"))

    async with world.running():
        await world.caught_up()

    assert await world.effects() == ["1", "2"]
    assert world.batches == [["1"], ["2"]]


async def test_an_idle_runner_leaves_as_soon_as_it_is_drained(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 60)
    await world.publish(an_order("1"))
    idle = world.runner()
    task = asyncio.create_task(idle.run())
    await world.caught_up()
    await asyncio.sleep(0.2)

    idle.drain()
    async with asyncio.timeout(5):
        await task


async def test_a_batch_that_is_cut_short_is_handled_once_by_the_next(world: World):
    await world.publish(*(an_order(each) for each in EIGHT))
    is_at_work = asyncio.Event()
    handle = world.handle

    async def hang(tx: WriteTx, events: list) -> None:
        await handle(tx, events)
        is_at_work.set()
        await asyncio.sleep(60)

    world.handle = hang
    async with world.running():
        await is_at_work.wait()
    assert await world.effects() == []

    world.handle = handle
    async with world.running():
        await world.caught_up()

    assert await world.effects() == EIGHT


async def test_a_replay_is_noticed_without_new_events(world: World):
    """INVARIANT: sent back to the beginning, a quiet consumer rebuilds its projection, and it comes out the same."""
    await world.publish(*(an_order(each) for each in EIGHT), garbage())
    async with world.running():
        await world.caught_up()
        async with world.db.write() as tx:
            await tx.execute("UPDATE offsets SET next_offset = 0")
            await tx.execute("DELETE FROM inbox")
            await tx.execute("TRUNCATE effects")
        await world.caught_up()

    assert await world.effects() == EIGHT
    assert await world.buried() == [8]


class TestRetryOfDeadLetters:
    @pytest.fixture
    async def dead(self, world: World) -> UUID:
        """Order 1 of three is dead, and the worker runs no more."""

        def fail(order_id: str) -> None:
            if order_id == "1":
                raise ValueError("first reason")

        world.fail = fail
        await world.publish(*(an_order(each) for each in ("0", "1", "2")))
        async with world.running():
            await world.caught_up()
        ((letter_id,),) = await world.rows("SELECT id FROM dead_letters")
        return letter_id

    async def retry(self, world: World, letter_id: UUID, expected: str) -> None:
        async with world.db.write() as tx:
            assert await set_status(tx, [letter_id], "retry") == 1
        await self.until_status(world, expected)

    async def until_status(self, world: World, expected: str) -> None:
        async def is_so() -> bool:
            return await world.rows("SELECT status FROM dead_letters") == [(expected,)]

        async with world.running():
            await world.until(is_so)

    async def test_what_was_mended_takes_effect_once(self, world: World, dead: UUID):
        world.fail = lambda order_id: None

        await self.retry(world, dead, "resolved")

        assert await world.effects() == ["0", "2", "1"]
        async with world.db.read() as tx:
            assert await open_letters(tx) == []

    async def test_what_was_not_is_dead_again_with_the_newer_reason(self, world: World, dead: UUID):
        def fail(order_id: str) -> None:
            raise LookupError("second reason")

        world.fail = fail

        await self.retry(world, dead, "dead")

        async with world.db.read() as tx:
            (found,) = await open_letters(tx)
        assert (found.error_class, found.error, found.attempts) == ("LookupError", "", MAX_ATTEMPTS + 1)
        assert await world.effects() == ["0", "2"]

    async def test_a_passing_fault_of_a_retry_is_tried_again(self, world: World, dead: UUID):
        tries = 0

        def fail(order_id: str) -> None:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise Retry("soon")

        world.fail = fail

        await self.retry(world, dead, "resolved")

        assert await world.effects() == ["0", "2", "1"]

    async def test_what_came_again_meanwhile_is_not_done_twice(self, world: World, dead: UUID):
        world.fail = lambda order_id: None
        ((value,),) = await world.rows("SELECT value FROM dead_letters")
        await world.publish(garbage(value))
        async with world.running():
            await world.caught_up()

        await self.retry(world, dead, "resolved")

        assert await world.effects() == ["0", "2", "1"]

    async def test_what_was_dropped_stays_without_effect(self, world: World, dead: UUID):
        world.fail = lambda order_id: None
        async with world.db.write() as tx:
            assert await set_status(tx, None, "dropped") == 1
            assert await set_status(tx, None, "retry") == 0

        async with world.running():
            await world.publish(an_order("3"))
            await world.caught_up()
            await asyncio.sleep(0.3)

        assert await world.effects() == ["0", "2", "3"]


async def _is_assigned(runner: Runner) -> bool:
    return bool(runner._partitions)
