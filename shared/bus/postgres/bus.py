"""The driver: topics, appends, consumers, and the tasks that keep them going."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from shared.bus.base import (
    BusUnavailable,
    Doomed,
    OnAssigned,
    OnRevoked,
    OutRecord,
    Partition,
    Record,
    UnknownTopic,
    check_size,
)
from shared.bus.group_commit import Waiting, write_all
from shared.bus.postgres.connections import Connections
from shared.bus.postgres.consumer import PostgresConsumer
from shared.bus.postgres.group_store import GroupStore
from shared.bus.postgres.heads import Heads
from shared.bus.postgres.overwriting import overwrite, start_offsets
from shared.bus.postgres.reader import fetch
from shared.bus.postgres.retention import Trimmer
from shared.bus.postgres.tables import make_table, table_of
from shared.bus.postgres.tail import Tail
from shared.bus.postgres.writer import TopicWriter
from shared.events.topics import Topic
from shared.ids import uuid7

SESSION_SECONDS = 6.0
# Alone nobody can take over from us, so heartbeats are rare.
SOLE_SESSION_SECONDS = 40.0
APPEND_SECONDS = 10.0
WRITE_SHARE = 0.6
QUERY_SECONDS = 5.0
DDL_SECONDS = 30.0
READY_SECONDS = 2.0
STOP_SECONDS = 5.0
MAX_WAITING_BYTES = 32_000_000
# One writes, the others wait in groups; more would only queue for the same disk.
WRITE_CONNECTIONS = 4
READ_CONNECTIONS = 6
_DDL_LOCK = 7_261_002

READ_SETTINGS = {
    # Positions and leases may be lost with the server's last moment: they are hints, or expire anyway.
    "synchronous_commit": "off",
    # Every statement here has one good plan, along an index, also on a table that is too young for statistics; to
    # plan a small fetch costs as much as to run it.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}


class PostgresBus:
    """A log of records in the schema `bus` of a PostgreSQL database, brought up to date by its migrations.

    `sole` says that no other process uses it: members left by a killed predecessor are thrown away at the start, and
    nobody is asked whether the log grew.
    """

    def __init__(
        self,
        url: str,
        *,
        sole: bool = False,
        session_seconds: float = SESSION_SECONDS,
        append_seconds: float = APPEND_SECONDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._sole = sole
        self._session = SOLE_SESSION_SECONDS if sole else session_seconds
        self._append_seconds = append_seconds
        self._writes = Connections(url, size=WRITE_CONNECTIONS, settings={"synchronous_commit": "on"})
        self._reads = Connections(url, size=READ_CONNECTIONS, settings=READ_SETTINGS)
        self._heads = Heads(self._reads, sole=sole)
        self._trimmer = Trimmer(self._reads)
        self._tail = Tail()
        self._waiting = Waiting(max_waiting_bytes)
        self._partitions: dict[str, int] = {}
        self._writers: dict[str, TopicWriter] = {}
        self._consumers: set[PostgresConsumer] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, and begin to look after the log.

        Raises:
            BusUnavailable: PostgreSQL does not answer.
        """
        async with self._reads.use(QUERY_SECONDS) as connection:
            if self._sole:
                await connection.execute("DELETE FROM members")
        await self._look()
        self._tasks = [
            asyncio.create_task(self._heads.run(), name="bus.heads"),
            asyncio.create_task(self._trimmer.run(), name="bus.trim"),
        ]

    async def stop(self) -> None:
        """Write what waits, within a deadline, and disconnect."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await asyncio.gather(*(writer.queue.stop(STOP_SECONDS) for writer in self._writers.values()))
        await self._writes.close()
        await self._reads.close()

    async def ensure_topics(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Make the topics that are not there yet; those that are keep their partitions and get the new retention."""
        async with self._writes.transaction(DDL_SECONDS) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _DDL_LOCK)
            for topic in topics:
                await connection.execute(
                    "INSERT INTO topics (name, partitions, retention_seconds) VALUES ($1, $2, $3) "
                    "ON CONFLICT (name) DO UPDATE SET retention_seconds = EXCLUDED.retention_seconds "
                    "WHERE topics.retention_seconds IS DISTINCT FROM EXCLUDED.retention_seconds",
                    topic.name,
                    partitions,
                    None if topic.retention is None else topic.retention.total_seconds(),
                )
                await connection.execute(
                    "INSERT INTO heads (topic, partition) "
                    "SELECT name, generate_series(0, partitions - 1) FROM topics WHERE name = $1 "
                    "ON CONFLICT DO NOTHING",
                    topic.name,
                )
                if await connection.fetchval("SELECT to_regclass($1) IS NULL", table_of(topic.name)):
                    await connection.execute(make_table(topic.name))
        await self._look()
        for consumer in self._consumers:
            consumer.nudge()

    async def add_partitions(self, topics: Sequence[Topic], *, partitions: int) -> None:
        """Give topics as many partitions, where they have fewer."""
        async with self._writes.transaction(DDL_SECONDS) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _DDL_LOCK)
            names = [topic.name for topic in topics]
            await connection.execute(
                "UPDATE topics SET partitions = $2 WHERE name = ANY($1::text[]) AND partitions < $2", names, partitions
            )
            await connection.execute(
                "INSERT INTO heads (topic, partition) SELECT name, generate_series(0, partitions - 1) FROM topics "
                "WHERE name = ANY($1::text[]) ON CONFLICT DO NOTHING",
                names,
            )

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Store the records; durable when it returns.

        Raises:
            BusUnavailable: the outcome is unknown.
            UnknownTopic: nothing was stored.
            RecordTooLarge: nothing was stored.
        """
        by_topic: dict[str, list[OutRecord]] = {}
        sizes: dict[str, int] = {}
        for record in records:
            topic = record.topic
            if topic not in by_topic:
                by_topic[topic], sizes[topic] = [], 0
            by_topic[topic].append(record)
            sizes[topic] += check_size(record)
        if not by_topic.keys() <= self._partitions.keys():
            # Somebody may have made it since we looked.
            await self._look()
        await write_all([(self._writer(topic).queue, mine, sizes[topic]) for topic, mine in by_topic.items()])

    def consumer(
        self,
        *,
        topics: Sequence[str],
        group: str,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> PostgresConsumer:
        """A new member of the group."""
        store = GroupStore(self._reads, group=group, member=uuid7(), topics=topics, session_seconds=self._session)
        return PostgresConsumer(
            store,
            topics=topics,
            group=group,
            session_seconds=self._session,
            sole=self._sole,
            heads=self._heads,
            fetch=self._fetch,
            on_assigned=on_assigned,
            on_revoked=on_revoked,
            on_change=self._membership_changed,
        )

    async def end_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The next offset to be written, per partition."""
        return await self._heads.ask((topic,))

    async def start_offsets(self, topic: str) -> Mapping[Partition, int]:
        """The offset of the oldest record that is still there, per partition; the end where there is none."""
        return await start_offsets(self._reads, topic)

    async def overwrite(self, topic: str, doomed: Doomed) -> int:
        """Put `OVERWRITTEN` in place of these records, their offsets and times stay; how many.

        What this process remembers of the topic is forgotten; another forgets it soon, and may hand it on until then.
        """
        if topic not in self._partitions:
            await self._look()
        self._tail.forget(topic)
        return await overwrite(self._reads, topic, doomed)

    async def ready(self) -> str | None:
        """None if the bus can take records now, else a sentence that says what is wrong."""
        try:
            async with self._reads.use(READY_SECONDS) as connection:
                await connection.fetchval("SELECT count(*) FROM topics")
        except BusUnavailable as error:
            return f"The event log does not answer ({type(error.__cause__ or error).__name__})."
        return None

    async def trim(self) -> int:
        """Delete the records past their topic's retention now; how many."""
        return await self._trimmer.trim()

    async def _look(self) -> None:
        """Learn which topics there are."""
        async with self._reads.use(QUERY_SECONDS) as connection:
            self._partitions = dict(await connection.fetch("SELECT name, partitions FROM topics"))
        self._tail.fit(sum(self._partitions.values()))

    def _writer(self, topic: str) -> TopicWriter:
        if topic not in self._partitions:
            raise UnknownTopic(f"there is no topic {topic!r}")
        writer = self._writers.get(topic)
        if writer is None:
            writer = self._writers[topic] = TopicWriter(
                topic,
                table_of(topic),
                self._partitions[topic],
                connections=self._writes,
                heads=self._heads,
                tail=self._tail,
                waiting=self._waiting,
                # With the wait for the write before, within the deadline.
                seconds=self._append_seconds * WRITE_SHARE,
            )
        return writer

    async def _fetch(
        self, topic: str, positions: Mapping[Partition, int], max_records: int
    ) -> Mapping[Partition, Sequence[Record]]:
        found: dict[Partition, Sequence[Record]] = {}
        for partition, position in positions.items():
            if records := self._tail.read(partition, position, max_records):
                found[partition] = records
        older = {partition: position for partition, position in positions.items() if partition not in found}
        if older:
            found.update(await fetch(self._reads, table_of(topic), older, max_records))
        return found

    def _membership_changed(self, consumer: PostgresConsumer, joined: bool) -> None:
        (self._consumers.add if joined else self._consumers.discard)(consumer)
        self._tail.read_by(consumer.topics, 1 if joined else -1)
        for other in self._consumers:
            if other is not consumer and other.group == consumer.group:
                other.nudge()
