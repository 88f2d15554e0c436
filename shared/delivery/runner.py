"""The runner: takes batches from the bus and sees that each event changes its projection exactly once.

What a batch is and does is said in `batches`; the bus is told of those that are committed, now and then. While the
batches of one round are handled, those of the next are read, so that neither this process nor PostgreSQL waits for the
other; of one partition each waits for the one before it, and is forgotten, to be read again, where that failed.

A passing fault (database, bus, `Retry`) pauses the partition and tries again for as long as it lasts, while other
partitions go on. Any other failure is tried a few times, then the batch is cut in halves until the guilty record
stands alone; it goes to the dead letters with the offset, and the rest goes on. Nothing is dropped.
"""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.bus.base import Bus, BusConsumer, BusUnavailable, Partition, Record
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery import dead_letters
from shared.delivery.batches import Batches, BoundHandler
from shared.delivery.inbox import Fenced, stored_offsets
from shared.delivery.lookout import LOOK_SECONDS, Lookout
from shared.delivery.passing import is_passing
from shared.errors import Poison
from shared.events.envelope import EventData
from shared.observability import metrics
from shared.observability.logging import logger

log = logger(__name__)

POLL_SECONDS = 1.0
MAX_ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
DRAIN_SECONDS = 20.0
# How often the bus is told how far we are: that costs a transaction, and nobody goes by it but who watches the lag.
TELL_SECONDS = 1.0
STUCK_SECONDS = 60.0
# A transaction costs as much as a hundred events in it. After a smaller batch the next is not taken at once, so that
# a steady trickle comes in a few dozen batches a second; whoever comes after a silence waits for nothing.
PACE_SECONDS = 0.05
PACE_RECORDS = 200
# For the same reason the batches of several partitions share a transaction as long as they come to no more than this:
# in one that is busy, but not behind, there would be as many transactions as partitions at each turn.
TOGETHER_RECORDS = 1_000


@dataclass(slots=True)
class _Progress:
    """What the runner knows of one partition it owns."""

    position: int
    attempts: int = 0
    resume_at: float | None = None
    moved_at: float = field(default_factory=monotonic)
    # How often was gone back: what was taken before that is not to be handled any more.
    turns: int = 0
    # Whoever handles the batch that was taken last.
    work: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a batch is being handled, or waits to be."""
        return self.work is not None and not self.work.done()


class _Taken(NamedTuple):
    """A batch, with what was so when it was taken: it is handled only if it still is, and after what came `before`."""

    partition: Partition
    records: Sequence[Record]
    progress: _Progress
    turns: int
    before: asyncio.Task[None] | None


class Runner:
    """One member of one subscription's consumer group."""

    def __init__(
        self,
        *,
        group: str,
        events: tuple[type[EventData], ...],
        handler: BoundHandler,
        db: Database,
        bus: Bus,
        clock: Clock,
        max_batch: int = 1_000,
        is_idempotent: bool = False,
        lookout: Lookout | None = None,
    ) -> None:
        """`lookout` is shared by the consumers of one service in a process."""
        self.group = group
        self._lookout = lookout or Lookout(db)
        self._batches = Batches(
            group=group, events=events, handler=handler, db=db, clock=clock, is_idempotent=is_idempotent
        )
        self._db = db
        self._max_batch = max_batch
        self._partitions: dict[Partition, _Progress] = {}
        self._draining = False
        self._polling: asyncio.Timeout | None = None
        # Those who handle the batches of the round before.
        self._working: list[asyncio.Task[None]] = []
        self._next_look = 0.0
        self._untold: set[Partition] = set()
        self._next_telling = 0.0
        self._lag: Mapping[Partition, int] = {}
        self._consumer: BusConsumer = bus.consumer(
            topics=tuple(dict.fromkeys(event.topic.name for event in events)),
            group=group,
            on_assigned=self._assigned,
            on_revoked=self._revoked,
        )

    def drain(self) -> None:
        """Finish the batch under way and take no other: `run` returns soon after."""
        self._draining = True
        if self._polling is not None:
            self._polling.reschedule(0)

    async def run(self) -> None:
        """Consume until drained or cancelled, then leave the group."""
        await self._consumer.start()
        try:
            while not self._draining:
                await self._step()
            await _settled(self._working)
        finally:
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)
            with contextlib.suppress(TimeoutError, BusUnavailable, OSError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._tell_bus()
                    await self._consumer.stop()

    def problem(self) -> str | None:
        """What an operator should know: a partition with work that has not moved for a minute."""
        now = monotonic()
        for partition, progress in self._partitions.items():
            if self._lag.get(partition, 0) > 0 and now - progress.moved_at > STUCK_SECONDS:
                return f"{self.group} has not moved on {partition.topic}/{partition.index} for a minute"
        return None

    async def measure(self) -> None:
        """Set the lag gauges."""
        self._lag = await self._consumer.lag()
        for partition, lag in self._lag.items():
            metrics.CONSUMER_LAG.labels(self.group, partition.topic, str(partition.index)).set(lag)
            if lag == 0 and partition in self._partitions:
                self._partitions[partition].moved_at = monotonic()

    async def _step(self) -> None:
        await self._resume_due()
        await self._look_around()
        if monotonic() >= self._next_telling:
            await self._tell_bus()
        try:
            async with asyncio.timeout(None) as self._polling:
                batches = await self._consumer.poll(max_records=self._max_batch, max_wait=self._patience())
        except (BusUnavailable, OSError, DBAPIError, PoolTimeout, TimeoutError) as error:
            if not self._draining:
                log.warning("poll_failed", consumer=self.group, error=type(error).__name__)
                await asyncio.sleep(FIRST_BACKOFF_SECONDS * 5)
            return
        finally:
            self._polling = None
        if not batches:
            if all(task.done() for task in self._working):
                metrics.CONSUMER_LAG_SECONDS.labels(self.group).set(0)
            return
        await self._take(batches)

    async def _take(self, batches: Mapping[Partition, Sequence[Record]]) -> None:
        """Begin to handle batches, and wait for those of the round before; small ones are waited for themselves."""
        began, count = monotonic(), sum(map(len, batches.values()))
        taken = [
            _Taken(partition, records, progress, progress.turns, progress.work)
            for partition, records in batches.items()
            if (progress := self._partitions.get(partition)) is not None
        ]
        parts = [taken] if count < TOGETHER_RECORDS else [[each] for each in taken]
        earlier = self._working
        working = []
        for part in parts:
            work = asyncio.create_task(self._handle(part))
            working.append(work)
            for each in part:
                each.progress.work = work
        self._working = [*earlier, *working]
        await _settled(earlier)
        self._working = working
        if count < PACE_RECORDS:
            await _settled(working)
            await asyncio.sleep(began + PACE_SECONDS - monotonic())

    def _patience(self) -> float:
        """How long to wait for records: until a paused partition is to go on, or there is something to see to."""
        due = [progress.resume_at for progress in self._partitions.values() if progress.resume_at is not None]
        return max(0.0, min([POLL_SECONDS, *(each - monotonic() for each in due)]))

    async def _assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        async with self._db.read() as tx:
            offsets = await stored_offsets(tx, self.group, partitions)
        for partition, offset in offsets.items():
            self._partitions[partition] = _Progress(offset)
        metrics.REBALANCES.labels(self.group).inc()
        return offsets

    async def _revoked(self, partitions: Collection[Partition]) -> None:
        leaving = [self._partitions[each] for each in partitions if each in self._partitions]
        for progress in leaving:
            # What waits to be handled is for whoever comes next.
            progress.turns += 1
        if working := {each.work for each in leaving if each.work is not None}:
            await asyncio.wait(working, timeout=DRAIN_SECONDS)
        await self._tell_bus()
        for partition in partitions:
            self._partitions.pop(partition, None)

    async def _handle(self, taken: Sequence[_Taken]) -> None:
        """Deliver batches, whatever happens, once those before them are done; never raises but for cancellation.

        Several partitions' are delivered in one transaction. Whatever fails then is done one by one, so that no
        partition waits for another's failure.
        """
        before = {each.before for each in taken if each.before is not None and not each.before.done()}
        if before:
            await asyncio.wait(before)
            if self._draining:
                return
        current = [each for each in taken if self._is_current(each)]
        if len(current) < 2 or not await self._handle_together({each.partition: each.records for each in current}):
            await asyncio.gather(*map(self._handle_one, current))

    def _is_current(self, taken: _Taken) -> bool:
        return self._partitions.get(taken.partition) is taken.progress and taken.progress.turns == taken.turns

    async def _handle_together(self, batches: Mapping[Partition, Sequence[Record]]) -> bool:
        """Deliver small batches of several partitions in one transaction; False if they are to be handled one by one.

        That is what becomes of any failure: it is met again, and dealt with, where the failing partition stands alone.
        """
        try:
            await self._deliver(batches)
        except Exception:  # noqa: BLE001 - see above
            return False
        self._untold.update(batches)
        return True

    async def _handle_one(self, taken: _Taken) -> None:
        partition, records, progress, *_ = taken
        try:
            await self._deliver({partition: records})
        except Fenced:
            await self._reload(partition, progress)
        except Exception as error:  # noqa: BLE001 - the one place where any handler's failure ends
            await self._failed(partition, progress, records, error)
        else:
            self._untold.add(partition)

    async def _deliver(self, batches: Mapping[Partition, Sequence[Record]]) -> None:
        """Handle batches of our partitions in one transaction, and note how far we are."""
        positions = {partition: self._partitions[partition].position for partition in batches}
        for partition, position in (await self._batches.deliver(batches, positions)).items():
            if (progress := self._partitions.get(partition)) is not None:
                progress.position, progress.moved_at, progress.attempts = position, monotonic(), 0

    async def _failed(
        self, partition: Partition, progress: _Progress, records: Sequence[Record], error: Exception
    ) -> None:
        metrics.CONSUMER_RETRIES.labels(self.group, type(error).__name__).inc()
        progress.attempts += 1
        passing = is_passing(error)
        log.warning(
            "batch_failed",
            consumer=self.group,
            topic=partition.topic,
            partition=partition.index,
            offset=progress.position,
            records=len(records),
            attempt=progress.attempts,
            error=type(error).__name__,
            passing=passing,
        )
        if passing or (progress.attempts < MAX_ATTEMPTS and not isinstance(error, Poison)):
            await self._pause(partition, progress)
            return
        try:
            await self._isolate(partition, progress, records, error, attempts=progress.attempts)
        except Fenced:
            await self._reload(partition, progress)
        except Exception as later:  # noqa: BLE001 - a fault while isolating: begin again from where we are
            log.warning("isolation_failed", consumer=self.group, error=type(later).__name__)
            await self._pause(partition, progress)
        else:
            progress.attempts = 0
            self._untold.add(partition)

    async def _isolate(
        self, partition: Partition, progress: _Progress, records: Sequence[Record], error: Exception, *, attempts: int
    ) -> None:
        """Cut the batch in halves until the guilty record stands alone, and bury it."""
        if len(records) == 1:
            await self._batches.bury(records[0], error, position=progress.position, attempts=attempts)
            progress.position, progress.moved_at = records[0].offset + 1, monotonic()
            log.error(
                "record_is_dead",
                consumer=self.group,
                topic=partition.topic,
                partition=partition.index,
                offset=records[0].offset,
                error=type(error).__name__,
            )
            return
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            try:
                await self._deliver({partition: half})
            except Fenced:
                raise
            except Exception as cause:
                if is_passing(cause):
                    raise
                await self._isolate(partition, progress, half, cause, attempts=attempts)

    async def _pause(self, partition: Partition, progress: _Progress) -> None:
        delay = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(progress.attempts, 10))
        progress.resume_at = monotonic() + delay
        self._consumer.pause((partition,))
        await self._rewind(partition, progress)

    async def _rewind(self, partition: Partition, progress: _Progress) -> None:
        """Read on from where we are, and forget what was taken from there on."""
        progress.turns += 1
        await self._consumer.rewind({partition: progress.position})

    async def _resume_due(self) -> None:
        now = monotonic()
        for partition, progress in self._partitions.items():
            if progress.resume_at is not None and progress.resume_at <= now:
                progress.resume_at = None
                self._consumer.resume((partition,))

    async def _reload(self, partition: Partition, progress: _Progress) -> None:
        """Somebody else moved the offset (a rebalance, a replay): go on from where it is now."""
        metrics.CONSUMER_FENCED.labels(self.group).inc()
        log.warning("fenced", consumer=self.group, topic=partition.topic, partition=partition.index)
        try:
            async with self._db.read() as tx:
                stored = await stored_offsets(tx, self.group, (partition,))
        except Exception as error:  # noqa: BLE001 - the database is away: try again with the old position
            log.warning("reload_failed", consumer=self.group, error=type(error).__name__)
            await self._pause(partition, progress)
            return
        progress.position = stored[partition]
        await self._rewind(partition, progress)

    async def _tell_bus(self) -> None:
        # Only a hint: after a crash the stored offset rules.
        self._next_telling = monotonic() + TELL_SECONDS
        positions = {each: self._partitions[each].position for each in self._untold if each in self._partitions}
        self._untold.clear()
        with contextlib.suppress(BusUnavailable, OSError, TimeoutError, DBAPIError, PoolTimeout):
            await self._consumer.commit(positions)

    async def _look_around(self) -> None:
        """See whether somebody moved our offsets (a replay), or asked to try dead letters again."""
        if monotonic() < self._next_look:
            return
        self._next_look = monotonic() + LOOK_SECONDS
        try:
            # Who is busy finds out by themselves, at the end of their batch.
            positions = {
                partition: progress.position for partition, progress in self._partitions.items() if not progress.is_busy
            }
            if not await self._lookout.concerns(self.group, positions):
                return
            async with self._db.read() as tx:
                stored = await stored_offsets(tx, self.group, self._partitions)
                is_asked = await dead_letters.any_to_retry(tx, self.group)
            for partition in positions.keys() & self._partitions.keys():
                progress = self._partitions[partition]
                if partition in stored and stored[partition] != progress.position:
                    log.warning("offset_was_moved", consumer=self.group, topic=partition.topic, to=stored[partition])
                    progress.position = stored[partition]
                    await self._rewind(partition, progress)
            while is_asked and await self._batches.retry_letter():
                pass
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("look_around_failed", consumer=self.group, error=type(error).__name__)


async def _settled(working: Collection[asyncio.Task[None]]) -> None:
    """Wait until all are done; what one of them raises is raised."""
    if working:
        await asyncio.wait(working)
        for task in working:
            task.result()
