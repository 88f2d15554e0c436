"""All SQL of pools. Locks: the pool, then persons; a spend that is returned, then persons."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.loyalty.invariants.domain import Check
from services.loyalty.pools.domain import Invitation, Noted, Period, Place, Pool, Role, Spent
from shared.db.engine import ReadTx, WriteTx

_POOL = ", ".join(Pool._fields)
_PLACE = ", ".join(Place._fields)
_INVITATION = ", ".join(Invitation._fields)
_SPENT = ", ".join(Spent._fields)

CHECKS = (
    Check(
        "pool_has_one_owner",
        "A pool that is not closed has one owner, and a closed one has nobody.",
        """
        SELECT p.id AS what FROM pools AS p LEFT JOIN pool_members AS m ON m.pool_id = p.id AND m.left_at IS NULL
        GROUP BY p.id HAVING count(*) FILTER (WHERE m.role = 'owner')
            <> CASE WHEN p.closed_at IS NULL THEN 1 ELSE 0 END OR (p.closed_at IS NOT NULL AND count(m.id) > 0)
        """,
    ),
    Check(
        "pool_within_its_size",
        "No pool has more members than it may have.",
        """
        SELECT p.id AS what FROM pools AS p JOIN pool_members AS m ON m.pool_id = p.id AND m.left_at IS NULL
        GROUP BY p.id HAVING count(*) > p.max_members
        """,
    ),
    Check(
        "pool_spend_is_its_transactions",
        "What was spent from a pool is what its spend drew from the ledger, and what came back is what was returned.",
        """
        SELECT s.id AS what FROM pool_spends AS s
        LEFT JOIN holds AS h ON s.is_hold AND h.id = s.id
        LEFT JOIN transactions AS t ON t.operation = s.operation AND t.kind = 'spent'
        LEFT JOIN (
            SELECT own.id, sum(a.points) AS standing FROM transactions AS own
            JOIN allocations AS a ON a.of_id = own.id GROUP BY own.id
        ) AS net ON net.id = t.id
        WHERE s.operation IS NOT NULL GROUP BY s.id, h.captured
        HAVING coalesce(sum(t.points), 0) <> coalesce(h.captured, s.points)
            OR coalesce(sum(net.standing), 0) <> coalesce(h.captured, s.points) - s.returned
        """,
    ),
    Check(
        "pool_pays_what_it_noted",
        "What a redemption or a reward was paid with from a pool stands there, with as much as came back.",
        """
        SELECT r.id AS what FROM redemptions AS r LEFT JOIN pool_spends AS s ON s.operation = 'redemption:' || r.id
        WHERE r.pool IS NOT NULL AND (s.pool_id IS DISTINCT FROM r.pool OR s.returned <> r.points_back)
        UNION ALL
        SELECT p.id FROM reward_purchases AS p LEFT JOIN pool_spends AS s ON s.operation = 'reward:' || p.id
        WHERE p.pool IS NOT NULL AND p.points > 0 AND (s.pool_id IS DISTINCT FROM p.pool
            OR s.returned <> CASE WHEN p.state = 'cancelled' THEN p.points ELSE 0 END)
        """,
    ),
)


def _pool(row: Any) -> Pool:
    return Pool._make(row)._replace(wallets=tuple(row.wallets))


async def add(tx: WriteTx, pool: Pool) -> None:
    """Store a new pool."""
    await tx.execute(
        f"INSERT INTO pools ({_POOL}) VALUES (:id, CAST(:wallets AS text[]), :max_members, :daily_limit, :created_at, "
        ":created_by, :closed_at)",
        {**pool._asdict(), "wallets": list(pool.wallets)},
    )


async def get(tx: ReadTx, key: UUID) -> Pool | None:
    """A pool that is not closed."""
    row = (
        await tx.execute(f"SELECT {_POOL} FROM pools WHERE id = :id AND closed_at IS NULL", {"id": key})
    ).one_or_none()
    return None if row is None else _pool(row)


async def lock(tx: WriteTx, key: UUID) -> Pool | None:
    """The same, and nobody else changes who is in it, or spends from it, until the transaction ends."""
    row = (
        await tx.execute(f"SELECT {_POOL} FROM pools WHERE id = :id AND closed_at IS NULL FOR UPDATE", {"id": key})
    ).one_or_none()
    return None if row is None else _pool(row)


async def change(tx: WriteTx, pool: Pool) -> None:
    """Store how large a pool may be, what may be spent, and that it was closed."""
    await tx.execute(
        "UPDATE pools SET max_members = :max_members, daily_limit = :daily_limit, closed_at = :closed_at "
        "WHERE id = :id",
        {
            key: value
            for key, value in pool._asdict().items()
            if key in ("id", "max_members", "daily_limit", "closed_at")
        },
    )


async def places(tx: ReadTx, pool: UUID) -> list[Place]:
    """The places of a pool that stand."""
    rows = await tx.execute(
        f"SELECT {_PLACE} FROM pool_members WHERE pool_id = :pool AND left_at IS NULL ORDER BY joined_at, id",
        {"pool": pool},
    )
    return [Place._make(row) for row in rows]


async def places_of(tx: ReadTx, persons: Collection[UUID]) -> list[Place]:
    """The places that person keys have in any pool, the first first."""
    rows = await tx.execute(
        f"SELECT {_PLACE} FROM pool_members WHERE person_id = ANY(:persons) AND left_at IS NULL ORDER BY joined_at, id",
        {"persons": list(persons)},
    )
    return [Place._make(row) for row in rows]


async def join(tx: WriteTx, place: Place) -> None:
    """Store a new place."""
    await tx.execute(
        f"INSERT INTO pool_members ({_PLACE}) VALUES (:id, :pool_id, :person_id, :role, :joined_at, :spend_limit, "
        ":spend_per)",
        place._asdict(),
    )


async def leave(tx: WriteTx, place: UUID, at: datetime) -> None:
    """A place stands no more."""
    await tx.execute("UPDATE pool_members SET left_at = :at WHERE id = :id", {"id": place, "at": at})


async def set_role(tx: WriteTx, place: UUID, role: Role) -> None:
    """Another role. There is one owner at most: take it from one before it is given to another."""
    await tx.execute("UPDATE pool_members SET role = :role WHERE id = :id", {"id": place, "role": role})


async def set_limit(tx: WriteTx, place: UUID, points: int | None, per: Period | None) -> None:
    """What the member of this place may spend in a period; None: no limit of their own."""
    await tx.execute(
        "UPDATE pool_members SET spend_limit = :points, spend_per = :per WHERE id = :id",
        {"id": place, "points": points, "per": per},
    )


async def invite(tx: WriteTx, invitation: Invitation) -> None:
    """Store an invitation; one that stood before for the same person is revoked."""
    await tx.execute(
        "UPDATE pool_invitations SET state = 'revoked', decided_at = :created_at "
        "WHERE pool_id = :pool_id AND person_id = :person_id AND state = 'open'",
        {key: getattr(invitation, key) for key in ("pool_id", "person_id", "created_at")},
    )
    await tx.execute(
        f"INSERT INTO pool_invitations ({_INVITATION}) VALUES (:id, :pool_id, :person_id, :role, :state, :created_at, "
        ":expires_at, :decided_at)",
        invitation._asdict(),
    )


async def invitation(tx: ReadTx, key: UUID) -> Invitation | None:
    """An invitation."""
    row = (await tx.execute(f"SELECT {_INVITATION} FROM pool_invitations WHERE id = :id", {"id": key})).one_or_none()
    return None if row is None else Invitation._make(row)


async def invitations(tx: ReadTx, *, pool: UUID | None, persons: Collection[UUID], now: datetime) -> list[Invitation]:
    """The invitations that stand, of a pool or for person keys, the oldest first."""
    rows = await tx.execute(
        f"SELECT {_INVITATION} FROM pool_invitations WHERE state = 'open' AND expires_at > :now "
        "AND (pool_id = CAST(:pool AS uuid) OR person_id = ANY(:persons)) ORDER BY id LIMIT 100",
        {"pool": pool, "persons": list(persons), "now": now},
    )
    return [Invitation._make(row) for row in rows]


async def decide(tx: WriteTx, key: UUID, state: str, at: datetime) -> None:
    """An invitation has come to its end."""
    await tx.execute(
        "UPDATE pool_invitations SET state = :state, decided_at = :at WHERE id = :id AND state = 'open'",
        {"id": key, "state": state, "at": at},
    )


async def revoke_all(tx: WriteTx, *, pool: UUID | None, persons: Collection[UUID], at: datetime) -> None:
    """All invitations of a pool, and for person keys, that stand come to their end."""
    await tx.execute(
        "UPDATE pool_invitations SET state = 'revoked', decided_at = :at "
        "WHERE state = 'open' AND (pool_id = CAST(:pool AS uuid) OR person_id = ANY(:persons))",
        {"pool": pool, "persons": list(persons), "at": at},
    )


async def spent_since(tx: ReadTx, pool: UUID, persons: Sequence[UUID], first: date, last: date) -> int:
    """What a person has spent from a pool on these local days, or holds: less what came back or was let go."""
    found = await tx.execute(
        """
        SELECT CAST(coalesce(sum(CASE WHEN h.id IS NULL THEN s.points - s.returned WHEN h.state = 'open' THEN s.points
            ELSE h.captured - s.returned END), 0) AS bigint)
        FROM pool_spends AS s LEFT JOIN holds AS h ON s.is_hold AND h.id = s.id
        WHERE s.pool_id = :pool AND s.person_id = ANY(:persons) AND s.day BETWEEN :first AND :last
        """,
        {"pool": pool, "persons": list(persons), "first": first, "last": last},
    )
    return int(found.scalar_one())


async def add_spent(tx: WriteTx, spent: Spent, day: date) -> None:
    """Store what was spent, and on which local day it counts."""
    await tx.execute(
        f"INSERT INTO pool_spends ({_SPENT}, day) VALUES (:id, :pool_id, :person_id, :wallet, :points, "
        ":returned, :is_hold, :reference, :recorded_at, :recorded_by, :operation, :day)",
        {**spent._asdict(), "day": day},
    )


async def lock_spent(tx: WriteTx, pool: UUID, key: UUID) -> Spent | None:
    """What was spent, and nobody else returns of it until the transaction ends."""
    row = (
        await tx.execute(
            f"SELECT {_SPENT} FROM pool_spends WHERE id = :id AND pool_id = :pool AND NOT is_hold FOR UPDATE",
            {"id": key, "pool": pool},
        )
    ).one_or_none()
    return None if row is None else Spent._make(row)


async def set_operation(tx: WriteTx, key: UUID, operation: str) -> list[Noted]:
    """What was set apart is spent under this key of the ledger; the spend as it is then, if there is one."""
    found = await tx.execute(
        f"UPDATE pool_spends SET operation = :operation WHERE id = :id RETURNING day, {_SPENT}",
        {"id": key, "operation": operation},
    )
    return [Noted(Spent._make(row[1:]), row.day) for row in found]


async def add_returned(tx: WriteTx, operation: str, points: int) -> list[Noted]:
    """So many points more of a spend came back; the spend as it is then, if there is one."""
    found = await tx.execute(
        f"UPDATE pool_spends SET returned = returned + :points WHERE operation = :operation RETURNING day, {_SPENT}",
        {"operation": operation, "points": points},
    )
    return [Noted(Spent._make(row[1:]), row.day) for row in found]


async def spends(tx: ReadTx, pool: UUID, *, before: UUID | None, limit: int) -> list[Spent]:
    """What was spent from a pool, the latest first."""
    rows = await tx.execute(
        f"SELECT {_SPENT} FROM pool_spends WHERE pool_id = :pool AND (CAST(:before AS uuid) IS NULL OR id < :before) "
        "ORDER BY id DESC LIMIT :limit",
        {"pool": pool, "before": before, "limit": limit},
    )
    return [Spent._make(row) for row in rows]
