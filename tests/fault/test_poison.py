"""Records that can never be handled, and a handler with a bug: buried once, and nobody else has to wait."""

from uuid import uuid4

import orjson
from installation import Installation, until

from shared.bus.base import OutRecord
from shared.events.topics import DEAD_LETTERS, INGEST, ORDERS
from shared.runtime.progress import empty_projection
from shared.testing.tally.app import service as tally

OPEN = "SELECT consumer, topic, status, attempts FROM dead_letters WHERE status IN ('dead', 'retry')"
# What each of the consumers of a topic buries.
HEARERS = {
    INGEST.name: ("profiles.touchpoints", "touchpoints.recorder"),
    ORDERS.name: (
        "loyalty.checkout",
        "loyalty.orders",
        "metrics.orders",
        "metrics.promises",
        "profiles.activity",
        "surveys.facts",
        "tally.orders",
    ),
}
SERVICES = ("touchpoints", "profiles", "surveys", "loyalty", "metrics", "tally")


def misshapen(event_type: str, topic: str) -> list[OutRecord]:
    """Records no reader of this event can make sense of: no JSON, no envelope, the right type with wrong data."""
    envelope = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "tam/touchpoints",
        "type": event_type,
        "subject": str(uuid4()),
        "time": "2024-05-01T00:00:00+00:00",
        "tamrecorded": "2024-05-01T00:00:00+00:00",
        "data": {"order_id": ["not", "text"], "total_minor": "many"},
    }
    values = (b"\x00\xff{", b"[]", orjson.dumps({**envelope, "time": "yesterday"}), orjson.dumps(envelope))
    return [OutRecord(topic, uuid4().bytes, value) for value in values]


async def open_letters(firm: Installation) -> list[tuple[str, str]]:
    """Consumer and topic of every open dead letter."""
    found = [row for name in SERVICES for row in await firm.rows(name, OPEN)]
    return sorted((row.consumer, row.topic) for row in found)


async def test_poison_is_buried_once_and_the_rest_goes_on(firm: Installation):
    process = firm.process()
    await process.start()
    poison = [
        *misshapen("tam.touchpoints.received.v1", INGEST.name),
        # Of all facts about orders, the one that every consumer hears.
        *misshapen("tam.touchpoints.order_refunded.v1", ORDERS.name),
    ]
    async with firm.load(process).running() as load:
        for record in poison:
            await load.acknowledged(15)
            await firm.bus.append([record])
        await load.acknowledged(50)
        process.kill()
        await process.start()
        await load.acknowledged(20)
    drain = await firm.settled()

    verdict = await firm.judged(process)

    letters = await open_letters(firm)
    announced = await firm.records(DEAD_LETTERS.name)
    print(f"{len(poison)} poison records, {firm.story()}, drained in {drain:.1f} s")
    assert verdict.problems() == []
    assert letters == sorted((hearer, record.topic) for record in poison for hearer in HEARERS[record.topic])
    about = {(dict(each.headers)["dlq-consumer"], each.value) for each in announced}
    assert about == {(hearer.encode(), record.value) for record in poison for hearer in HEARERS[record.topic]}


async def test_a_handler_that_always_fails_for_one_order(firm: Installation):
    process = firm.process()
    await process.start()
    banned = [f"c{number}-1-2" for number in range(6)]
    await ban(firm, banned)
    async with firm.load(process).running() as load:
        await until(lambda: is_open(firm), "an order is buried")
        await load.acknowledged(100)
    drain = await firm.settled()

    verdict = await firm.judged(process)

    dead = {fact.message_id for fact in firm.history.facts.values() if fact.order_id in banned}
    print(f"{len(dead)} facts of orders that cannot be counted, {firm.story()}, drained in {drain:.1f} s")
    assert verdict.lost["tally"] == dead
    assert verdict.number("lost") == len(dead)
    assert verdict.number("doubled") == verdict.number("disordered") == verdict.number("phantom") == 0
    assert await open_letters(firm) == [("tally.orders", ORDERS.name)] * len(dead)

    async with firm.database("tally").write() as tx:
        await tx.execute("DELETE FROM banned")
    told = await firm.command("dlq", "retry", "--all")
    await until(lambda: is_open(firm, False), "the letters are resolved")

    mended = await firm.judged(process)

    assert f"{len(dead)} dead letters will be tried again" in told
    assert mended.number("lost") == mended.number("doubled") == 0

    # The bug comes back, and a replay meets the same records: they are told of again.
    await ban(firm, banned)
    for projection in tally.projections:
        await empty_projection(firm.database("tally"), projection)
    await until(lambda: is_open(firm), "the orders are buried again")
    await firm.settled()
    assert await open_letters(firm) == [("tally.orders", ORDERS.name)] * len(dead)


async def ban(firm: Installation, order_ids: list[str]) -> None:
    """Give the tally's handler a bug."""
    async with firm.database("tally").write() as tx:
        await tx.execute("INSERT INTO banned SELECT unnest(CAST(:ids AS text[]))", {"ids": order_ids})


async def is_open(firm: Installation, wanted: bool = True) -> bool:
    return bool(await open_letters(firm)) == wanted


async def test_retrying_what_still_fails_leaves_it_dead(firm: Installation):
    process = firm.process()
    await process.start()
    await firm.bus.append(misshapen("tam.touchpoints.order_placed.v1", ORDERS.name)[:1])
    await until(lambda: is_open(firm), "it is buried")
    await firm.settled()

    await firm.command("dlq", "retry", "--all")

    async def tried_again() -> bool:
        found = [tuple(row[2:]) for name in SERVICES for row in await firm.rows(name, OPEN)]
        return found == [("dead", 2)] * len(HEARERS[ORDERS.name])

    await until(tried_again, "they are dead again, with one attempt more")
    assert f"{len(HEARERS[ORDERS.name])} dead letters dropped" in await firm.command("dlq", "drop", "--all")
    assert await open_letters(firm) == []
