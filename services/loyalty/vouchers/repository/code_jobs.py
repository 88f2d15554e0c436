"""SQL of jobs that make codes: batches of codes with their sealed form, in one transaction each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Row

from services.loyalty.vouchers.domain.forms import Form
from shared.db.engine import ReadTx, WriteTx

_JOB = (
    "id, campaign_id, wanted, made, value_minor, expires_at, state, prefix, length, pattern, charset, has_check, "
    "max_uses, kid, sealed_key, "
    "codes_until, downloads, created_at, created_by, finished_at"
)
_COPIED = ("id", "campaign_id", "fingerprint", "kid", "last4", "max_uses", "value_minor", "expires_at", "job_id",
           "created_at")  # fmt: skip
_LONGEST_COPY_SECONDS = 60.0
# How long codes can be fetched.
KEPT = timedelta(hours=24)


class DrawnBefore(Exception):
    """A code was drawn that is there already."""


class Job(NamedTuple):
    """A job as it stands: `made` of `wanted` codes. `sealed_key` opens what it made, until `codes_until`."""

    id: UUID
    campaign_id: UUID
    wanted: int
    made: int
    value_minor: int | None
    expires_at: datetime | None
    state: str
    prefix: str
    length: int
    pattern: str | None
    charset: str
    has_check: bool
    max_uses: int | None
    kid: str
    sealed_key: bytes | None
    codes_until: datetime
    downloads: int
    created_at: datetime
    created_by: str
    finished_at: datetime | None

    @property
    def form(self) -> Form:
        """What its codes look like."""
        return Form(self.prefix, self.length, self.pattern, self.charset, self.has_check)


def _job(row: Row[Any] | None) -> Job | None:
    return None if row is None else Job._make(row)


async def add(tx: WriteTx, job: Job) -> None:
    """Keep a new job."""
    names = [name.strip() for name in _JOB.split(",")]
    await tx.execute(
        f"INSERT INTO code_jobs ({_JOB}) VALUES ({', '.join(f':{name}' for name in names)})", job._asdict()
    )


async def get(tx: ReadTx, job_id: UUID) -> Job | None:
    """The job."""
    rows = await tx.execute(f"SELECT {_JOB} FROM code_jobs WHERE id = :id", {"id": job_id})
    return _job(rows.one_or_none())


async def locked(tx: WriteTx, job_id: UUID) -> Job | None:
    """The job, for whoever alone works on it until the transaction ends."""
    rows = await tx.execute(f"SELECT {_JOB} FROM code_jobs WHERE id = :id FOR UPDATE", {"id": job_id})
    return _job(rows.one_or_none())


async def of_campaign(tx: ReadTx, campaign: UUID, *, before: UUID | None, limit: int) -> list[Job]:
    """The jobs of a campaign, the latest first."""
    rows = await tx.execute(
        f"""
        SELECT {_JOB} FROM code_jobs WHERE campaign_id = :campaign {"" if before is None else "AND id < :before"}
        ORDER BY id DESC LIMIT :limit
        """,
        {"campaign": campaign, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [Job._make(row) for row in rows]


async def waiting(tx: ReadTx) -> Sequence[UUID]:
    """The jobs that are not done, the oldest first."""
    rows = await tx.execute("SELECT id FROM code_jobs WHERE state = 'waiting' ORDER BY id")
    return [row.id for row in rows]


async def wanted_codes(tx: ReadTx, campaign: UUID) -> int:
    """How many codes the jobs of a campaign have made or will make."""
    rows = await tx.execute(
        "SELECT coalesce(sum(CASE state WHEN 'waiting' THEN wanted ELSE made END), 0)::bigint AS codes "
        "FROM code_jobs WHERE campaign_id = :campaign",
        {"campaign": campaign},
    )
    return int(rows.one().codes)


async def copy(tx: WriteTx, codes: Sequence[tuple[Any, ...]]) -> None:
    """Store codes, tuples in the order of the columns `_COPIED`, by COPY: several times the rate of INSERT.

    Raises:
        DrawnBefore: one of them is there already; the transaction is to be rolled back.
    """
    # The transaction is open: SQLAlchemy begins it with the first statement, and the job was locked by one.
    raw = await tx.connection.get_raw_connection()
    driver: Any = raw.driver_connection
    try:
        await driver.copy_records_to_table("codes", records=codes, columns=_COPIED, timeout=_LONGEST_COPY_SECONDS)
    except asyncpg.UniqueViolationError:
        raise DrawnBefore from None


async def progress(tx: WriteTx, job: Job, number: int, sealed: bytes, made: int, now: datetime) -> None:
    """Note a batch of codes that the same transaction stores; with the last one the time to fetch them begins."""
    await tx.execute(
        "INSERT INTO code_batches (job_id, number, sealed) VALUES (:job, :number, :sealed)",
        {"job": job.id, "number": number, "sealed": sealed},
    )
    await tx.execute("UPDATE code_jobs SET made = :made WHERE id = :id", {"id": job.id, "made": made})
    if made == job.wanted:
        await end(tx, job.id, "done", now)


async def end(tx: WriteTx, job_id: UUID, state: str, now: datetime) -> None:
    """Make no more codes for this job; what it made can be fetched for a while."""
    await tx.execute(
        "UPDATE code_jobs SET state = :state, finished_at = :now, codes_until = :until WHERE id = :id",
        {"id": job_id, "state": state, "now": now, "until": now + KEPT},
    )


async def next_number(tx: ReadTx, job_id: UUID) -> int:
    """The number of the job's next batch."""
    rows = await tx.execute(
        "SELECT coalesce(max(number) + 1, 0) AS number FROM code_batches WHERE job_id = :job", {"job": job_id}
    )
    return int(rows.one().number)


async def batch(tx: ReadTx, job_id: UUID, number: int) -> bytes | None:
    """A batch in its sealed form."""
    rows = await tx.execute(
        "SELECT sealed FROM code_batches WHERE job_id = :job AND number = :number", {"job": job_id, "number": number}
    )
    row = rows.one_or_none()
    return None if row is None else bytes(row.sealed)


async def count_download(tx: WriteTx, job_id: UUID) -> None:
    """Note that the codes were asked for."""
    await tx.execute("UPDATE code_jobs SET downloads = downloads + 1 WHERE id = :id", {"id": job_id})


async def forget(tx: WriteTx, job_id: UUID) -> None:
    """Throw the key of a job's batches away, and the batches after it."""
    await tx.execute("UPDATE code_jobs SET sealed_key = NULL WHERE id = :id", {"id": job_id})
    await tx.execute("DELETE FROM code_batches WHERE job_id = :id", {"id": job_id})


async def outdated(tx: ReadTx, now: datetime) -> Sequence[UUID]:
    """The jobs whose codes were kept long enough."""
    rows = await tx.execute(
        "SELECT id FROM code_jobs WHERE sealed_key IS NOT NULL AND codes_until <= :now AND state <> 'waiting' "
        "ORDER BY id LIMIT 100",
        {"now": now},
    )
    return [row.id for row in rows]
