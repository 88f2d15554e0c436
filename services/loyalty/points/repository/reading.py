"""What is read of points: pages of the ledger and of lots, and what is outstanding."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.loyalty.points.domain.moves import ENDLESS
from services.loyalty.points.domain.requests import Place
from services.loyalty.programs.domain.terms import Terms
from shared.db.engine import ReadTx


class Entry(NamedTuple):
    """A line of the ledger."""

    id: UUID
    person_id: UUID
    wallet: str
    version: int
    kind: str
    account: str | None
    points: int
    available: int
    pending: int
    held: int
    debt: int
    occurred_at: datetime
    recorded_at: datetime
    source: str | None
    reason: str
    reference: str | None
    actor: str | None


async def entries(
    tx: ReadTx, keys: Collection[UUID], *, wallet: str | None, before: Place | None, limit: int
) -> list[Entry]:
    """Lines of the ledger of these raw keys, the latest first."""
    rows = await tx.execute(
        """
        SELECT t.id, w.person_id, w.name AS wallet, t.version, t.kind, t.account, t.points, t.available, t.pending,
            t.held, t.debt, t.occurred_at, t.recorded_at, t.source, t.reason, t.reference, t.actor
        FROM wallets AS w, LATERAL (
            SELECT * FROM transactions
            WHERE wallet_id = w.id AND (recorded_at, version, id) < (:at, CAST(:version AS bigint), CAST(:id AS uuid))
            ORDER BY version DESC LIMIT :limit
        ) AS t
        WHERE w.person_id = ANY(:keys) AND (CAST(:wallet AS text) IS NULL OR w.name = :wallet)
        ORDER BY t.recorded_at DESC, t.version DESC, t.id DESC LIMIT :limit
        """,
        {
            "keys": list(keys),
            "wallet": wallet,
            "at": before.recorded_at if before else ENDLESS,
            "version": before.version if before else 0,
            "id": before.id if before else UUID(int=0),
            "limit": limit,
        },
    )
    return [Entry._make(row) for row in rows]


class Origin(NamedTuple):
    """How many points of a lot a line of the ledger took, and how many of them came back since; all of the lot that
    tells where they came from."""

    lot: UUID
    person_id: UUID
    wallet: str
    kind: str
    source: str
    reference: str | None
    earned_at: datetime
    points: int
    returned: int


async def is_of(tx: ReadTx, entry: UUID, keys: Collection[UUID]) -> bool:
    """Whether a line of the ledger is of one of these raw keys."""
    rows = await tx.execute(
        "SELECT EXISTS (SELECT FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id "
        "WHERE t.id = :entry AND w.person_id = ANY(:keys)) AS has",
        {"entry": entry, "keys": list(keys)},
    )
    return bool(rows.scalar_one())


async def origins(tx: ReadTx, entry: UUID) -> list[Origin]:
    """The lots that a line of the ledger took points from, those earned first first.

    What it only gave back is no origin: those points were taken by the line that spent them.
    """
    rows = await tx.execute(
        """
        SELECT l.id, w.person_id, w.name, l.kind, l.source, l.reference, l.earned_at,
            CAST(sum(a.points) FILTER (WHERE a.points > 0) AS bigint),
            CAST(coalesce(-sum(a.points) FILTER (WHERE a.points < 0), 0) AS bigint)
        FROM allocations AS a JOIN lots AS l ON l.id = a.lot_id JOIN wallets AS w ON w.id = l.wallet_id
        WHERE a.of_id = :entry
        GROUP BY l.id, w.person_id, w.name ORDER BY l.earned_at, l.id
        """,
        {"entry": entry},
    )
    return [Origin._make(row) for row in rows]


class LotLine(NamedTuple):
    """A lot, as people see it."""

    id: UUID
    person_id: UUID
    wallet: str
    kind: str
    source: str
    reference: str | None
    points: int
    remaining: int
    earned_at: datetime
    active_at: datetime | None
    is_active: bool
    expires_on: date | None
    zone: str | None
    expires_at: datetime | None


async def lots(
    tx: ReadTx, keys: Collection[UUID], *, wallet: str | None, is_open: bool, before: UUID | None, limit: int
) -> list[LotLine]:
    """Lots of these raw keys, the latest first."""
    rows = await tx.execute(
        """
        SELECT l.id, w.person_id, w.name AS wallet, l.kind, l.source, l.reference, l.points, l.remaining, l.earned_at,
            l.active_at, l.is_active, l.expires_on, l.zone, l.expires_at
        FROM wallets AS w JOIN lots AS l ON l.wallet_id = w.id
        WHERE w.person_id = ANY(:keys) AND (CAST(:wallet AS text) IS NULL OR w.name = :wallet)
            AND (l.remaining > 0 OR NOT :is_open) AND (CAST(:before AS uuid) IS NULL OR l.id < :before)
        ORDER BY l.id DESC LIMIT :limit
        """,
        {"keys": list(keys), "wallet": wallet, "is_open": is_open, "before": before, "limit": limit},
    )
    return [LotLine._make(row) for row in rows]


class Outstanding(NamedTuple):
    """Points that members have, by the month in which they end (its first day, by the days of the wallet)."""

    wallet: str
    source: str
    month: date | None
    available: int
    pending: int
    held: int


async def outstanding(tx: ReadTx, terms: Terms, now: datetime) -> list[Outstanding]:
    """What is outstanding at a moment, by wallet, kind of source and month of its end; what is over counts no more."""
    zones = {wallet: terms.zones[program] for wallet, program in terms.homes.items()}
    rows = await tx.execute(
        """
        WITH held AS (
            SELECT a.lot_id, sum(a.points) AS points
            FROM holds AS h JOIN transactions AS t ON t.operation = 'hold:' || h.id
            JOIN allocations AS a ON a.of_id = t.id
            WHERE h.state = 'open' GROUP BY a.lot_id
        )
        SELECT w.name AS wallet, l.kind AS source,
            CAST(date_trunc('month', (l.expires_at - interval '1 microsecond')
                AT TIME ZONE coalesce(CAST(:zones AS jsonb) ->> w.name, :zone)) AS date) AS month,
            CAST(coalesce(sum(l.remaining) FILTER (WHERE l.active_at <= :now AND NOT is_over), 0) AS bigint)
                AS available,
            CAST(coalesce(sum(l.remaining) FILTER (WHERE (l.active_at > :now OR l.active_at IS NULL) AND NOT is_over),
                0) AS bigint) AS pending,
            CAST(coalesce(sum(held.points), 0) AS bigint) AS held
        FROM lots AS l JOIN wallets AS w ON w.id = l.wallet_id LEFT JOIN held ON held.lot_id = l.id
        CROSS JOIN LATERAL (SELECT coalesce(l.expires_at <= :now, false) AS is_over) AS over
        WHERE (l.remaining > 0 AND NOT is_over) OR held.points > 0
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 NULLS LAST
        """,
        {"zone": terms.zone, "zones": orjson.dumps(zones).decode(), "now": now},
    )
    return [Outstanding._make(row) for row in rows]


class Turnover(NamedTuple):
    """What went through the accounts of a wallet, all in all."""

    wallet: str
    issued: int
    spent: int
    expired: int
    reversed: int
    adjusted: int
    fees: int
    debt: int


async def turnover(tx: ReadTx) -> list[Turnover]:
    """The accounts of each wallet; `issued` is positive here."""
    rows = await tx.execute(
        """
        SELECT w.name AS wallet,
            CAST(coalesce(-sum(t.points) FILTER (WHERE t.account = 'issued'), 0) AS bigint),
            CAST(coalesce(sum(t.points) FILTER (WHERE t.account = 'spent'), 0) AS bigint),
            CAST(coalesce(sum(t.points) FILTER (WHERE t.account = 'expired'), 0) AS bigint),
            CAST(coalesce(sum(t.points) FILTER (WHERE t.account = 'reversed'), 0) AS bigint),
            CAST(coalesce(-sum(t.points) FILTER (WHERE t.account = 'adjusted'), 0) AS bigint),
            CAST(coalesce(sum(t.points) FILTER (WHERE t.account = 'fees'), 0) AS bigint),
            CAST(sum(t.debt) AS bigint)
        FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id GROUP BY w.name ORDER BY w.name
        """
    )
    return [Turnover._make(row) for row in rows]


async def wallet_names(tx: ReadTx, keys: Collection[UUID]) -> Sequence[str]:
    """The kinds of points these raw keys ever had."""
    rows = await tx.execute("SELECT DISTINCT name FROM wallets WHERE person_id = ANY(:keys)", {"keys": list(keys)})
    return sorted(row.name for row in rows)


async def versions(tx: ReadTx, keys: Collection[UUID]) -> dict[tuple[UUID, str], int]:
    """How many transactions the wallets of these raw keys have."""
    rows = await tx.execute("SELECT person_id, name, version FROM wallets WHERE person_id = ANY(:k)", {"k": list(keys)})
    return {(row.person_id, row.name): row.version for row in rows}
