"""Appends to Kafka: one queue per partition, batches of our own making, one producer for all.

A write that fails or is not confirmed in time has an unknown outcome. Then the producer is thrown away with all it
holds (left alone it would go on and deliver later, behind the back of the caller who sends again).
"""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from shared.bus.base import OutRecord
from shared.bus.group_commit import GroupCommit, Waiting
from shared.bus.kafka.link import Link, deadline, discard_producer, retrieve

# Per batch and request; a larger record travels alone.
BATCH_BYTES = 131_072
COMPRESSION = "lz4"
REQUEST_MILLISECONDS = 10_000


class Producer:
    """The one producer of a process, made again after each fault."""

    def __init__(self, link: Link, *, seconds: float) -> None:
        self._link = link
        self.seconds = seconds
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._discarding: set[asyncio.Task[None]] = set()

    async def warm_up(self, seconds: float) -> None:
        """Connect before anybody writes: on a broker that has just started that takes longer than a request may wait.

        Raises:
            BusUnavailable: it did not come about.
        """
        async with deadline(seconds, "connect to write"):
            await self._get()

    async def write(self, topic: str, partition: int, calls: Sequence[Sequence[OutRecord]]) -> None:
        """Make the records of all calls durable, in order.

        Raises:
            BusUnavailable: the outcome is unknown.
        """
        async with deadline(self.seconds, f"append to {topic}"):
            producer = await self._get()
            sent: list[asyncio.Future[object]] = []
            try:
                for batch in _batches(producer, calls):
                    delivered = await producer.send_batch(batch, topic, partition=partition)
                    sent.append(delivered)
                for future in sent:
                    await asyncio.shield(future)
            except BaseException:
                self._discard(producer)
                raise
            finally:
                for future in sent:
                    # A batch given up on fails later.
                    future.add_done_callback(retrieve)

    async def stop(self) -> None:
        """Disconnect; within a deadline, whatever the brokers do."""
        if self._producer is not None:
            self._discard(self._producer)
        if self._discarding:
            await asyncio.wait(self._discarding)

    async def _get(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        async with self._starting:
            if self._producer is not None:
                return self._producer
            producer = AIOKafkaProducer(
                **self._link.options,
                enable_idempotence=True,
                acks="all",
                compression_type=COMPRESSION,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=REQUEST_MILLISECONDS,
            )
            try:
                await producer.start()
            except BaseException:
                self._discard(producer)
                raise
            self._producer = producer
            return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        task = asyncio.create_task(discard_producer(producer), name="bus.discard")
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)


class PartitionWriter:
    """The queue before one partition."""

    def __init__(self, producer: Producer, *, topic: str, name: str, partition: int, waiting: Waiting) -> None:
        self._producer = producer
        self._name = name
        self._partition = partition
        self.queue = GroupCommit(topic, self.write, waiting, patience_seconds=producer.seconds / 2)

    async def write(self, calls: Sequence[Sequence[OutRecord]]) -> None:
        """Make the records of all calls durable, in order."""
        await self._producer.write(self._name, self._partition, calls)


def _batches(producer: AIOKafkaProducer, calls: Sequence[Sequence[OutRecord]]) -> list[object]:
    batches = []
    batch = producer.create_batch()
    for records in calls:
        for _, key, value, headers in records:
            if batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
                batches.append(batch)
                batch = producer.create_batch()
                # An empty batch takes a record of any size.
                batch.append(key=key, value=value, timestamp=None, headers=list(headers))
    batches.append(batch)
    return batches
