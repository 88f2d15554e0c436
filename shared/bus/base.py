"""The bus port. At least once, in order per (topic, key). It never retries a handler and never parses a record.

Both drivers hold the same contract (`tests/contract/test_bus.py`):

* `append` returns only after the records are durable; records of one call and one key keep their order.
* If `append` raises, the outcome is unknown: the caller sends the same records again, and readers drop repeats by id.
* Offsets of a partition grow; a reader never sees a later offset before an earlier one.
* A partition belongs to one consumer of a group at a time, give or take a zombie, which the runner fences in its
  database.
"""

import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.events.topics import Topic

Headers = tuple[tuple[str, bytes], ...]

# An envelope of a type that nobody knows: readers pass it over.
OVERWRITTEN = b'{"type":"tam.bus.overwritten.v1"}'

# Key, value and headers of one record together.
MAX_RECORD_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One ordered log: the `index`-th partition of the topic named `topic`."""

    topic: str
    index: int


class OutRecord(NamedTuple):
    """A record to append."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()


class Record(NamedTuple):
    """A record as read. `timestamp` is when the bus took it."""

    partition: Partition
    offset: int
    key: bytes
    value: bytes
    headers: Headers
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Doomed:
    """Records to be overwritten: those with one of the keys, and those that hold a needle and of which `is_meant` says
    that it really is the thing."""

    keys: Collection[bytes]
    needles: Collection[bytes]
    is_meant: Callable[[bytes], bool]


class BusUnavailable(Exception):
    """The bus did not answer in time or refused; whether records were stored is unknown."""


class UnknownTopic(ValueError):
    """No topic of that name was made on the bus; nothing was stored."""


class RecordTooLarge(ValueError):
    """A record is over `MAX_RECORD_BYTES`; nothing was stored."""


# Called with partitions just taken over; answers where to start each (next offset to read).
# A partition it leaves out starts at the group's committed offset, or at the beginning.
OnAssigned = Callable[[Collection[Partition]], Awaitable[Mapping[Partition, int]]]
# Called before partitions are given up: returns when no work on them is under way.
OnRevoked = Callable[[Collection[Partition]], Awaitable[None]]


class BusConsumer(Protocol):
    """One member of a consumer group. `start` before use, `stop` after."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def poll(self, *, max_records: int, max_wait: float) -> Mapping[Partition, Sequence[Record]]:
        """At most `max_records` per partition, waiting up to `max_wait` seconds for the first."""
        ...

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Store the next offset to read of each partition. A hint for lag and restart: the database's offset rules."""
        ...

    async def rewind(self, positions: Mapping[Partition, int]) -> None:
        """Read on from these offsets."""
        ...

    def pause(self, partitions: Collection[Partition]) -> None: ...

    def resume(self, partitions: Collection[Partition]) -> None: ...

    def assignment(self) -> frozenset[Partition]: ...

    async def lag(self) -> Mapping[Partition, int]:
        """Records between our position and the end, per assigned partition."""
        ...


class Bus(Protocol):
    """A log of records. `start` before use, `stop` after."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def ensure_topics(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Make the topics that are not there yet; those that are keep their partitions."""
        ...

    async def add_partitions(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Give topics as many partitions, where they have fewer; none is ever taken away, no record moves.

        Readers take the new ones over by themselves. A process writes to them once it was started anew, and from then
        on a key may have records in two partitions: who needs them in order waits until what was written before is
        read. Facts are folded in any order.
        """
        ...

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Store the records; durable when it returns.

        Raises:
            BusUnavailable: the outcome is unknown.
            UnknownTopic: nothing was stored.
            RecordTooLarge: nothing was stored.
        """
        ...

    def consumer(
        self,
        *,
        topics: Sequence[str],
        group: str,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> BusConsumer: ...

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The next offset to be written, per partition."""
        ...

    async def start_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The offset of the oldest record that is still there, per partition; the end where there is none."""
        ...

    async def overwrite(self, topic: str, doomed: Doomed) -> int | None:
        """Put `OVERWRITTEN` in place of these records, their offsets and times stay; how many. None: this log cannot,
        and they go when the topic's retention lets go of them."""
        ...

    async def ready(self) -> str | None:
        """None if the bus can take records now, else a sentence that says what is wrong."""
        ...


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key: CRC-32 modulo `count`, the same on both drivers (librdkafka calls it `consistent`)."""
    return zlib.crc32(key) % count


def check_size(record: OutRecord) -> int:
    """The bytes of a record.

    Raises:
        RecordTooLarge: they are more than a bus takes.
    """
    size = len(record.key) + len(record.value)
    for name, value in record.headers:
        size += len(name) + len(value)
    if size > MAX_RECORD_BYTES:
        raise RecordTooLarge(f"a record of {size} bytes is over the {MAX_RECORD_BYTES} a bus takes")
    return size
