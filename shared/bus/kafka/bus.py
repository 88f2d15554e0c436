"""The driver: topics, appends, consumers."""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from shared.bus.base import (
    BusUnavailable,
    Doomed,
    OnAssigned,
    OnRevoked,
    OutRecord,
    Partition,
    UnknownTopic,
    check_size,
)
from shared.bus.base import partition_of as chosen_by_key
from shared.bus.group_commit import Waiting, write_all
from shared.bus.kafka.consumer import KafkaConsumer
from shared.bus.kafka.link import Link, deadline, discard_consumer, require_compiled_extension
from shared.bus.kafka.producer import PartitionWriter, Producer
from shared.bus.kafka.reason import why_not_in
from shared.bus.kafka.topics import add_partitions, count_partitions, make_topics
from shared.config import PlatformSettings
from shared.events.topics import Topic

# A killed member's partitions move after this.
SESSION_SECONDS = 20.0
APPEND_SECONDS = 10.0
# Of it a write takes at most this much; the rest is for the wait behind the write before.
WRITE_SHARE = 0.6
QUERY_SECONDS = 5.0
READY_SECONDS = 2.0
STOP_SECONDS = 5.0
MAX_WAITING_BYTES = 32_000_000


class KafkaBus:
    """A log of records on Apache Kafka; topics and groups carry the prefix of the settings."""

    def __init__(
        self,
        settings: PlatformSettings,
        *,
        session_seconds: float = SESSION_SECONDS,
        append_seconds: float = APPEND_SECONDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        require_compiled_extension()
        self._link = Link.of(settings)
        self._session = session_seconds
        self._producer = Producer(self._link, seconds=append_seconds * WRITE_SHARE)
        self._waiting = Waiting(max_waiting_bytes)
        self._partitions: dict[str, int] = {}
        self._writers: dict[Partition, PartitionWriter] = {}
        self._observer: AIOKafkaConsumer | None = None
        self._observing = asyncio.Lock()

    async def start(self) -> None:
        """Look at the brokers once, and be ready to write.

        Raises:
            BusUnavailable: they do not answer.
        """
        try:
            self._partitions = await count_partitions(self._link)
        except BusUnavailable as error:
            if not isinstance(error.__cause__, KafkaConnectionError):
                raise
            raise BusUnavailable(f"Kafka: {await why_not_in(self._link)}") from error
        await self._producer.warm_up(QUERY_SECONDS)

    async def stop(self) -> None:
        """Write what waits, within a deadline, and disconnect."""
        await asyncio.gather(*(writer.queue.stop(STOP_SECONDS) for writer in self._writers.values()))
        await self._producer.stop()
        await self._drop_observer()

    async def ensure_topics(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Make the topics that are not there yet; those that are stay as they are."""
        missing = [topic for topic in topics if topic.name not in self._partitions]
        if not missing:
            return
        await make_topics(self._link, missing, partitions=partitions)
        names = {topic.name for topic in missing}
        for _ in range(50):
            # The brokers tell each other a moment later.
            self._partitions = await count_partitions(self._link)
            if names <= self._partitions.keys():
                return
            await asyncio.sleep(0.1)
        raise BusUnavailable("Kafka made the topics but does not list them")

    async def add_partitions(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Give topics as many partitions, where they have fewer."""
        counted = await count_partitions(self._link)
        if few := [topic for topic in topics if counted.get(topic.name, partitions) < partitions]:
            await add_partitions(self._link, few, partitions=partitions)

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Store the records; durable when it returns.

        Raises:
            BusUnavailable: the outcome is unknown.
            UnknownTopic: nothing was stored.
            RecordTooLarge: nothing was stored.
        """
        by_partition: dict[Partition, list[OutRecord]] = {}
        sizes: dict[Partition, int] = {}
        for record in records:
            size = check_size(record)
            count = self._partitions.get(record.topic) or await self._count(record.topic)
            partition = Partition(record.topic, chosen_by_key(record.key, count))
            by_partition.setdefault(partition, []).append(record)
            sizes[partition] = sizes.get(partition, 0) + size
        parts = [(self._writer(partition).queue, mine, sizes[partition]) for partition, mine in by_partition.items()]
        await write_all(parts)

    def consumer(
        self,
        *,
        topics: Sequence[str],
        group: str,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> KafkaConsumer:
        """A new member of the group."""
        return KafkaConsumer(
            self._link,
            topics=topics,
            group=group,
            session_seconds=self._session,
            on_assigned=on_assigned,
            on_revoked=on_revoked,
        )

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The next offset to be written, per partition."""
        count = self._partitions.get(topic) or await self._count(topic)
        name = self._link.name(topic)
        ends = await self._observe([TopicPartition(name, index) for index in range(count)])
        return {Partition(topic, place.partition): end for place, end in ends.items()}

    async def start_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The offset of the oldest record that is still there, per partition."""
        count = self._partitions.get(topic) or await self._count(topic)
        name = self._link.name(topic)
        places = [TopicPartition(name, index) for index in range(count)]
        observer = await self._observer_started(QUERY_SECONDS)
        try:
            async with deadline(QUERY_SECONDS, "start offsets"):
                starts: Mapping[TopicPartition, int] = await observer.beginning_offsets(places)
        except BusUnavailable:
            await self._drop_observer()
            raise
        return {Partition(topic, place.partition): start for place, start in starts.items()}

    async def overwrite(self, topic: str, doomed: Doomed) -> None:
        """Kafka overwrites nothing: records go when the topic's retention lets go of them."""

    async def ready(self) -> str | None:
        """None if the bus can take records now, else a sentence that says what is wrong."""
        try:
            observer = await self._observer_started(READY_SECONDS)
            async with deadline(READY_SECONDS, "list topics"):
                await observer.topics()
        except BusUnavailable as error:
            await self._drop_observer()
            return f"Kafka does not answer ({type(error.__cause__ or error).__name__})."
        return None

    async def _count(self, topic: str) -> int:
        """The partitions of a topic that somebody may have made since we looked."""
        self._partitions = await count_partitions(self._link)
        if topic not in self._partitions:
            raise UnknownTopic(f"there is no topic {topic!r}")
        return self._partitions[topic]

    def _writer(self, partition: Partition) -> PartitionWriter:
        writer = self._writers.get(partition)
        if writer is None:
            writer = self._writers[partition] = PartitionWriter(
                self._producer,
                topic=partition.topic,
                name=self._link.name(partition.topic),
                partition=partition.index,
                waiting=self._waiting,
            )
        return writer

    async def _observe(self, places: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        observer = await self._observer_started(QUERY_SECONDS)
        try:
            async with deadline(QUERY_SECONDS, "end offsets"):
                ends: Mapping[TopicPartition, int] = await observer.end_offsets(places)
                return ends
        except BusUnavailable:
            await self._drop_observer()
            raise

    async def _observer_started(self, seconds: float) -> AIOKafkaConsumer:
        """A client in no group, that asks without consuming."""
        async with self._observing:
            if self._observer is None:
                observer = AIOKafkaConsumer(**self._link.options)
                try:
                    async with deadline(seconds, "connect"):
                        await observer.start()
                except BaseException:
                    await discard_consumer(observer, leave=False)
                    raise
                self._observer = observer
            return self._observer

    async def _drop_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            await discard_consumer(observer, leave=False)
