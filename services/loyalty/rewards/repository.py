"""All SQL of rewards. The person is locked before all else; the reward, which many want, last and for a moment."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.loyalty.invariants.domain import Check
from services.loyalty.rewards.domain import Purchase, Reward
from shared.db.engine import ReadTx, WriteTx

_REWARD = (
    "id, name, kind, state, terms, starts_at, ends_at, stock, taken, version, created_at, created_by, updated_at, "
    "updated_by"
)
_PURCHASE = ", ".join(Purchase._fields)

CHECKS = (
    Check(
        "reward_taken_is_its_purchases",
        "The units of purchases that are not cancelled are what a reward says is taken, and no more than its stock.",
        """
        SELECT r.id AS what FROM rewards AS r
        LEFT JOIN reward_purchases AS p ON p.reward_id = r.id AND p.state <> 'cancelled'
        GROUP BY r.id HAVING r.taken <> coalesce(sum(p.quantity), 0) OR r.taken > r.stock
        """,
    ),
    Check(
        "reward_is_paid",
        "Of a purchase exactly its points are spent; of one that was cancelled all came back.",
        """
        SELECT p.id AS what FROM reward_purchases AS p LEFT JOIN transactions AS t
            ON t.operation IN ('reward:' || p.id, 'reward:' || p.id || '/cancelled')
            AND t.kind IN ('spent', 'given_back')
        GROUP BY p.id HAVING coalesce(sum(t.points), 0) <> CASE WHEN p.state = 'cancelled' THEN 0 ELSE p.points END
        """,
    ),
)


async def add(tx: WriteTx, reward: Reward) -> None:
    """Store a new reward."""
    await tx.execute(
        f"INSERT INTO rewards ({_REWARD}) VALUES (:id, :name, :kind, :state, CAST(:terms AS jsonb), :starts_at, "
        ":ends_at, :stock, :taken, :version, :created_at, :created_by, :updated_at, :updated_by)",
        _values(reward),
    )


async def change(tx: WriteTx, reward: Reward) -> None:
    """Store what a locked reward is now, but what is taken of it."""
    await tx.execute(
        "UPDATE rewards SET name = :name, kind = :kind, state = :state, terms = CAST(:terms AS jsonb), "
        "starts_at = :starts_at, ends_at = :ends_at, stock = :stock, version = :version, updated_at = :updated_at, "
        "updated_by = :updated_by WHERE id = :id",
        _values(reward),
    )


def _values(reward: Reward) -> dict[str, Any]:
    return {**reward._asdict(), "terms": orjson.dumps(reward.document).decode()}


async def get(tx: ReadTx, key: UUID, *, lock: bool = False) -> Reward | None:
    """A reward, locked if need be until the transaction ends."""
    tail = "FOR UPDATE" if lock else ""
    rows = await tx.execute(f"SELECT {_REWARD} FROM rewards WHERE id = :id {tail}", {"id": key})
    row = rows.one_or_none()
    return None if row is None else Reward._make(row)


async def listed(tx: ReadTx, *, state: str | None, after: UUID | None, limit: int) -> list[Reward]:
    """Rewards, those made last first."""
    conditions, values = ["true"], dict[str, Any](limit=limit)
    if state is not None:
        conditions.append("state = :state")
        values["state"] = state
    if after is not None:
        conditions.append("id < :after")
        values["after"] = after
    rows = await tx.execute(
        f"SELECT {_REWARD} FROM rewards WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT :limit", values
    )
    return [Reward._make(row) for row in rows]


async def take(tx: WriteTx, seen: Reward, quantity: int) -> bool:
    """Take units, if there are so many and the reward still is what was seen of it; whether it was so."""
    result = await tx.execute(
        "UPDATE rewards SET taken = taken + :quantity "
        "WHERE id = :id AND (stock IS NULL OR taken + :quantity <= stock) AND state = :state "
        "AND terms = CAST(:terms AS jsonb) AND (starts_at, ends_at) IS NOT DISTINCT FROM "
        "(CAST(:starts_at AS timestamptz), CAST(:ends_at AS timestamptz))",
        {
            "id": seen.id,
            "quantity": quantity,
            "state": seen.state,
            "terms": orjson.dumps(seen.document).decode(),
            "starts_at": seen.starts_at,
            "ends_at": seen.ends_at,
        },
    )
    return result.rowcount == 1


async def give_back(tx: WriteTx, key: UUID, quantity: int) -> None:
    """Put units back."""
    await tx.execute("UPDATE rewards SET taken = taken - :quantity WHERE id = :id", {"id": key, "quantity": quantity})


async def bought(tx: ReadTx, rewards: Collection[UUID], persons: Collection[UUID]) -> Sequence[Any]:
    """Units that these person keys bought of rewards and that were not cancelled, each with when."""
    rows = await tx.execute(
        "SELECT reward_id, ordered_at, quantity FROM reward_purchases "
        "WHERE person_id = ANY(:persons) AND reward_id = ANY(:rewards) AND state <> 'cancelled'",
        {"persons": list(persons), "rewards": list(rewards)},
    )
    return rows.all()


async def add_purchase(tx: WriteTx, purchase: Purchase) -> None:
    """Store a purchase."""
    await tx.execute(
        f"INSERT INTO reward_purchases ({_PURCHASE}) VALUES (:id, :reward_id, :person_id, :quantity, :wallet, :points, "
        ":state, CAST(:vouchers AS uuid[]), :reference, :ordered_at, :ordered_by, :settled_at, :settled_by, :note, "
        ":pool)",
        {**purchase._asdict(), "vouchers": list(purchase.vouchers)},
    )


async def purchase(tx: ReadTx, key: UUID) -> Purchase | None:
    """A purchase."""
    rows = await tx.execute(f"SELECT {_PURCHASE} FROM reward_purchases WHERE id = :id", {"id": key})
    row = rows.one_or_none()
    return None if row is None else _purchase(row)


async def settle(tx: WriteTx, key: UUID, state: str, *, at: datetime, by: str, note: str | None) -> bool:
    """End a purchase that is ordered; whether it was."""
    result = await tx.execute(
        "UPDATE reward_purchases SET state = :state, settled_at = :at, settled_by = :by, note = :note "
        "WHERE id = :id AND state = 'ordered'",
        {"id": key, "state": state, "at": at, "by": by, "note": note},
    )
    return result.rowcount == 1


async def purchases(
    tx: ReadTx,
    *,
    persons: Collection[UUID] | None,
    reward: UUID | None,
    state: str | None,
    before: UUID | None,
    limit: int,
) -> list[Purchase]:
    """Purchases, the latest first."""
    conditions: list[str] = ["true"]
    values: dict[str, Any] = {"limit": limit}
    asked: Mapping[str, tuple[str, Any]] = {
        "persons": ("person_id = ANY(:persons)", None if persons is None else list(persons)),
        "reward": ("reward_id = :reward", reward),
        "state": ("state = :state", state),
        "before": ("id < :before", before),
    }
    for name, (condition, value) in asked.items():
        if value is not None:
            conditions.append(condition)
            values[name] = value
    rows = await tx.execute(
        f"SELECT {_PURCHASE} FROM reward_purchases WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT :limit",
        values,
    )
    return [_purchase(row) for row in rows]


def _purchase(row: Any) -> Purchase:
    found = Purchase._make(row)
    return found._replace(vouchers=tuple(found.vouchers))
