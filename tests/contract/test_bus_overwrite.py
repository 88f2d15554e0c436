"""Overwriting records: on the log that can, exactly the doomed ones; on the log that cannot, it says so."""

from uuid import uuid4

from bus_backends import PARTITIONS, collect, consuming

from shared.bus.base import OVERWRITTEN, Bus, Doomed, OutRecord, Record
from shared.bus.kafka import KafkaBus
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Catalogue

ANN, BOB = b"a" * 16, b"b" * 16


def doomed(*needles: bytes) -> Doomed:
    return Doomed(frozenset({ANN}), list(needles), lambda value: any(each in value for each in needles))


async def read_all(bus: Bus, topic: str, number: int) -> list[Record]:
    """So many records of a topic from its beginning, in order per partition."""
    async with consuming(bus, topic, group=f"eyes-{uuid4()}") as consumer:
        found = await collect(consumer, number)
    return sorted(found, key=lambda each: (each.partition, each.offset))


async def test_exactly_the_doomed_records_are_overwritten(bus: Bus):
    headers = (("why", b"ann@shop"),)
    for number in range(3):
        await bus.append(
            [
                OutRecord("orders", ANN, b"ann %d" % number, headers),
                OutRecord("orders", BOB, b"bob %d" % number, headers),
                OutRecord("orders", BOB, b"bob speaks of ann@shop %d" % number),
                OutRecord("touchpoints", ANN, b"another topic"),
            ]
        )
    before = await read_all(bus, "orders", 9)

    number = await bus.overwrite("orders", doomed(b"ann@shop"))

    if isinstance(bus, KafkaBus):
        assert number is None
        assert await read_all(bus, "orders", 9) == before
        return
    assert number == 6
    after = await read_all(bus, "orders", 9)
    assert [(each.partition, each.offset, each.key, each.timestamp) for each in after] == [
        (each.partition, each.offset, each.key, each.timestamp) for each in before
    ]
    for old, new in zip(before, after, strict=True):
        if old.key == ANN or b"ann@shop" in old.value:
            assert (new.value, new.headers) == (OVERWRITTEN, ())
        else:
            assert (new.value, new.headers) == (old.value, old.headers)
    assert [each.value for each in await read_all(bus, "touchpoints", 3)] == [b"another topic"] * 3
    assert await bus.overwrite("orders", doomed(b"ann@shop")) == 0, "what is overwritten is not found again"


async def test_readers_pass_over_what_was_overwritten():
    assert Catalogue((TouchpointReceived,)).decode(OVERWRITTEN) is None


async def test_a_log_begins_where_its_oldest_record_is(bus: Bus):
    assert set((await bus.start_offsets("orders")).values()) == {0}
    await bus.append([OutRecord("orders", BOB, b"x")])

    starts = await bus.start_offsets("orders")

    assert len(starts) == PARTITIONS
    assert set(starts.values()) == {0}


async def test_many_runs_are_walked_to_the_end(bus: Bus):
    if isinstance(bus, KafkaBus):
        return
    for _ in range(3):
        await bus.append([OutRecord("orders", ANN if number % 2 else BOB, b"%d" % number) for number in range(400)])

    assert await bus.overwrite("orders", doomed()) == 600
    assert sum(each.value == OVERWRITTEN for each in await read_all(bus, "orders", 1_200)) == 600
