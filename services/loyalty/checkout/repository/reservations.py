"""Reservations. A hold ends by one guarded statement; whoever gets no row back did not end it.

Whether it has expired is judged by the clock of the database alone: all processes see one clock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.loyalty.checkout.domain.reservation import Hold, Paid, Reservation, State
from services.loyalty.checkout.domain.shares import Share
from services.loyalty.vouchers.domain.budgets import Charge
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = (
    "r.id, r.person, r.owner, r.order_id, r.state, r.currency, r.total_minor, r.wallet, r.points, r.points_minor, "
    "r.pool, r.extensions, r.created_at, r.expires_at, r.ended_at"
)
_HOLDS = """
    (SELECT coalesce(json_agg(json_build_array(v.position, v.campaign_id, v.voucher_id, v.discount_minor, v.lines,
                                               v.budgets, v.short_minor) ORDER BY v.position), '[]')
     FROM reservation_vouchers AS v WHERE v.reservation_id = r.id) AS holds
"""


async def now(tx: ReadTx) -> datetime:
    """The moment by the clock of the database."""
    moment: datetime = (await tx.execute("SELECT clock_timestamp()")).scalar_one()
    return moment


async def add(tx: WriteTx, reservation: Reservation, basket: Mapping[str, Any], ttl: timedelta) -> Reservation | None:
    """Store a reservation that begins now; None if the order holds another."""
    rows = await tx.execute(
        """
        WITH made AS (
            INSERT INTO reservations (id, person, owner, order_id, currency, basket, total_minor, discount_minor,
                                      wallet, points, points_minor, pool, created_at, expires_at)
            SELECT :id, :person, :owner, :order_id, :currency, CAST(:basket AS jsonb), :total, :discount,
                   :wallet, :points, :points_minor, :pool, t.now, t.now + make_interval(secs => :ttl)
            FROM (SELECT clock_timestamp() AS now) AS t
            ON CONFLICT (order_id) WHERE state = 'held' DO NOTHING
            RETURNING id, created_at, expires_at
        ), held AS (
            INSERT INTO reservation_vouchers
            SELECT made.id, v.position, v.campaign_id, v.voucher_id, v.minor, CAST(v.lines AS jsonb),
                   CAST(v.budgets AS jsonb), v.short_minor
            FROM made, unnest(CAST(:positions AS smallint[]), CAST(:campaigns AS uuid[]), CAST(:vouchers AS uuid[]),
                              CAST(:minors AS bigint[]), CAST(:lines AS text[]), CAST(:budgets AS text[]),
                              CAST(:shorts AS bigint[]))
                 AS v (position, campaign_id, voucher_id, minor, lines, budgets, short_minor)
        )
        SELECT created_at, expires_at FROM made
        """,
        {
            "id": reservation.id,
            "person": reservation.person,
            "owner": reservation.owner,
            "order_id": reservation.order_id,
            "currency": reservation.currency,
            "basket": orjson.dumps(basket).decode(),
            "total": reservation.total_minor,
            "discount": reservation.discount_minor,
            "wallet": reservation.paid.wallet,
            "points": reservation.paid.points,
            "points_minor": reservation.paid.minor,
            "pool": reservation.paid.pool,
            "ttl": ttl.total_seconds(),
            "positions": [hold.position for hold in reservation.holds],
            "campaigns": [hold.campaign_id for hold in reservation.holds],
            "vouchers": [hold.voucher_id for hold in reservation.holds],
            "minors": [hold.minor for hold in reservation.holds],
            "lines": [dump(hold.shares) for hold in reservation.holds],
            "budgets": [dump_charges(hold.charges) for hold in reservation.holds],
            "shorts": [hold.short_minor for hold in reservation.holds],
        },
    )
    row = rows.one_or_none()
    return row and reservation._replace(created_at=row.created_at, expires_at=row.expires_at)


async def find(tx: ReadTx, reservation_id: UUID) -> Reservation | None:
    """The reservation, as it is stored."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS}, {_HOLDS} FROM reservations AS r WHERE r.id = :id", {"id": reservation_id}
    )
    row = rows.one_or_none()
    return row and _reservation(row)


async def basket_of(tx: ReadTx, reservation_id: UUID) -> Mapping[str, Any]:
    """The basket it was made for."""
    row = (await tx.execute("SELECT basket FROM reservations WHERE id = :id", {"id": reservation_id})).one()
    basket: Mapping[str, Any] = row.basket
    return basket


async def live_of(tx: ReadTx, order_id: str) -> Reservation | None:
    """The reservation that an order holds, expired or not."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS}, {_HOLDS} FROM reservations AS r WHERE r.order_id = :order AND r.state = 'held'",
        {"order": order_id},
    )
    row = rows.one_or_none()
    return row and _reservation(row)


async def end(tx: WriteTx, reservation_id: UUID, state: State, order_id: str | None = None) -> bool:
    """End a hold that has not expired as committed or voided; whether it was ours to end.

    What was in the basket is forgotten: only what has expired may be taken anew.
    """
    done = await tx.execute(
        "UPDATE reservations SET state = :state, ended_at = clock_timestamp(), order_id = coalesce(order_id, :order), "
        "basket = '{}' "
        "WHERE id = :id AND state = 'held' AND expires_at > clock_timestamp()",
        {"id": reservation_id, "state": state, "order": order_id},
    )
    return done.rowcount == 1


async def expire(tx: WriteTx, reservation_id: UUID) -> bool:
    """End a hold whose time is over; whether it was ours to end."""
    done = await tx.execute(
        "UPDATE reservations SET state = 'expired', ended_at = clock_timestamp() "
        "WHERE id = :id AND state = 'held' AND expires_at <= clock_timestamp()",
        {"id": reservation_id},
    )
    return done.rowcount == 1


async def extend(tx: WriteTx, reservation_id: UUID, ttl: timedelta, most: int) -> datetime | None:
    """Hold it longer, from now on and never shorter than before; None if it has ended or was extended too often."""
    rows = await tx.execute(
        "UPDATE reservations SET extensions = extensions + 1, "
        "expires_at = GREATEST(expires_at, clock_timestamp() + make_interval(secs => :ttl)) "
        "WHERE id = :id AND state = 'held' AND expires_at > clock_timestamp() AND extensions < :most "
        "RETURNING expires_at",
        {"id": reservation_id, "ttl": ttl.total_seconds(), "most": most},
    )
    return rows.scalar_one_or_none()


async def overdue(tx: ReadTx, *, limit: int) -> list[tuple[UUID, UUID]]:
    """Holds whose time is over and that nobody has ended, the oldest first, each with its person."""
    rows = await tx.execute(
        "SELECT id, person FROM reservations WHERE state = 'held' AND expires_at <= clock_timestamp() "
        "ORDER BY expires_at, id LIMIT :limit",
        {"limit": limit},
    )
    return [(row.id, row.person) for row in rows]


async def overdue_of(
    tx: ReadTx, *, persons: Collection[UUID], campaigns: Collection[UUID], order_id: str | None, limit: int
) -> list[tuple[UUID, UUID]]:
    """Those of them that are of one of these persons, hold points of theirs in a household, are of this order, or hold
    something of one of these campaigns."""
    rows = await tx.execute(
        """
        SELECT id, person FROM reservations AS r WHERE state = 'held' AND expires_at <= clock_timestamp() AND (
            person = ANY(:persons) OR (pool IS NOT NULL AND EXISTS (
                SELECT FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id
                WHERE t.operation = 'hold:' || r.id AND w.person_id = ANY(:persons)
            )) OR order_id = CAST(:order_id AS text) OR EXISTS (
                SELECT FROM reservation_vouchers AS v
                WHERE v.reservation_id = r.id AND v.campaign_id = ANY(:campaigns)))
        ORDER BY expires_at, id LIMIT :limit
        """,
        {"persons": list(persons), "order_id": order_id, "campaigns": list(campaigns), "limit": limit},
    )
    return [(row.id, row.person) for row in rows]


async def page(
    tx: ReadTx, *, persons: Collection[UUID] | None, order_id: str | None, before: UUID | None, limit: int
) -> list[Reservation]:
    """Reservations of these keys or this order, the newest first."""
    return [
        _reservation(row)
        for row in await tx.execute(
            f"SELECT {_COLUMNS}, {_HOLDS} FROM reservations AS r {where(persons, order_id, before)} "
            "ORDER BY id DESC LIMIT :limit",
            arguments(persons, order_id, before, limit),
        )
    ]


def where(persons: Collection[UUID] | None, order_id: str | None, before: UUID | None) -> str:
    """The condition of a page."""
    parts = [
        "person = ANY(:persons)" if persons is not None else "",
        "order_id = :order" if order_id is not None else "",
        "id < :before" if before is not None else "",
    ]
    said = " AND ".join(filter(None, parts))
    return f"WHERE {said}" if said else ""


def arguments(
    persons: Collection[UUID] | None, order_id: str | None, before: UUID | None, limit: int
) -> dict[str, Any]:
    """What `where` names."""
    named = {"persons": None if persons is None else list(persons), "order": order_id, "before": before}
    return {"limit": limit, **{name: value for name, value in named.items() if value is not None}}


def dump(shares: Sequence[Share]) -> str:
    """Shares as JSON text: `[line, minor, back]` each."""
    return orjson.dumps([list(share) for share in shares]).decode()


def dump_charges(charges: Sequence[Charge]) -> str:
    """What a voucher counts in as JSON text: `[budget, period, who]` each."""
    return orjson.dumps([each[:3] for each in charges]).decode() if charges else "[]"


def load_charges(document: Sequence[Sequence[str]]) -> tuple[Charge, ...]:
    """The inverse of `dump_charges`; limits are no matter of what is given back."""
    return tuple(Charge(budget, period, who) for budget, period, who in document)


def load(document: Sequence[Sequence[Any]]) -> tuple[Share, ...]:
    """The inverse of `dump`."""
    return tuple(Share(*each) for each in document)


def _reservation(row: Row[Any]) -> Reservation:
    holds = tuple(
        Hold(position, UUID(campaign), UUID(voucher), minor, load(lines), load_charges(budgets), short)
        for position, campaign, voucher, minor, lines, budgets, short in row.holds
    )
    return Reservation(
        id=row.id,
        person=row.person,
        owner=row.owner,
        order_id=row.order_id,
        state=row.state,
        currency=row.currency,
        total_minor=row.total_minor,
        holds=holds,
        paid=Paid(row.wallet, row.points, row.points_minor, row.pool),
        extensions=row.extensions,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
    )
