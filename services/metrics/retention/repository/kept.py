"""What was counted by looking at everybody, and how far the log had been read then."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared.db.engine import ReadTx, WriteTx


class Kept(NamedTuple):
    """A document, when it was counted, how long that took, when it was asked for last, and the mark of the log."""

    document: Any
    counted_at: datetime
    took_seconds: float
    asked_at: datetime
    mark: str


async def mark(tx: ReadTx, groups: Collection[str], zone: str) -> str:
    """How far these consumers have read the log; with the days it is counted in."""
    rows = await tx.execute(
        "SELECT consumer, topic, partition, next_offset FROM offsets WHERE consumer = ANY(CAST(:groups AS text[])) "
        "ORDER BY consumer, topic, partition",
        {"groups": list(groups)},
    )
    return orjson.dumps([zone, *(tuple(row) for row in rows)]).decode()


async def kept(tx: ReadTx, subject: str, day: int) -> Kept | None:
    """What is kept of a subject as of a day."""
    rows = await tx.execute(
        "SELECT document, counted_at, took_seconds, asked_at, mark FROM kept_scans "
        "WHERE subject = :subject AND day = :day",
        {"subject": subject, "day": day},
    )
    row = rows.one_or_none()
    return None if row is None else Kept(row.document, row.counted_at, row.took_seconds, row.asked_at, row.mark)


async def keep(tx: WriteTx, subject: str, day: int, found: Kept) -> None:
    """Keep it, unless something newer is."""
    await tx.execute(
        """
        INSERT INTO kept_scans (subject, day, counted_at, took_seconds, asked_at, mark, document)
        VALUES (:subject, :day, :counted_at, :took_seconds, :asked_at, :mark, CAST(:document AS jsonb))
        ON CONFLICT (subject, day) DO UPDATE SET counted_at = EXCLUDED.counted_at,
            took_seconds = EXCLUDED.took_seconds, asked_at = greatest(kept_scans.asked_at, EXCLUDED.asked_at),
            mark = EXCLUDED.mark, document = EXCLUDED.document
        WHERE kept_scans.counted_at <= EXCLUDED.counted_at
        """,
        {
            **found._asdict(),
            "subject": subject,
            "day": day,
            "document": orjson.dumps(found.document).decode(),
        },
    )


async def asked(tx: WriteTx, subject: str, day: int, at: datetime) -> None:
    """Note that somebody wants it."""
    await tx.execute(
        "UPDATE kept_scans SET asked_at = :at WHERE subject = :subject AND day = :day AND asked_at < :at",
        {"subject": subject, "day": day, "at": at},
    )


async def want(tx: WriteTx, subject: str, day: int, at: datetime) -> None:
    """Note that somebody wants what was not counted yet: nothing, with no mark."""
    await tx.execute(
        """
        INSERT INTO kept_scans (subject, day, counted_at, took_seconds, asked_at, mark, document)
        VALUES (:subject, :day, :at, 0, :at, '', 'null') ON CONFLICT (subject, day) DO NOTHING
        """,
        {"subject": subject, "day": day, "at": at},
    )


class Wanted(NamedTuple):
    """Somebody asked for a subject as of a day; `is_waiting`: it was not counted yet."""

    subject: str
    day: int
    asked_at: datetime
    is_waiting: bool


async def wanted(tx: ReadTx, since: datetime) -> list[Wanted]:
    """What somebody has asked for since."""
    rows = await tx.execute(
        "SELECT subject, day, asked_at, mark = '' AS is_waiting FROM kept_scans WHERE asked_at >= :since "
        "ORDER BY subject, day",
        {"since": since},
    )
    return [Wanted._make(row) for row in rows]


async def forget(tx: WriteTx, before: datetime) -> None:
    """Keep nothing that nobody has asked for since."""
    await tx.execute("DELETE FROM kept_scans WHERE asked_at < :before", {"before": before})
