"""Idempotency keys: a request that is sent again has no second effect and gets the first answer.

The answer is stored in the transaction of the effect, so either both are there or neither. A twin that comes while
the first is at work waits for it. A refusal rolls back and is not stored: the same key may try again.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.db.engine import WriteTx
from shared.errors import Invalid

KEEP = timedelta(hours=48)

_LOCK = "hashtextextended(current_schema() || '.idempotency:' || :key, 0)"
# For whoever answers many requests in one transaction: each of `:requests`, and whether it is held now as `replayed`
# holds one. Who waited for a twin of one would keep all the others waiting.
TRY_ALL = f"""
    SELECT request, pg_try_advisory_xact_lock({_LOCK.replace(":key", "request")}) AS is_ours
    FROM unnest(CAST(:requests AS text[])) AS request
"""


class IdempotencyKeyReused(Invalid):
    """The same key came with another request."""

    code, title = "idempotency_key_reused", "Idempotency key reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for a different request; use a new key for a new request.")


@dataclass(frozen=True, slots=True)
class Idempotent:
    """The key of a request, unique per caller, and a digest of what was asked."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: an HTTP status and a JSON body. `is_replay` if it is the stored one."""

    status: int
    body: bytes
    is_replay: bool = False


async def replayed(tx: WriteTx, idem: Idempotent | None) -> Answer | None:
    """The stored answer, or None if the request is new; call it first in the transaction.

    Holds the key until the transaction ends.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.
    """
    if idem is None:
        return None
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})", {"key": idem.key})
    # A statement of its own: its snapshot is taken after the wait, and sees what the twin committed.
    row = (
        await tx.execute("SELECT fingerprint, status, body FROM idempotency_keys WHERE key = :key", {"key": idem.key})
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != idem.fingerprint:
        raise IdempotencyKeyReused
    return Answer(row.status, row.body, is_replay=True)


async def remember(tx: WriteTx, idem: Idempotent | None, answer: Answer) -> None:
    """Store the answer with the effect."""
    if idem is None:
        return
    await tx.execute(
        "INSERT INTO idempotency_keys (key, fingerprint, status, body) VALUES (:key, :fingerprint, :status, :body)",
        {"key": idem.key, "fingerprint": idem.fingerprint, "status": answer.status, "body": answer.body},
    )


async def forget_old(tx: WriteTx, *, older_than: timedelta = KEEP, most: int = 50_000) -> int:
    """Delete up to `most` stored answers past their age; the number deleted."""
    result = await tx.execute(
        """
        DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(secs => :age) LIMIT :most
        ))
        """,
        {"age": older_than.total_seconds(), "most": most},
    )
    return result.rowcount
