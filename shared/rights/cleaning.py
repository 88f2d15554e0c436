"""After the rows of somebody are gone: the raw topics of a service, and at last the files of a database of our own.

The PostgreSQL log overwrites records in place. Kafka cannot: there the records go with the topic's retention, and a
task waits until every partition has let go of all that was there when it began.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from shared.bus.base import Bus, Doomed, Partition
from shared.bus.postgres.connections import plain_url
from shared.clock import Clock
from shared.db.engine import Database
from shared.events.catalogue.rights import RightsAnswered
from shared.events.topics import Topic
from shared.rights import tasks
from shared.rights.answering import answer_of
from shared.rights.contract import Rights, Subject
from shared.rights.mentions import Mentions, needles
from shared.rights.tasks import Task

_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                               OR n.nspname = 'pg_catalog' AND c.relname = 'pg_statistic')
    ORDER BY n.nspname = 'pg_catalog', 1
"""
_LOCK_SECONDS = 5


async def overwritten(bus: Bus, topics: Sequence[Topic], subject: Subject) -> dict[str, int] | None:
    """Overwrite what the person sent on these topics; how much by topic, or None where the log cannot."""
    doomed = Doomed(frozenset(key.bytes for key in subject.keys), needles(subject.texts), Mentions(subject.texts))
    found: dict[str, int] = {}
    for topic in topics:
        number = await bus.overwrite(topic.name, doomed)
        if number is None:
            return None
        found[topic.name] = number
    return found


async def ends_of(bus: Bus, topics: Sequence[Topic]) -> dict[Partition, int]:
    """Where the partitions of these topics end now."""
    return {place: end for topic in topics for place, end in (await bus.end_offsets(topic.name)).items()}


async def have_let_go(bus: Bus, ends: Mapping[Partition, int]) -> bool:
    """Whether everything before these ends is gone."""
    for topic in {place.topic for place in ends}:
        starts = await bus.start_offsets(topic)
        if any(starts.get(place, 0) < end for place, end in ends.items() if place.topic == topic):
            return False
    return True


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cleans what one service's erasures left to do."""

    service: str
    db: Database
    bus: Bus
    clock: Clock
    rights: Rights

    async def run(self) -> None:
        """Clean what can be cleaned now."""
        async with self.db.read() as tx:
            found = await tasks.waiting(tx)
        for task in found:
            await self._clean(task)

    async def _clean(self, task: Task) -> None:
        removed: dict[str, int] = {}
        if task.ends is not None:
            if not await have_let_go(self.bus, task.ends):
                return
        elif self.rights.topics:
            done = await overwritten(self.bus, self.rights.topics, task.subject)
            if done is None:
                ends = await ends_of(self.bus, self.rights.topics)
                async with self.db.write() as tx:
                    await tasks.note_ends(tx, task, ends)
                return
            removed = {f"topic {name}": number for name, number in done.items() if number}
        async with self.db.write() as tx:
            if await tasks.finish(tx, task) and task.slice != tasks.LATE:
                answered = RightsAnswered(
                    case_id=task.case_id, service=self.service, step="cleaned", slice=task.slice, removed=removed
                )
                tx.emit(answer_of(task.subject.root, self.clock.now(), answered))


async def size_of(url: str) -> int:
    """The bytes of a database."""
    connection = await asyncpg.connect(plain_url(url), timeout=10)
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


async def rewrite_files(url: str) -> int:
    """Rewrite all tables, so that no file holds a row that was deleted, nor the write-ahead log; how many tables.

    For a database that is ours alone: each table is locked while it is written anew.
    """
    connection = await asyncpg.connect(plain_url(url), timeout=10)
    try:
        await connection.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        names = [row[0] for row in await connection.fetch(_TABLES)]
        for name in names:
            await _rewrite(connection, name)
        # What the log held before this checkpoint is let go of; the second one removes the files.
        await connection.execute("CHECKPOINT")
        await connection.execute("SELECT pg_switch_wal()")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return len(names)


async def _rewrite(connection: asyncpg.Connection, name: str) -> None:
    for patience in (0.1, 0.5, 2.0, None):
        try:
            # New statistics too: they quote the most common values.
            await connection.execute(f"VACUUM (FULL{'' if name.startswith('pg_') else ', ANALYZE'}) {name}")
        except asyncpg.UndefinedTableError:
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if patience is None:
                raise
            await asyncio.sleep(patience)
        else:
            return
