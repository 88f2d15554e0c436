"""A projection rebuilt beside the live one: from the log, in a schema of its own, which goes when it is no more needed.

The live one is only read. What is rebuilt has read each partition exactly as far as the live one had at one moment, and
a projection is a function of the facts it has read; so both must be the same, row by row, whatever comes meanwhile.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.base import Bus, BusConsumer, Partition, Record
from shared.db.engine import Database, ReadTx, WriteTx, make_engine
from shared.db.migrate import upgrade
from shared.delivery.batches import Batches, BoundHandler
from shared.delivery.inbox import stored_offsets
from shared.delivery.outbox import OutboxWriter
from shared.delivery.passing import is_passing
from shared.delivery.subscription import Subscription
from shared.errors import UserError
from shared.events.envelope import Event
from shared.ids import uuid7
from shared.rights.suppression import admit
from shared.runtime import places
from shared.runtime.places import Place
from shared.runtime.service import Parts, Service
from shared.runtime.trees import trees_of
from shared.runtime.verdicts import TableVerdict

Ends = Mapping[Partition, int]
# Called after each batch with how many records are left.
Moved = Callable[[int], Awaitable[None]]
_POLL_RECORDS = 5_000
_PATIENCE_POLLS = 60
# Of 256 parts of a table, of so many that differ the rows are compared: all of a table that differs in a few.
_LOOKED_AT = 8


class LogTooShort(UserError):
    """The log does not go back to the beginning any more: nothing can be rebuilt from it."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """A clock that stands: whoever asks is at that moment."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Rebuilt:
    """The service on its scratch schema, and how far each consumer has read."""

    manifest: Service
    db: Database
    value: Any
    bus: Bus
    parts: Parts
    positions: dict[tuple[str, Partition], int] = field(default_factory=dict)
    dead: int = 0

    @property
    def subscriptions(self) -> list[Subscription]:
        """The consumers that make the projections."""
        groups = {group for projection in self.manifest.projections for group in projection.groups}
        return [each for each in self.manifest.subscriptions if each.group in groups]

    @property
    def tables(self) -> list[str]:
        """What is a function of the log."""
        return [table for projection in self.manifest.projections for table in projection.tables]

    async def read(self, ends: Mapping[str, Ends], moved: Moved, *, known_at: datetime | None = None) -> None:
        """Let each consumer read on to these ends; of `known_at` only what had been learnt by then.

        Raises:
            LogTooShort: what they would have to read is gone.
            TimeoutError: the bus has less than these ends say.
        """
        for subscription in self.subscriptions:
            await self._read(subscription, ends[subscription.group], moved, known_at)

    async def read_told(self, subscription: Subscription, ends: Ends, moved: Moved) -> None:
        """Let a consumer of what the service itself has told read on to these ends.

        The books of somebody erased stay under the pseudonymous key, so the facts about them count here.

        Raises:
            TimeoutError: the bus has less than these ends say.
        """
        await self._read(subscription, ends, moved, None, is_own=True)

    async def _read(
        self,
        subscription: Subscription,
        ends: Ends,
        moved: Moved,
        known_at: datetime | None,
        *,
        is_own: bool = False,
    ) -> None:
        group = subscription.group
        left = {part: end for part, end in ends.items() if self.positions.get((group, part), 0) < end}
        if not left:
            return
        handler: BoundHandler = partial(_handle, subscription, self.value, known_at)
        rights = self.manifest.rights
        if rights is not None and not rights.keeps_facts and not is_own:
            handler = partial(admit, self.parts.seal, group, handler, owns_log=bool(rights.topics))
        batches = Batches(
            group=group,
            events=subscription.events,
            handler=handler,
            db=self.db,
            clock=self.parts.clock,
            is_idempotent=subscription.is_idempotent,
        )
        consumer = self.bus.consumer(
            topics=tuple(topic.name for topic in subscription.topics),
            group=f"{self.db.schema}.{group}.{uuid7().hex[-6:]}",
            on_assigned=partial(self._assigned, group),
        )
        await consumer.start()
        try:
            await self._poll(consumer, batches, group, left, moved)
        finally:
            await consumer.stop()

    async def _poll(
        self, consumer: BusConsumer, batches: Batches, group: str, left: dict[Partition, int], moved: Moved
    ) -> None:
        idle = 0
        while left:
            found = await consumer.poll(max_records=_POLL_RECORDS, max_wait=0.5)
            idle = 0 if found else idle + 1
            if idle > _PATIENCE_POLLS:
                raise TimeoutError(f"the log of {group} has less than was read of it")
            for part, records in found.items():
                end = left.get(part, 0)
                due = [record for record in records if record.offset < end]
                if due:
                    await self._deliver(batches, group, part, due)
                if self.positions.get((group, part), 0) >= end:
                    left.pop(part, None)
            await moved(sum(end - self.positions.get((group, part), 0) for part, end in left.items()))

    async def _assigned(self, group: str, partitions: Any) -> Mapping[Partition, int]:
        return {part: self.positions.get((group, part), 0) for part in partitions}

    async def _deliver(self, batches: Batches, group: str, part: Partition, records: Sequence[Record]) -> None:
        """As the runner does: what no attempt can handle is cut out, record by record, and buried."""
        position = self.positions.get((group, part), 0)
        try:
            self.positions[group, part] = (await batches.deliver({part: records}, {part: position}))[part]
        except Exception as error:
            if is_passing(error):
                raise
            if len(records) == 1:
                await batches.bury(records[0], error, position=position, attempts=1)
                self.positions[group, part] = records[0].offset + 1
                self.dead += 1
                return
            middle = len(records) // 2
            for half in (records[:middle], records[middle:]):
                await self._deliver(batches, group, part, half)


async def _handle(
    subscription: Subscription, value: Any, known_at: datetime | None, tx: WriteTx, events: Sequence[Event[Any]]
) -> None:
    known = [event for event in events if known_at is None or event.recorded <= known_at]
    if known:
        await subscription.handler(value, tx, known)


@asynccontextmanager
async def rebuilding(
    manifest: Service, url: str, bus: Bus, parts: Callable[[Database], Parts], *, schema: str | None = None
) -> AsyncIterator[Rebuilt]:
    """The service on a scratch schema of the same database, empty; nothing is left of it in the end.

    With a name it stays if the work is interrupted, and who gives that name again goes on where it was.

    Raises:
        LogTooShort: the log does not go back to the beginning.
        PlaceTaken: there is one place for it, and another process is at work there.
    """
    await _check_log(manifest, bus)
    async with places.opened(url, manifest.name, schema) as place:
        stays = schema is not None
        engine = make_engine(url, schema=place.schema, pool_size=2, application="tam-rebuild")
        try:
            await _prepare(engine, manifest, place, schema)
            # Nothing relays what the scratch schema's outbox holds: nobody hears twice what was told.
            db = Database(engine, schema=place.schema, outbox=OutboxWriter())
            given = parts(db)
            rebuilt = Rebuilt(manifest, db, manifest.build(given), bus, given)
            if place.was_begun:
                rebuilt.positions = await _positions(rebuilt)
            yield rebuilt
            stays = False
        finally:
            if not stays:
                async with engine.begin() as connection:
                    await places.clear(connection, place)
            await engine.dispose()


async def _prepare(engine: AsyncEngine, manifest: Service, place: Place, run: str | None) -> None:
    """The tables of the service, with what it was told by people in them."""
    own = [replace(tree, schema=place.schema) for tree in trees_of((manifest,)) if tree.schema == manifest.name]
    await upgrade(engine, own)
    async with engine.begin() as connection:
        await places.begin(connection, place, run)
        for table in (table for projection in manifest.projections for table in projection.given):
            await connection.execute(text(f'DELETE FROM "{place.schema}".{table}'))
            await connection.execute(
                text(f'INSERT INTO "{place.schema}".{table} SELECT * FROM "{manifest.name}".{table}')
            )


async def _positions(rebuilt: Rebuilt) -> dict[tuple[str, Partition], int]:
    """How far what is told had been read when the work was interrupted."""
    subscriptions = [each.subscription for each in rebuilt.manifest.recoveries]
    async with rebuilt.db.read() as tx:
        found = await live_ends(tx, subscriptions, rebuilt.bus)
    return {(group, part): at for group, ends in found.items() for part, at in ends.items()}


def database_url_of(parts: Parts) -> str:
    """Where the service's own database is; embedded, only the engine knows."""
    return parts.platform.database_url or parts.db.engine.url.render_as_string(hide_password=False)


async def _check_log(manifest: Service, bus: Bus) -> None:
    groups = {group for projection in manifest.projections for group in projection.groups}
    heard = [each for each in manifest.subscriptions if each.group in groups]
    told = [each.subscription for each in manifest.recoveries]
    for topic in sorted({topic.name for each in (*heard, *told) for topic in each.topics}):
        if gone := [part for part, start in (await bus.start_offsets(topic)).items() if start > 0]:
            raise LogTooShort(f"The log of {topic} does not begin at its beginning any more ({len(gone)} partitions).")


async def live_ends(tx: ReadTx, subscriptions: Sequence[Subscription], bus: Bus) -> dict[str, Ends]:
    """How far each consumer of the live projection had read, as `tx` sees it."""
    found: dict[str, Ends] = {}
    for each in subscriptions:
        parts = [part for topic in each.topics for part in await bus.end_offsets(topic.name)]
        found[each.group] = await stored_offsets(tx, each.group, parts)
    return found


async def log_ends(subscriptions: Sequence[Subscription], bus: Bus) -> dict[str, Ends]:
    """Where the log ends now, for each consumer."""
    return {
        each.group: {part: end for topic in each.topics for part, end in (await bus.end_offsets(topic.name)).items()}
        for each in subscriptions
    }


async def compare(live: ReadTx, rebuilt: ReadTx, tables: Sequence[str] | Mapping[str, str]) -> list[TableVerdict]:
    """Each table as the two transactions see it; by name, also what a query in parentheses makes of tables."""
    relations = tables if isinstance(tables, Mapping) else {table: table for table in tables}
    found: list[TableVerdict] = []
    for table, relation in relations.items():
        ours, theirs = await _parts(live, relation), await _parts(rebuilt, relation)
        here, there = (sum(each.rows for each in parts.values()) for parts in (ours, theirs))
        verdict = TableVerdict(table, _digest(ours), _digest(theirs), here, there)
        if not verdict.is_same:
            differ = sorted(each for each in ours.keys() | theirs.keys() if ours.get(each) != theirs.get(each))
            differ = differ[:_LOOKED_AT]
            old, new = await _rows(live, relation, differ), await _rows(rebuilt, relation, differ)
            only = sorted((old - new).elements()), sorted((new - old).elements())
            verdict = verdict._replace(
                only_live=next(iter(only[0]), None),
                only_rebuilt=next(iter(only[1]), None),
                differing=len(only[0]) + len(only[1]),
            )
        found.append(verdict)
    return found


async def verify(rebuilt: Rebuilt, live: Database, moved: Moved) -> list[TableVerdict]:
    """Rebuild as far as the live projection has read, and compare; the live one is only read.

    Most is read first. Then the live one is looked at in one snapshot, and what it read meanwhile is read too.
    """
    async with live.read() as tx:
        ends = await live_ends(tx, rebuilt.subscriptions, rebuilt.bus)
    await rebuilt.read(ends, moved)
    async with live.read() as tx:
        ends = await live_ends(tx, rebuilt.subscriptions, rebuilt.bus)

        async def awake(left: int) -> None:
            # A transaction that does nothing for long is taken for that of somebody who is gone.
            await tx.execute("SELECT 1")
            await moved(left)

        await rebuilt.read(ends, awake)
        async with rebuilt.db.read() as other:
            return await compare(tx, other, rebuilt.tables)


class _Part(NamedTuple):
    rows: int
    digest: str


async def _parts(tx: ReadTx, table: str) -> dict[int, _Part]:
    """Digests of the rows, by the first byte of the digest of each row's text; no order of rows matters."""
    rows = await tx.execute(
        f"""
        SELECT part, count(*) AS rows, md5(string_agg(hash, '' ORDER BY hash)) AS digest
        FROM (SELECT md5(row::text) AS hash FROM {table} AS row) AS hashes
        CROSS JOIN LATERAL (SELECT get_byte(decode(hash, 'hex'), 0) AS part) AS parts
        GROUP BY part ORDER BY part
        """
    )
    return {row.part: _Part(row.rows, row.digest) for row in rows}


def _digest(parts: Mapping[int, _Part]) -> str:
    lines = "".join(f"{part}:{each.rows}:{each.digest};" for part, each in sorted(parts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


async def _rows(tx: ReadTx, table: str, parts: Sequence[int]) -> Counter[str]:
    rows = await tx.execute(
        f"SELECT row::text AS line FROM {table} AS row WHERE get_byte(decode(md5(row::text), 'hex'), 0) = ANY(:parts)",
        {"parts": list(parts)},
    )
    return Counter(rows.scalars())
