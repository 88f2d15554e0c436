"""The last records in memory: always what the database has, or nothing."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.base import OutRecord, Partition
from shared.bus.postgres.tail import PARTITION_BYTES, TAIL_BYTES, Tail

HERE = Partition("orders", 0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_tail() -> Tail:
    tail = Tail()
    tail.read_by(["orders"], 1)
    return tail


def written(number: int, *, first: int = 0, size: int = 10) -> list[OutRecord]:
    return [OutRecord("orders", b"k", (b"%d" % offset).ljust(size)) for offset in range(first, first + number)]


def test_what_was_written_is_read_from_any_position():
    tail = a_tail()
    tail.remember(HERE, 5, written(10, first=5), NOW)

    assert [record.offset for record in tail.read(HERE, 8, 3)] == [8, 9, 10]
    assert [int(record.value) for record in tail.read(HERE, 5, 100)] == list(range(5, 15))
    assert tail.read(HERE, 4, 100) == ()
    assert list(tail.read(HERE, 15, 100)) == []


def test_nothing_is_kept_for_nobody():
    tail = Tail()
    tail.remember(HERE, 0, written(3), NOW)
    assert tail.read(HERE, 0, 10) == ()

    tail.read_by(["orders"], 1)
    tail.remember(HERE, 3, written(3, first=3), NOW)
    assert len(tail.read(HERE, 3, 10)) == 3

    tail.read_by(["orders"], -1)
    assert tail.read(HERE, 3, 10) == ()


def test_memory_is_bounded_however_many_partitions_there_are():
    for partitions in (1, 100, 5_000):
        tail = a_tail()
        tail.fit(partitions)
        for number in range(100):
            for index in range(min(partitions, 100)):
                tail.remember(Partition("orders", index), number * 10, written(10, size=5_000), NOW)
        kept = [sum(len(record.value) for record in each.records) for each in tail._tails.values()]
        assert max(kept) <= min(PARTITION_BYTES, TAIL_BYTES // partitions)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(1, 200_000)), max_size=30), st.data())
def test_a_read_is_what_the_log_has_and_nothing_else(steps: list[tuple[bool, int, int]], data: st.DataObject):
    """INVARIANT: whatever others append in between, a read gives the log's next records, all or some or none.

    Breaks if a gap is bridged.
    """
    tail = a_tail()
    log: list[bytes] = []
    for ours, number, size in steps:
        records = written(number, first=len(log), size=size)
        if ours:
            tail.remember(HERE, len(log), records, NOW)
        log += [record.value for record in records]
        position = data.draw(st.integers(0, len(log)))
        found = tail.read(HERE, position, 7)
        assert [record.value for record in found] == log[position : position + min(7, len(found))]
        assert all(record.offset == position + place for place, record in enumerate(found))
