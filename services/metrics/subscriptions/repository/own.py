"""What the firm enters itself: its policy, and rates of exchange."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from services.metrics.subscriptions.domain.exchange import Rate
from services.metrics.subscriptions.domain.policy import Counting, Policy
from shared.db.engine import ReadTx, WriteTx

_LOCK = "7262, hashtext(current_schema() || '.subscription_policy')"
_POLICY = ", ".join(Policy._fields)


class StoredPolicy(NamedTuple):
    """A policy and since when it holds; None: since the beginning. `is_counted`: all history is counted by it."""

    policy: Policy
    set_at: datetime | None
    is_counted: bool


async def hold(tx: WriteTx) -> Counting:
    """What is counted by, which stays until this transaction ends; after who is whom is held, never before."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")
    return await counting(tx)


async def claim(tx: WriteTx) -> Counting:
    """The same, for who changes it: nobody counts by it meanwhile."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
    return await counting(tx)


async def counting(tx: ReadTx) -> Counting:
    """What is counted by."""
    rows = await tx.execute(
        f"""
        SELECT {_POLICY}, is_counted, reached, coalesce(persons, 0) AS persons
        FROM subscription_policies LEFT JOIN subscription_recounts USING (version)
        WHERE version >= (SELECT max(version) FROM subscription_policies WHERE is_counted) ORDER BY version
        """
    )
    whole, *later = rows.fetchall()
    of = Policy(*whole[: len(Policy._fields)])
    if not later:
        return Counting(of, None, None, 0)
    newest = later[-1]
    return Counting(of, Policy(*newest[: len(Policy._fields)]), newest.reached, newest.persons)


async def policies(tx: ReadTx, limit: int = 100) -> list[StoredPolicy]:
    """All there were, the newest first."""
    rows = await tx.execute(
        f"SELECT {_POLICY}, set_at, is_counted FROM subscription_policies ORDER BY version DESC LIMIT :limit",
        {"limit": limit},
    )
    return [StoredPolicy(Policy(*row[:-2]), row.set_at, row.is_counted) for row in rows]


async def add_policy(tx: WriteTx, new: Policy, at: datetime) -> None:
    """Let a policy hold from now on, for all history: nobody is counted by it yet."""
    names = ", ".join(f":{name}" for name in Policy._fields)
    await tx.execute(
        f"INSERT INTO subscription_policies ({_POLICY}, set_at, is_counted) VALUES ({names}, :at, false)",
        {**new._asdict(), "at": at},
    )


async def put_reached(tx: WriteTx, version: int, reached: UUID, persons: int) -> None:
    """All persons up to a key are counted by a policy: so many more."""
    await tx.execute(
        "INSERT INTO subscription_recounts (version, reached, persons) VALUES (:version, :reached, :persons) "
        "ON CONFLICT (version) DO UPDATE SET reached = EXCLUDED.reached, "
        "persons = subscription_recounts.persons + EXCLUDED.persons",
        {"version": version, "reached": reached, "persons": persons},
    )


async def forget_reached(tx: WriteTx) -> None:
    """Nobody is counted by a pending policy."""
    await tx.execute("DELETE FROM subscription_recounts")


async def set_counted(tx: WriteTx, version: int) -> None:
    """All history is counted by this policy."""
    await tx.execute(
        "UPDATE subscription_policies SET is_counted = true WHERE version = :version", {"version": version}
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
