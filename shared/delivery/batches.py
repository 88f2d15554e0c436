"""One batch, one transaction: what becomes of records once the runner has them.

Of one partition, or small ones of several: move the stored offsets (compare-and-set, which fences a zombie), note the
ids in the inbox (but for an idempotent handler), call the handler with the new events, write what it emits, commit.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from time import monotonic
from typing import Any, NamedTuple

from opentelemetry.util.types import AttributeValue

from shared.bus.base import Partition, Record
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery import dead_letters
from shared.delivery.inbox import advance, take_new
from shared.delivery.passing import is_passing
from shared.errors import Poison
from shared.events.envelope import Catalogue, Event, EventData
from shared.observability import metrics
from shared.observability.tracing import batch_span

BoundHandler = Callable[[WriteTx, Sequence[Event[Any]]], Awaitable[None]]


class _Read(NamedTuple):
    """A partition's records, decoded; `recorded` is when the newest event was learnt."""

    partition: Partition
    next_offset: int
    recorded: datetime | None
    events: list[Event[EventData]]
    unreadable: list[tuple[Record, Poison]]


class Batches:
    """Delivers records to one consumer's handler, and buries those it cannot take."""

    def __init__(
        self,
        *,
        group: str,
        events: tuple[type[EventData], ...],
        handler: BoundHandler,
        db: Database,
        clock: Clock,
        is_idempotent: bool,
    ) -> None:
        self._group = group
        self._catalogue = Catalogue(events)
        self._handler = handler
        self._db = db
        self._clock = clock
        self._is_idempotent = is_idempotent

    async def deliver(
        self, batches: Mapping[Partition, Sequence[Record]], positions: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """Handle batches of partitions that stand at these positions; where they stand then.

        Raises:
            Fenced: one of them stands elsewhere. This, and whatever the handler raises, leaves nothing done.
        """
        started = monotonic()
        # In one order everywhere: the rows of their offsets are locked in it.
        reads = [self._read(batches[partition]) for partition in sorted(batches)]
        events = [event for read in reads for event in read.events]
        fresh: list[Event[EventData]] = []
        with self._span(reads, events) as traces:
            async with self._db.write() as tx:
                for read in reads:
                    await advance(
                        tx,
                        self._group,
                        read.partition,
                        expected=positions[read.partition],
                        next_offset=read.next_offset,
                        recorded=read.recorded,
                    )
                    for record, poison in read.unreadable:
                        await dead_letters.bury(tx, self._group, record, poison, attempts=1)
                fresh = await self._new_of(tx, events)
                if fresh:
                    await self._handler(tx, _within(traces, fresh))
        metrics.HANDLER_SECONDS.labels(self._group).observe(monotonic() - started)
        dead = sum(len(read.unreadable) for read in reads)
        self._count(
            fresh,
            repeated=len(events) - len(fresh),
            dead=dead,
            skipped=sum(map(len, batches.values())) - len(events) - dead,
        )
        oldest = min(records[0].timestamp for records in batches.values())
        metrics.CONSUMER_LAG_SECONDS.labels(self._group).set(max(0.0, (self._clock.now() - oldest).total_seconds()))
        return {read.partition: read.next_offset for read in reads}

    def _span(self, reads: Sequence[_Read], events: Sequence[Event[Any]]) -> AbstractContextManager[Mapping[str, str]]:
        attributes: dict[str, AttributeValue] = {
            "messaging.operation.name": "process",
            "messaging.consumer.group.name": self._group,
            "messaging.batch.message_count": len(events),
        }
        if len(topics := {read.partition.topic for read in reads}) == 1:
            attributes["messaging.destination.name"] = topics.pop()
        return batch_span(f"process {self._group}", [event.traceparent for event in events], attributes)

    async def bury(self, record: Record, error: Exception, *, position: int, attempts: int) -> None:
        """Put a record that no attempt could handle among the dead letters, and move past it.

        Raises:
            Fenced: the partition does not stand at `position`.
        """
        partition = record.partition
        async with self._db.write() as tx:
            await advance(tx, self._group, partition, expected=position, next_offset=record.offset + 1)
            await dead_letters.bury(tx, self._group, record, error, attempts=attempts)
        metrics.CONSUMED.labels(self._group, "dead").inc()

    async def retry_letter(self) -> bool:
        """Handle the oldest dead letter that somebody asked to try again; False if there is none.

        If it fails once more, that is noted with it; a passing fault is raised, and the letter waits.
        """
        failure: Exception | None = None
        letter_id = None
        try:
            async with self._db.write() as tx:
                letter = await dead_letters.next_to_retry(tx, self._group)
                if letter is None:
                    return False
                letter_id, value = letter
                event = self._catalogue.decode(value)
                if event is not None and await self._new_of(tx, [event]):
                    await self._handler(tx, [event])
                await dead_letters.resolve(tx, letter_id)
        except Exception as error:
            if letter_id is None or is_passing(error):
                raise
            failure = error
        if failure is not None:
            async with self._db.write() as tx:
                await dead_letters.note_failure(tx, letter_id, failure)
        return True

    async def _new_of(self, tx: WriteTx, events: Sequence[Event[EventData]]) -> list[Event[EventData]]:
        """Those that this consumer has not had before, each once."""
        if not events:
            return []
        ids = [event.id for event in events]
        new = set(ids) if self._is_idempotent else await take_new(tx, self._group, ids)
        if len(new) == len(events):
            return [*events]
        fresh: list[Event[EventData]] = []
        for event in events:
            if event.id in new:
                new.discard(event.id)
                fresh.append(event)
        return fresh

    def _count(self, fresh: Sequence[Event[EventData]], **outcomes: int) -> None:
        metrics.CONSUMED.labels(self._group, "handled").inc(len(fresh))
        for outcome, number in outcomes.items():
            if number:
                metrics.CONSUMED.labels(self._group, outcome).inc(number)
        if fresh:
            oldest = min(event.recorded for event in fresh)
            age = (self._clock.now() - oldest).total_seconds()
            metrics.EVENT_TO_EFFECT.labels(self._group).observe(max(0.0, age))

    def _read(self, records: Sequence[Record]) -> _Read:
        events: list[Event[EventData]] = []
        unreadable: list[tuple[Record, Poison]] = []
        for record in records:
            try:
                event = self._catalogue.decode(record.value)
            except Poison as error:
                unreadable.append((record, error))
                continue
            if event is not None:
                events.append(event)
        recorded = max((event.recorded for event in events), default=None)
        return _Read(records[-1].partition, records[-1].offset + 1, recorded, events, unreadable)


def _within(traces: Mapping[str, str], events: list[Event[Any]]) -> list[Event[Any]]:
    """The events as they are handled: those of a recorded trace within the span that handles them."""
    if not traces:
        return events
    return [event._replace(traceparent=traces.get(event.traceparent or "", event.traceparent)) for event in events]
