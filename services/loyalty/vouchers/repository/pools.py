"""SQL of codes that are kept ready to be assigned: made ahead, or given by somebody else."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx


class Pool(NamedTuple):
    """How many codes of a campaign are free, were assigned, were made ahead and were given."""

    free: int
    assigned: int
    made: int
    given: int


_FREE = (
    "pool IS NOT NULL AND holder IS NULL AND state = 'active' AND redeemed + reserved = 0 "
    "AND (expires_at IS NULL OR expires_at > :now)"
)


async def counted(tx: ReadTx, campaign: UUID, now: datetime) -> Pool:
    """The codes of a campaign that are, or were, kept ready."""
    rows = await tx.execute(
        f"SELECT count(*) FILTER (WHERE {_FREE}), count(*) FILTER (WHERE holder IS NOT NULL), "
        "count(*) FILTER (WHERE pool = 'made'), count(*) FILTER (WHERE pool = 'given') "
        "FROM codes WHERE campaign_id = :campaign AND pool IS NOT NULL",
        {"campaign": campaign, "now": now},
    )
    return Pool._make(rows.one())


async def take(
    tx: WriteTx, campaign: UUID, holder: UUID, *, until: datetime | None, now: datetime
) -> tuple[UUID, int] | None:
    """Give a free code to somebody, until a moment at most; which one, and its version. Two who take at once never
    take the same."""
    rows = await tx.execute(
        f"WITH free AS (SELECT id FROM codes WHERE campaign_id = :campaign AND {_FREE} "
        "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) "
        "UPDATE codes SET holder = :holder, expires_at = least(codes.expires_at, :until), version = version + 1 "
        "FROM free WHERE codes.id = free.id RETURNING codes.id, codes.version",
        {"campaign": campaign, "holder": holder, "until": until, "now": now},
    )
    row = rows.one_or_none()
    return None if row is None else (row.id, row.version)


async def has_given(tx: ReadTx, campaign: UUID) -> bool:
    """Whether codes of somebody else were given to a campaign, to be assigned."""
    rows = await tx.execute(
        "SELECT EXISTS (SELECT FROM codes WHERE campaign_id = :campaign AND pool = 'given') AS has",
        {"campaign": campaign},
    )
    return bool(rows.scalar_one())


async def kept(tx: ReadTx) -> list[UUID]:
    """Active campaigns that keep codes ready."""
    rows = await tx.execute(
        "SELECT c.id FROM campaigns AS c JOIN campaign_versions AS v ON v.campaign_id = c.id AND v.version = c.version "
        "WHERE c.state = 'active' AND v.coding ->> 'pool_min' IS NOT NULL ORDER BY c.id"
    )
    return [row.id for row in rows]
