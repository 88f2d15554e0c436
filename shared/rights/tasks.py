"""What is still to be cleaned after an erasure, from the transaction of the erasure until it is done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from shared.bus.base import Partition
from shared.db.engine import ReadTx, WriteTx
from shared.ids import uuid7
from shared.rights.contract import Subject

# The slice of a task that is no part of a case: nobody waits for its answer.
LATE = 0


class Task(NamedTuple):
    """One slice of an erasure. `ends`: on a log that cannot be rewritten, what its partitions must have let go."""

    case_id: UUID
    slice: int
    subject: Subject
    ends: Mapping[Partition, int] | None
    since: datetime


async def add(tx: WriteTx, case_id: UUID, slice_: int, subject: Subject) -> None:
    """Have the slice cleaned; one that waits already goes on waiting."""
    await tx.execute(
        "INSERT INTO rights_tasks (case_id, slice, root, keys, texts) VALUES (:case, :slice, :root, :keys, :texts) "
        "ON CONFLICT DO NOTHING",
        {
            "case": case_id,
            "slice": slice_,
            "root": subject.root,
            "keys": list(subject.keys),
            "texts": list(subject.texts),
        },
    )


async def add_late(tx: WriteTx, events: Sequence[UUID]) -> None:
    """Have the raw records of these events overwritten, which came after their person was erased."""
    if events:
        await add(tx, uuid7(), LATE, Subject(events[0], (), tuple(map(str, events))))


async def waiting(tx: ReadTx, *, limit: int = 20) -> list[Task]:
    """The slices to be cleaned, the oldest first."""
    rows = await tx.execute(
        "SELECT case_id, slice, root, keys, texts, ends, since FROM rights_tasks ORDER BY since, case_id LIMIT :limit",
        {"limit": limit},
    )
    return [
        Task(row.case_id, row.slice, Subject(row.root, tuple(row.keys), tuple(row.texts)), _ends(row.ends), row.since)
        for row in rows
    ]


async def note_ends(tx: WriteTx, task: Task, ends: Mapping[Partition, int]) -> None:
    """Note what the partitions must have let go before the slice is clean."""
    told = {f"{place.topic}/{place.index}": end for place, end in ends.items()}
    await tx.execute(
        "UPDATE rights_tasks SET ends = CAST(:ends AS jsonb) WHERE case_id = :case AND slice = :slice",
        {"case": task.case_id, "slice": task.slice, "ends": orjson.dumps(told).decode()},
    )


async def finish(tx: WriteTx, task: Task) -> bool:
    """The slice is clean, and its names are forgotten; False if somebody else was first."""
    gone = await tx.execute(
        "DELETE FROM rights_tasks WHERE case_id = :case AND slice = :slice",
        {"case": task.case_id, "slice": task.slice},
    )
    return gone.rowcount == 1


def _ends(stored: Mapping[str, int] | None) -> dict[Partition, int] | None:
    if stored is None:
        return None
    places = ((*name.rpartition("/"), end) for name, end in stored.items())
    return {Partition(topic, int(index)): end for topic, _, index, end in places}
