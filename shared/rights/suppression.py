"""Who was erased and must not come back: not by late events, replays or imports.

Whoever writes about people asks first, and keeps erasures out until it commits; an erasure waits for all who have
asked, and keeps new ones out. So a row written beside an erasure is either found by it or never written.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.db.engine import WriteTx
from shared.delivery.batches import BoundHandler
from shared.events.envelope import Event
from shared.events.topics import IDENTITY, RIGHTS
from shared.observability import metrics
from shared.rights import tasks
from shared.rights.marks import Seal


async def suppressed(tx: WriteTx, marks: Collection[bytes]) -> set[bytes]:
    """Those of the marks that are suppressed; none is added or taken off until this transaction ends."""
    if not marks:
        return set()
    rows = await tx.execute("SELECT * FROM suppressed_among(CAST(:marks AS bytea[]))", {"marks": list(marks)})
    return set(rows.scalars())


async def claim(tx: WriteTx) -> None:
    """Wait for all who asked, and let nobody ask until this transaction ends. The first lock of a transaction."""
    await tx.execute("SELECT pg_advisory_xact_lock(7263, hashtext(current_schema() || '.suppressed'))")


async def suppress(tx: WriteTx, case_id: UUID, marks: Iterable[bytes]) -> None:
    """Suppress these marks from now on; call `claim` first."""
    await tx.execute(
        "INSERT INTO suppressed (mark, case_id) SELECT DISTINCT unnest(CAST(:marks AS bytea[])), CAST(:case AS uuid) "
        "ON CONFLICT (mark) DO UPDATE SET case_id = EXCLUDED.case_id",
        {"marks": list(marks), "case": case_id},
    )


async def readmit(tx: WriteTx, marks: Iterable[bytes]) -> int:
    """Suppress these marks no longer; how many were."""
    gone = await tx.execute("DELETE FROM suppressed WHERE mark = ANY(CAST(:marks AS bytea[]))", {"marks": list(marks)})
    return gone.rowcount


async def told_together(tx: WriteTx, marks: Iterable[bytes]) -> set[bytes]:
    """All marks that were suppressed by the cases in which these were."""
    rows = await tx.execute(
        "SELECT mark FROM suppressed WHERE case_id IN "
        "(SELECT case_id FROM suppressed WHERE mark = ANY(CAST(:marks AS bytea[])))",
        {"marks": list(marks)},
    )
    return set(rows.scalars())


async def admit(
    seal: Seal,
    consumer: str,
    handler: BoundHandler,
    tx: WriteTx,
    events: Sequence[Event[Any]],
    *,
    owns_log: bool = False,
) -> None:
    """Hand on the events that are about nobody who is suppressed; the others are dropped, and counted.

    A service that `owns_log`, the raw topics, has what was dropped overwritten there too.
    """
    marks = seal.of_keys({event.subject for event in events if _is_about_somebody(event)})
    gone = {marks[mark] for mark in await suppressed(tx, marks)}
    if gone:
        kept = [event for event in events if not _is_gone(event, gone)]
        metrics.SUPPRESSED.labels(consumer).inc(len(events) - len(kept))
        if owns_log:
            await tasks.add_late(tx, [event.id for event in events if _is_gone(event, gone)])
        events = kept
    if events:
        await handler(tx, events)


def _is_gone(event: Event[Any], gone: Collection[UUID]) -> bool:
    return event.subject in gone and _is_about_somebody(event)


def _is_about_somebody(event: Event[Any]) -> bool:
    """Who is the same person as whom is kept for figures; and requests of people are never about nobody."""
    topic = event.data.topic
    # Identity of objects: it is asked of each event, and equality of topics compares all they say.
    return topic is not IDENTITY and topic is not RIGHTS
