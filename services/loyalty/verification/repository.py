"""All SQL of verifications."""

from datetime import datetime

from sqlalchemy import text

from services.loyalty.verification.domain import Night, Phase
from shared.db.engine import ReadTx, WriteTx


async def last(tx: ReadTx) -> Night | None:
    """The last run."""
    rows = await tx.execute("SELECT night, phase, schema, started_at, beat_at, finished_at, reason FROM verifications")
    row = rows.one_or_none()
    return None if row is None else Night._make(row)


async def claim(tx: WriteTx) -> None:
    """Be the only one who begins a run, until the transaction ends."""
    await tx.execute("LOCK TABLE verifications IN SHARE ROW EXCLUSIVE MODE")


async def put(tx: WriteTx, night: Night) -> None:
    """A run begins, or is gone on with."""
    await tx.execute("DELETE FROM verifications")
    await tx.execute(
        "INSERT INTO verifications (night, phase, schema, started_at, beat_at, finished_at, reason) "
        "VALUES (:night, :phase, :schema, :started_at, :beat_at, :finished_at, :reason)",
        night._asdict(),
    )


async def beat(tx: WriteTx, schema: str, phase: Phase, now: datetime) -> bool:
    """Say that it is at work; False: somebody else is by now."""
    done = await tx.execute(
        "UPDATE verifications SET phase = :phase, beat_at = :now WHERE schema = :schema AND finished_at IS NULL",
        {"phase": phase, "now": now, "schema": schema},
    )
    return done.rowcount == 1


async def finish(tx: WriteTx, schema: str, phase: Phase, now: datetime, reason: str | None) -> None:
    """It is over."""
    await tx.execute(
        "UPDATE verifications SET phase = :phase, beat_at = :now, finished_at = :now, reason = :reason "
        "WHERE schema = :schema",
        {"phase": phase, "now": now, "reason": reason, "schema": schema},
    )


async def drop(tx: WriteTx, schema: str) -> None:
    """What a run that nobody goes on with has left."""
    await tx.connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
