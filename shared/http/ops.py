"""Operators' routes: dead letters, and how far consumers are.

A dead letter's payload may hold personal data: it is shown one letter at a time, to keys with `ops:write`; the list,
for `ops:read`, has none of it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from shared.bus.base import Bus, BusUnavailable, Partition
from shared.db.engine import Database
from shared.delivery import dead_letters
from shared.delivery.dead_letters import DeadLetter
from shared.delivery.inbox import stored_offsets
from shared.delivery.relay import waiting
from shared.delivery.subscription import Subscription
from shared.errors import Conflict, NotFound
from shared.http.auth import require
from shared.http.paging import BadCursor, Cursor, Limit, Page, encode_cursor, id_in
from shared.http.problems import problems

_BUS_SECONDS = 3.0


class LetterNotFound(NotFound):
    """No service of this process has the letter."""

    code, title = "dead_letter_not_found", "Dead letter not found"

    def __init__(self) -> None:
        super().__init__("There is no dead letter with this id.")


class LetterClosed(Conflict):
    """The letter was dealt with before."""

    code, title = "dead_letter_closed", "Dead letter closed"

    def __init__(self, status: str) -> None:
        super().__init__(f"The dead letter is {status} already.", letter_status=status)


class LetterOut(BaseModel):
    """A record that a consumer could not handle, without what it says."""

    id: UUID
    service: str
    consumer: str
    topic: str
    partition: int
    offset: int
    error_class: str
    attempts: int
    failed_at: datetime
    status: str = Field(description="dead, retry (will be tried again), resolved or dropped.")


class LetterWhole(LetterOut):
    """A dead letter with its payload and the reason; may hold personal data."""

    error: str = Field(description="What of the error is nobody's data: its code, or what PostgreSQL calls the fault.")
    traceback: str = Field(description="Types of the error and of what caused it, with file, line and function.")
    payload: str = Field(description="The record's value as text; bytes that are no UTF-8 are replaced.")


class ConsumerOut(BaseModel):
    """How far a consumer is on one partition."""

    service: str
    group: str
    topic: str
    partition: int
    position: int = Field(description="The next offset it will handle.")
    end: int = Field(description="The next offset that will be written.")
    lag: int


class OutboxOut(BaseModel):
    """What a service has decided and not yet published: its consumers cannot have read it."""

    service: str
    waiting: int = Field(description="Events in the outbox.")


class Consumers(BaseModel):
    """Every consumer of this process's services, partition by partition, and what is still to come to the topics."""

    items: list[ConsumerOut]
    outboxes: list[OutboxOut]


@dataclass(frozen=True, slots=True)
class Ops:
    """What operators see of the services of this process."""

    databases: Mapping[str, Database]
    subscriptions: Sequence[Subscription]
    bus: Bus | None

    async def page(self, after: UUID | None, limit: int) -> Page[LetterOut]:
        """Open letters of all services, oldest first: ids grow with time."""
        found: list[LetterOut] = []
        for name, db in self.databases.items():
            async with db.read() as tx:
                letters = await dead_letters.open_letters(tx, after=after, limit=limit + 1)
            found += [_shown(name, each) for each in letters]
        found.sort(key=lambda each: each.id)
        is_more = len(found) > limit
        return Page[LetterOut](
            items=found[:limit], next_cursor=encode_cursor([found[limit - 1].id]) if is_more else None
        )

    async def find(self, letter_id: UUID) -> LetterWhole:
        """One letter, whole.

        Raises:
            LetterNotFound: no service has it.
        """
        for name, db in self.databases.items():
            async with db.read() as tx:
                found = await dead_letters.letter(tx, letter_id)
            if found is not None:
                letter, traceback, payload = found
                return LetterWhole(
                    **_shown(name, letter).model_dump(),
                    error=letter.error,
                    traceback=traceback,
                    payload=payload.decode("utf-8", "replace"),
                )
        raise LetterNotFound

    async def decide(self, letter_id: UUID, status: str) -> LetterOut:
        """Have an open letter tried again (`retry`) or given up (`dropped`).

        Raises:
            LetterNotFound: no service has it.
            LetterClosed: it is open no more.
        """
        for name, db in self.databases.items():
            async with db.write() as tx:
                decided = await dead_letters.set_status(tx, [letter_id], status)
                found = await dead_letters.letter(tx, letter_id)
            if found is None:
                continue
            if not decided:
                raise LetterClosed(found[0].status)
            return _shown(name, found[0])
        raise LetterNotFound

    async def consumers(self) -> list[ConsumerOut]:
        """Positions and lags, from the stored offsets and the ends of the log."""
        if self.bus is None:
            return []
        found: list[ConsumerOut] = []
        ends: dict[str, Mapping[Partition, int]] = {}
        for subscription in self.subscriptions:
            service = subscription.group.partition(".")[0]
            for topic in subscription.topics:
                if topic.name not in ends:
                    ends[topic.name] = await self._ends(self.bus, topic.name)
                if service in self.databases:
                    found += await self._positions(service, subscription.group, ends[topic.name])
        return sorted(found, key=lambda each: (each.group, each.topic, each.partition))

    async def outboxes(self) -> list[OutboxOut]:
        """What waits in the outbox of each service."""
        found: list[OutboxOut] = []
        for name, db in sorted(self.databases.items()):
            async with db.read() as tx:
                found.append(OutboxOut(service=name, waiting=await waiting(tx)))
        return found

    async def _ends(self, bus: Bus, topic: str) -> Mapping[Partition, int]:
        try:
            async with asyncio.timeout(_BUS_SECONDS):
                return await bus.end_offsets(topic)
        except TimeoutError as error:
            raise BusUnavailable(f"no end offsets of {topic}") from error

    async def _positions(self, service: str, group: str, ends: Mapping[Partition, int]) -> list[ConsumerOut]:
        async with self.databases[service].read() as tx:
            stored = await stored_offsets(tx, group, ends)
        return [
            ConsumerOut(
                service=service,
                group=group,
                topic=partition.topic,
                partition=partition.index,
                position=stored[partition],
                end=end,
                lag=max(0, end - stored[partition]),
            )
            for partition, end in ends.items()
        ]


def _shown(service: str, letter: DeadLetter) -> LetterOut:
    return LetterOut(
        id=letter.id,
        service=service,
        consumer=letter.consumer,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        error_class=letter.error_class,
        attempts=letter.attempts,
        failed_at=letter.failed_at,
        status=letter.status,
    )


async def _ops(request: Request) -> Ops:
    ops: Ops = request.app.state.ops
    return ops


OpsDep = Annotated[Ops, Depends(_ops)]

router = APIRouter(prefix="/v1/ops", tags=["ops"])
_reads = [Depends(require("ops:read"))]
_writes = [Depends(require("ops:write"))]


@router.get("/dead-letters", dependencies=_reads, responses=problems(BadCursor))
async def dead_letter_list(ops: OpsDep, cursor: Cursor = None, limit: Limit = 50) -> Page[LetterOut]:
    """List open dead letters, oldest first."""
    return await ops.page(id_in(cursor), limit)


@router.get("/dead-letters/{letter_id}", dependencies=_writes, responses=problems(LetterNotFound))
async def dead_letter_show(ops: OpsDep, letter_id: UUID) -> LetterWhole:
    """Show one dead letter with its payload and the reason."""
    return await ops.find(letter_id)


@router.post("/dead-letters/{letter_id}/retry", dependencies=_writes, responses=problems(LetterNotFound, LetterClosed))
async def dead_letter_retry(ops: OpsDep, letter_id: UUID) -> LetterOut:
    """Have a dead letter handled again."""
    return await ops.decide(letter_id, "retry")


@router.post("/dead-letters/{letter_id}/drop", dependencies=_writes, responses=problems(LetterNotFound, LetterClosed))
async def dead_letter_drop(ops: OpsDep, letter_id: UUID) -> LetterOut:
    """Give a dead letter up; it stays in the table, out of sight."""
    return await ops.decide(letter_id, "dropped")


@router.get("/consumers", dependencies=_reads)
async def consumers(ops: OpsDep) -> Consumers:
    """Show how far every consumer is, and what waits in outboxes: where all of it is 0, every figure is final."""
    # Outboxes first: what was published meanwhile is seen as lag then, and nothing is overlooked.
    outboxes = await ops.outboxes()
    return Consumers(items=await ops.consumers(), outboxes=outboxes)
