"""A consumer of Kafka: one member of a group, made again when it breaks.

aiokafka rebalances in a task of its own and takes all partitions away each time. A partition is handed out by `poll`
only between our own `on_assigned` (with the seek that follows) and `on_revoked`.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError

from shared.bus.base import BusUnavailable, OnAssigned, OnRevoked, Partition, Record
from shared.bus.kafka.link import Link, deadline, discard_consumer
from shared.observability.logging import logger

log = logger(__name__)

# Longer than a rebalance, in which others may finish a batch first.
START_SECONDS = 60.0
REBALANCE_MILLISECONDS = 40_000
REQUEST_MILLISECONDS = 45_000
DRAIN_SECONDS = 30.0
QUERY_SECONDS = 5.0
RETRY_SECONDS = 1.0
# A partition that becomes ours, or is resumed, is noticed after this.
WAIT_SECONDS = 0.1
# A consumer with work before it that hands out nothing for this long is made again.
STUCK_SECONDS = 45.0
FETCH_BYTES = 8_000_000
PARTITION_FETCH_BYTES = 2_000_000


@dataclass(slots=True)
class _Reading:
    """Where we are in a partition that is ours."""

    position: int
    is_paused: bool = False
    moved_at: float = field(default_factory=monotonic)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hears of one aiokafka consumer's assignments."""

    def __init__(self, owner: "KafkaConsumer", inner: AIOKafkaConsumer) -> None:
        self._owner = owner
        self._inner = inner

    async def on_partitions_revoked(self, _: Collection[TopicPartition]) -> None:
        await self._owner.revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._owner.assigned(self._inner, assigned)


class KafkaConsumer:
    """One member of a group; made by `KafkaBus.consumer`."""

    def __init__(
        self,
        link: Link,
        *,
        topics: Sequence[str],
        group: str,
        session_seconds: float,
        on_assigned: OnAssigned | None,
        on_revoked: OnRevoked | None,
    ) -> None:
        self.group = group
        self._link = link
        self._topics = [link.name(topic) for topic in topics]
        self._session_milliseconds = int(session_seconds * 1000)
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._inner: AIOKafkaConsumer | None = None
        self._reading: dict[TopicPartition, _Reading] = {}
        self._announced: set[TopicPartition] = set()
        self._preparing: asyncio.Task[None] | None = None
        self._living: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._broken = asyncio.Event()

    async def start(self) -> None:
        """Begin to join the group; partitions come when the brokers answer."""
        self._living = asyncio.create_task(self._live(), name=f"bus.member.{self.group}")

    async def stop(self) -> None:
        """Finish the work and leave the group; within a deadline, also while the brokers are away."""
        living, self._living = self._living, None
        if living is None:
            return
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living

    async def poll(self, *, max_records: int, max_wait: float) -> Mapping[Partition, Sequence[Record]]:
        """At most `max_records` per partition, waiting up to `max_wait` seconds for the first."""
        until = monotonic() + max_wait
        while True:
            self._wake.clear()
            wanted = [place for place, reading in self._reading.items() if not reading.is_paused]
            remaining = max(0.0, until - monotonic())
            if self._inner is not None and wanted and not self._broken.is_set():
                batches = await self._take(self._inner, wanted, max_records, min(remaining, WAIT_SECONDS))
                if batches:
                    return batches
            elif remaining:
                # Not wait_for: until Python 3.12 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(remaining):
                        await self._wake.wait()
            if monotonic() >= until:
                return {}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Store the next offset to read of each partition.

        Raises:
            BusUnavailable: it may not be stored; the partitions may be somebody else's.
        """
        if not positions:
            return
        if self._inner is None:
            raise BusUnavailable("not a member of the group just now")
        async with deadline(QUERY_SECONDS, "commit"):
            await self._inner.commit({self._place(partition): offset for partition, offset in positions.items()})

    async def rewind(self, positions: Mapping[Partition, int]) -> None:
        """Read on from these offsets; partitions that are not ours are left alone."""
        for partition, offset in positions.items():
            place = self._place(partition)
            reading = self._reading.get(place)
            if reading is not None and self._inner is not None:
                _seek(self._inner, place, offset)
                self._reading[place] = _Reading(offset, reading.is_paused)
        self._wake.set()

    def pause(self, partitions: Collection[Partition]) -> None:
        """Read no more of them for now."""
        self._set_paused(partitions, True)

    def resume(self, partitions: Collection[Partition]) -> None:
        """Read them again."""
        self._set_paused(partitions, False)
        self._wake.set()

    def assignment(self) -> frozenset[Partition]:
        """The partitions that are ours now."""
        return frozenset(map(self._partition, self._reading))

    async def lag(self) -> Mapping[Partition, int]:
        """Records between our position and the end, per assigned partition."""
        inner = self._inner
        if inner is None or not self._reading:
            return {}
        async with deadline(QUERY_SECONDS, "end offsets"):
            ends = await inner.end_offsets(list(self._reading))
        lags = {place: max(0, ends.get(place, 0) - reading.position) for place, reading in self._reading.items()}
        self._watch(lags)
        return {self._partition(place): lag for place, lag in lags.items()}

    def assigned(self, inner: AIOKafkaConsumer, places: Collection[TopicPartition]) -> None:
        """aiokafka was given these partitions. In a task of its own: heartbeats begin only when we return."""
        self._preparing = asyncio.create_task(self._prepare(inner, sorted(places)), name=f"bus.assign.{self.group}")

    async def revoked(self) -> None:
        """All partitions are to be given up: hand out no more, and wait until the work on them is finished."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and not preparing.done():
            preparing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await preparing
        self._reading.clear()
        announced, self._announced = self._announced, set()
        if announced and self._on_revoked is not None:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._on_revoked([self._partition(place) for place in sorted(announced)])
            except Exception as error:  # noqa: BLE001 - the partitions go all the same; a zombie's work is fenced
                log.warning("revocation_failed", consumer=self.group, error=type(error).__name__)

    async def _live(self) -> None:
        """Keep a working aiokafka consumer until cancelled."""
        while True:
            try:
                await self._live_once()
                log.warning("consumer_made_again", consumer=self.group)
            except BusUnavailable as error:
                log.warning("group_not_joined", consumer=self.group, error=type(error.__cause__ or error).__name__)
            except Exception:
                # Whatever aiokafka stumbles on, the member lives on: nobody else would make it again.
                log.exception("consumer_broke", consumer=self.group)
            await asyncio.sleep(RETRY_SECONDS)

    async def _live_once(self) -> None:
        """One aiokafka consumer's life, until it breaks."""
        inner = self._make()
        try:
            async with deadline(START_SECONDS, "join the group"):
                await inner.start()
            self._inner = inner
            self._wake.set()
            self._broken.clear()
            await self._broken.wait()
        finally:
            self._inner = None
            try:
                await self.revoked()
            finally:
                await discard_consumer(inner, leave=True)

    def _make(self) -> AIOKafkaConsumer:
        inner = AIOKafkaConsumer(
            **self._link.options,
            group_id=self._link.prefix + self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            session_timeout_ms=self._session_milliseconds,
            heartbeat_interval_ms=self._session_milliseconds // 5,
            rebalance_timeout_ms=REBALANCE_MILLISECONDS,
            request_timeout_ms=REQUEST_MILLISECONDS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=250,
        )
        inner.subscribe(self._topics, listener=_Listener(self, inner))
        return inner

    async def _prepare(self, inner: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        """Find out where to begin, as long as it takes, then hand the partitions out."""
        while places:
            try:
                starts = await self._starts(inner, places)
            except Exception as error:  # noqa: BLE001 - the callback or the brokers failed: the partitions stay ours
                log.warning("assignment_failed", consumer=self.group, error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for place, start in starts.items():
                inner.seek(place, start)
                self._reading[place] = _Reading(start)
            self._wake.set()
            return

    async def _starts(self, inner: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        partitions = [self._partition(place) for place in places]
        chosen: Mapping[Partition, int] = {}
        self._announced.update(places)
        if self._on_assigned is not None:
            chosen = await self._on_assigned(partitions)
        async with deadline(QUERY_SECONDS, "positions"):
            first = await inner.beginning_offsets(places)
            ends = await inner.end_offsets(places)
            starts: dict[TopicPartition, int] = {}
            for place, partition in zip(places, partitions, strict=True):
                start = chosen.get(partition)
                if start is None:
                    start = await inner.committed(place)
                if start is None or not first[place] <= start <= ends[place]:
                    # Never read, trimmed, or of a log that was made anew.
                    start = first[place]
                starts[place] = start
        return starts

    async def _take(
        self, inner: AIOKafkaConsumer, wanted: Sequence[TopicPartition], max_records: int, wait: float
    ) -> dict[Partition, Sequence[Record]]:
        before = {place: self._reading[place] for place in wanted}
        found: dict[TopicPartition, Sequence[Any]] = {}
        try:
            async with asyncio.timeout(wait + QUERY_SECONDS):
                found.update(await inner.getmany(*wanted, timeout_ms=int(wait * 1000), max_records=max_records))
                # aiokafka counts records over all partitions: of the others take what is there already.
                for place in wanted if found else ():
                    if place not in found:
                        found.update(await inner.getmany(place, timeout_ms=0, max_records=max_records))
        except TimeoutError:
            log.debug("poll_waited_in_vain", consumer=self.group)
        except (KafkaError, OSError) as error:
            self._broken.set()
            if not found:
                raise BusUnavailable(f"Kafka: poll: {type(error).__name__}: {error}") from error
        # What was taken must be handed out, or sought again: aiokafka has moved on behind it.
        return self._hand_out(inner, found, before)

    def _hand_out(
        self,
        inner: AIOKafkaConsumer,
        found: Mapping[TopicPartition, Sequence[Any]],
        before: Mapping[TopicPartition, _Reading],
    ) -> dict[Partition, Sequence[Record]]:
        """What is still ours, and still wanted from where we were when we asked."""
        now = monotonic()
        batches: dict[Partition, Sequence[Record]] = {}
        for place, messages in found.items():
            reading = self._reading.get(place)
            if reading is None or not messages:
                continue
            if reading is not before[place] or reading.is_paused:
                _seek(inner, place, reading.position)
                continue
            if messages[0].offset != reading.position:
                log.warning("offsets_skipped", consumer=self.group, since=reading.position, until=messages[0].offset)
            reading.position = messages[-1].offset + 1
            reading.moved_at = now
            batches[self._partition(place)] = _records(self._partition(place), messages)
        return batches

    def _watch(self, lags: Mapping[TopicPartition, int]) -> None:
        """Break a consumer that is alive but does not consume."""
        now = monotonic()
        for place, lag in lags.items():
            reading = self._reading[place]
            if lag == 0 or reading.is_paused:
                reading.moved_at = now
            elif now - reading.moved_at > STUCK_SECONDS:
                self._broken.set()

    def _set_paused(self, partitions: Iterable[Partition], is_paused: bool) -> None:
        for partition in partitions:
            place = self._place(partition)
            if (reading := self._reading.get(place)) is not None:
                reading.is_paused = is_paused

    def _place(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._link.name(partition.topic), partition.index)

    def _partition(self, place: TopicPartition) -> Partition:
        return Partition(self._link.topic(place.topic), place.partition)


def _seek(inner: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
    # Between two assignments there is nothing to seek in; the next one begins with a seek of its own.
    with contextlib.suppress(IllegalStateError):
        inner.seek(place, offset)


def _records(partition: Partition, messages: Sequence[Any]) -> list[Record]:
    records: list[Record] = []
    # Records of one batch carry one time.
    last, at = -1, datetime.fromtimestamp(0, UTC)
    for message in messages:
        if message.timestamp != last:
            last = message.timestamp
            at = datetime.fromtimestamp(last / 1000, UTC)
        records.append(
            Record(partition, message.offset, message.key or b"", message.value or b"", tuple(message.headers), at)
        )
    return records
