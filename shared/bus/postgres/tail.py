"""The last records of each partition that this process wrote itself, for the consumers beside it.

Where writer and readers share a process (embedded, or one worker), a record is read as often as there are groups and
from the database not at all. A gap, left by another process or an append of unknown outcome, empties the partition's
tail: what is in it is always what the database has.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.bus.base import OutRecord, Partition, Record

# Of all partitions together, and of one at most: a reader further behind asks the database.
TAIL_BYTES = 32_000_000
PARTITION_BYTES = 1_000_000


class _Tail:
    """Records with consecutive offsets from `base` on."""

    __slots__ = ("base", "bytes", "records")

    def __init__(self, base: int) -> None:
        self.base = base
        self.bytes = 0
        self.records: list[Record] = []


class Tail:
    """The tails of the topics that somebody here reads."""

    def __init__(self) -> None:
        self._tails: dict[Partition, _Tail] = {}
        self._limit = PARTITION_BYTES
        self._readers: dict[str, int] = {}

    def fit(self, partitions: int) -> None:
        """Share the memory among so many partitions."""
        self._limit = min(PARTITION_BYTES, TAIL_BYTES // max(1, partitions))

    def read_by(self, topics: Sequence[str], change: int) -> None:
        """One reader more (`change` 1) or less (-1)."""
        for topic in topics:
            self._readers[topic] = self._readers.get(topic, 0) + change
            if self._readers[topic] == 0:
                self._tails = {partition: tail for partition, tail in self._tails.items() if partition.topic != topic}

    def forget(self, topic: str) -> None:
        """What was written on this topic was overwritten in the database."""
        self._tails = {partition: tail for partition, tail in self._tails.items() if partition.topic != topic}

    def remember(self, partition: Partition, base: int, written: Sequence[OutRecord], at: datetime) -> None:
        """These records are durable, the first one at `base`."""
        if not self._readers.get(partition.topic):
            return
        tail = self._tails.get(partition)
        if tail is None or tail.base + len(tail.records) != base:
            tail = self._tails[partition] = _Tail(base)
        for offset, (_, key, value, headers) in enumerate(written, base):
            tail.records.append(Record(partition, offset, key, value, headers, at))
            tail.bytes += len(value)
        if tail.bytes > self._limit:
            self._shorten(tail)

    def read(self, partition: Partition, position: int, max_records: int) -> Sequence[Record]:
        """The records from `position` on; none if they are not here."""
        tail = self._tails.get(partition)
        if tail is None or position < tail.base:
            return ()
        return tail.records[position - tail.base : position - tail.base + max_records]

    def _shorten(self, tail: _Tail) -> None:
        # By half at once, so that records are moved together seldom.
        gone = 0
        while gone < len(tail.records) and tail.bytes > self._limit // 2:
            tail.bytes -= len(tail.records[gone].value)
            gone += 1
        del tail.records[:gone]
        tail.base += gone
