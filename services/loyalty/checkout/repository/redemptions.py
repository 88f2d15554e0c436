"""Redemptions and what was rolled back of them. Rows are added; only what still stands of them is counted down."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.reservation import Paid
from services.loyalty.checkout.domain.rollback import Redeemed
from services.loyalty.checkout.repository.reservations import arguments, dump, load, where
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = """
    r.id, r.person, r.owner, r.order_id, r.reservation_id, r.currency, r.total_minor, r.wallet, r.points,
    r.points_minor, r.points_back, r.points_back_minor, r.created_at,
    (SELECT coalesce(json_agg(json_build_array(
                v.position, v.campaign_id, v.voucher_id, v.discount_minor, v.rolled_back_minor, v.budget_back_minor,
                v.is_rolled_back, v.use_returned, v.lines) ORDER BY v.position), '[]')
     FROM redemption_vouchers AS v WHERE v.redemption_id = r.id) AS vouchers
"""


async def add(tx: WriteTx, redemption: Redemption) -> tuple[Redemption, int, bool]:
    """Store a redemption; with it, how many of its vouchers were new for the order, and whether the order is off."""
    row = (
        await tx.execute(
            """
            WITH made AS (
                INSERT INTO redemptions (id, person, owner, order_id, reservation_id, currency, total_minor,
                                         discount_minor, wallet, points, points_minor, created_at)
                VALUES (:id, :person, :owner, :order_id, :reservation, :currency, :total, :discount,
                        :wallet, :points, :points_minor, clock_timestamp())
                RETURNING id, created_at
            ), taken AS (
                INSERT INTO redemption_vouchers
                    (redemption_id, position, campaign_id, voucher_id, order_id, discount_minor, lines)
                SELECT made.id, v.position, v.campaign_id, v.voucher_id, :order_id, v.minor, CAST(v.lines AS jsonb)
                FROM made, unnest(CAST(:positions AS smallint[]), CAST(:campaigns AS uuid[]),
                                  CAST(:vouchers AS uuid[]), CAST(:minors AS bigint[]), CAST(:lines AS text[]))
                     AS v (position, campaign_id, voucher_id, minor, lines)
                ON CONFLICT (order_id, voucher_id) WHERE order_id IS NOT NULL AND NOT is_rolled_back DO NOTHING
                RETURNING 1
            )
            SELECT created_at, (SELECT count(*) FROM taken) AS taken, coalesce(
                (SELECT is_cancelled FROM checkout_orders WHERE order_id = :order_id), false) AS is_cancelled
            FROM made
            """,
            {
                "id": redemption.id,
                "person": redemption.person,
                "owner": redemption.owner,
                "order_id": redemption.order_id,
                "reservation": redemption.reservation_id,
                "currency": redemption.currency,
                "total": redemption.total_minor,
                "discount": redemption.discount_minor,
                "wallet": redemption.paid.wallet,
                "points": redemption.paid.points,
                "points_minor": redemption.paid.minor,
                "positions": [each.position for each in redemption.vouchers],
                "campaigns": [each.campaign_id for each in redemption.vouchers],
                "vouchers": [each.voucher_id for each in redemption.vouchers],
                "minors": [each.minor for each in redemption.vouchers],
                "lines": [dump(each.shares) for each in redemption.vouchers],
            },
        )
    ).one()
    return redemption._replace(created_at=row.created_at), row.taken, row.is_cancelled


async def find(tx: ReadTx, redemption_id: UUID) -> Redemption | None:
    """The redemption, and what still stands of it."""
    rows = await tx.execute(f"SELECT {_COLUMNS} FROM redemptions AS r WHERE r.id = :id", {"id": redemption_id})
    row = rows.one_or_none()
    return row and _redemption(row)


async def of_reservation(tx: ReadTx, reservation_id: UUID) -> UUID | None:
    """What came of a reservation."""
    rows = await tx.execute("SELECT id FROM redemptions WHERE reservation_id = :id", {"id": reservation_id})
    return rows.scalar_one_or_none()


async def of_orders(tx: ReadTx, order_ids: Collection[str]) -> list[Redemption]:
    """All redemptions of these orders."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM redemptions AS r WHERE r.order_id = ANY(:orders) ORDER BY r.id",
        {"orders": list(order_ids)},
    )
    return [_redemption(row) for row in rows]


async def page(
    tx: ReadTx, *, persons: Collection[UUID] | None, order_id: str | None, before: UUID | None, limit: int
) -> list[Redemption]:
    """Redemptions of these keys or this order, the newest first."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM redemptions AS r {where(persons, order_id, before)} ORDER BY id DESC LIMIT :limit",
        arguments(persons, order_id, before, limit),
    )
    return [_redemption(row) for row in rows]


async def update(tx: WriteTx, redemption: Redemption) -> None:
    """Store what still stands of it; its person is locked, so nobody else does."""
    vouchers = redemption.vouchers
    await tx.execute(
        """
        WITH paid AS (
            UPDATE redemptions SET points_back = :points_back, points_back_minor = :points_back_minor WHERE id = :id
        )
        UPDATE redemption_vouchers AS v
        SET rolled_back_minor = n.back, budget_back_minor = n.budget_back, is_rolled_back = n.is_rolled_back,
            use_returned = n.use_returned, lines = CAST(n.lines AS jsonb)
        FROM unnest(CAST(:positions AS smallint[]), CAST(:backs AS bigint[]), CAST(:budget_backs AS bigint[]),
                    CAST(:ended AS boolean[]), CAST(:returned AS boolean[]), CAST(:lines AS text[]))
             AS n (position, back, budget_back, is_rolled_back, use_returned, lines)
        WHERE v.redemption_id = :id AND v.position = n.position
        """,
        {
            "id": redemption.id,
            "points_back": redemption.points_back,
            "points_back_minor": redemption.points_back_minor,
            "positions": [each.position for each in vouchers],
            "backs": [each.back_minor for each in vouchers],
            "budget_backs": [each.budget_back_minor for each in vouchers],
            "ended": [each.is_rolled_back for each in vouchers],
            "returned": [each.use_returned for each in vouchers],
            "lines": [dump(each.shares) for each in vouchers],
        },
    )


def _redemption(row: Row[Any]) -> Redemption:
    return Redemption(
        id=row.id,
        person=row.person,
        owner=row.owner,
        order_id=row.order_id,
        reservation_id=row.reservation_id,
        currency=row.currency,
        total_minor=row.total_minor,
        vouchers=tuple(_voucher(each) for each in row.vouchers),
        paid=Paid(row.wallet, row.points, row.points_minor),
        points_back=row.points_back,
        points_back_minor=row.points_back_minor,
        created_at=row.created_at,
    )


def _voucher(values: Sequence[Any]) -> Redeemed:
    position, campaign, voucher, minor, back, budget_back, is_rolled_back, use_returned, lines = values
    return Redeemed(
        position, UUID(campaign), UUID(voucher), minor, back, budget_back, is_rolled_back, use_returned, load(lines)
    )
