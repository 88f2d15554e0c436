"""What the firm enters itself: its policy, and rates of exchange."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.policy import Policy
from shared.db.engine import ReadTx, WriteTx

_LOCK = "7262, hashtext(current_schema() || '.subscription_policy')"
_POLICY = ", ".join(Policy._fields)


class StoredPolicy(NamedTuple):
    """A policy and since when it holds; None: since the beginning."""

    policy: Policy
    set_at: datetime | None


async def hold_policy(tx: WriteTx) -> Policy:
    """The policy, which stays what it is until this transaction ends. After who is whom is held, never before."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")
    return (await policy(tx)).policy


async def claim_policy(tx: WriteTx) -> StoredPolicy:
    """The same, for who changes it: nobody counts by it meanwhile."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    return await policy(tx)


async def policy(tx: ReadTx) -> StoredPolicy:
    """The policy that holds."""
    return (await policies(tx, 1))[0]


async def policies(tx: ReadTx, limit: int = 100) -> list[StoredPolicy]:
    """All there were, the newest first."""
    rows = await tx.execute(
        f"SELECT {_POLICY}, set_at FROM subscription_policies ORDER BY version DESC LIMIT :limit", {"limit": limit}
    )
    return [StoredPolicy(Policy(*row[:-1]), row.set_at) for row in rows]


async def add_policy(tx: WriteTx, new: Policy, at: datetime) -> None:
    """Let a policy hold from now on, for all history."""
    names = ", ".join(f":{name}" for name in Policy._fields)
    await tx.execute(
        f"INSERT INTO subscription_policies ({_POLICY}, set_at) VALUES ({names}, :at)", {**new._asdict(), "at": at}
    )


async def rates(tx: ReadTx, into: str | None = None) -> Sequence[Rate]:
    """Rates in the order of their days; into one currency, or all."""
    rows = await tx.execute(
        "SELECT currency, into_currency, day, rate FROM fx_rates "
        "WHERE CAST(:into AS text) IS NULL OR into_currency = :into ORDER BY into_currency, currency, day",
        {"into": into},
    )
    return [_rate(row) for row in rows]


def _rate(row: Any) -> Rate:
    # Without the zeros that PostgreSQL kept as they were written.
    return Rate(row.currency, row.into_currency, row.day, Decimal(row.rate))


async def put_rate(tx: WriteTx, rate: Rate) -> None:
    """Enter a rate, or replace that of its day."""
    await tx.execute(
        "INSERT INTO fx_rates (currency, into_currency, day, rate) VALUES (:currency, :into, :day, :rate) "
        "ON CONFLICT (into_currency, currency, day) DO UPDATE SET rate = EXCLUDED.rate",
        {"currency": rate.currency, "into": rate.into, "day": rate.day, "rate": rate.rate},
    )


async def remove_rate(tx: WriteTx, currency: str, into: str, day: int) -> bool:
    """Remove a rate; was it there?"""
    gone = await tx.execute(
        "DELETE FROM fx_rates WHERE currency = :currency AND into_currency = :into AND day = :day RETURNING true",
        {"currency": currency, "into": into, "day": day},
    )
    return gone.scalar_one_or_none() is not None
