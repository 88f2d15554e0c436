"""What both bus drivers promise about partitions that are added: nothing is lost, moved or read twice."""

from bus_backends import PARTITIONS, TOPICS, Backend, collect, consuming, records, started

from shared.bus.base import Bus, partition_of

MORE = PARTITIONS + 3


async def test_added_partitions_take_records_and_those_before_stay(bus: Bus, backend: Backend):
    """INVARIANT: records stay where they are; whoever starts later writes to all partitions, whoever ran before to
    those it knew; a reader has all of them once."""
    orders = [topic for topic in TOPICS if topic.name == "orders"]
    await bus.append(records("orders", 20, 1))
    before = await bus.end_offsets("orders")

    await bus.add_partitions(orders, partitions=MORE)
    await bus.append(records("orders", 20, 1, start=1))
    async with started(backend.make()) as later:
        await later.append(records("orders", 20, 1, start=2))
        ends = await later.end_offsets("orders")
        async with consuming(later) as consumer:
            found = await collect(consumer, 60)
        # Fewer, or as many, change nothing.
        await later.add_partitions(orders, partitions=PARTITIONS)
        assert len(await later.end_offsets("orders")) == MORE

    assert (len(before), len(ends)) == (PARTITIONS, MORE)
    assert len({(record.partition, record.offset) for record in found}) == len(found) == 60
    places = {(record.key, record.value.split(b":")[-1]): record.partition.index for record in found}
    for (key, sequence), index in places.items():
        assert index == partition_of(key, MORE if sequence == b"2" else PARTITIONS), (key, sequence)
    assert any(index >= PARTITIONS for index in places.values())
