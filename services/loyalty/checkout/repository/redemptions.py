"""Redemptions and what was rolled back of them. Rows are added; only what still stands of them is counted down."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.checkout.domain.redemption import Redemption
from services.loyalty.checkout.domain.reservation import Paid
from services.loyalty.checkout.domain.rollback import Redeemed
from services.loyalty.checkout.repository.reservations import (
    arguments,
    dump,
    dump_charges,
    load,
    load_charges,
    where,
)
from shared.db.engine import ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent

_COLUMNS = """
    r.id, r.person, r.owner, r.order_id, r.reservation_id, r.currency, r.total_minor, r.wallet, r.points,
    r.points_minor, r.pool, r.points_back, r.points_back_minor, r.created_at,
    (SELECT coalesce(json_agg(json_build_array(
                v.position, v.campaign_id, v.voucher_id, v.discount_minor, v.rolled_back_minor, v.budget_back_minor,
                v.is_rolled_back, v.use_returned, v.lines, v.budgets, v.short_minor) ORDER BY v.position), '[]')
     FROM redemption_vouchers AS v WHERE v.redemption_id = r.id) AS vouchers
"""


_ADD = """
    WITH made AS (
        INSERT INTO redemptions (id, person, owner, order_id, reservation_id, currency, total_minor, discount_minor,
                                 wallet, points, points_minor, pool, created_at)
        SELECT t.*, coalesce(CAST(:at AS timestamptz), clock_timestamp())
        FROM unnest(CAST(:ids AS uuid[]), CAST(:persons AS uuid[]), CAST(:owners AS text[]), CAST(:orders AS text[]),
                    CAST(:reservations AS uuid[]), CAST(:currencies AS text[]), CAST(:totals AS bigint[]),
                    CAST(:discounts AS bigint[]), CAST(:wallets AS text[]), CAST(:points AS bigint[]),
                    CAST(:points_minors AS bigint[]), CAST(:pools AS uuid[])) AS t
        RETURNING created_at
    ), taken AS (
        INSERT INTO redemption_vouchers
            (redemption_id, position, campaign_id, voucher_id, order_id, discount_minor, lines, budgets, short_minor)
        SELECT v.redemption_id, v.position, v.campaign_id, v.voucher_id, v.order_id, v.minor, CAST(v.lines AS jsonb),
               CAST(v.budgets AS jsonb), v.short_minor
        FROM unnest(CAST(:of AS uuid[]), CAST(:positions AS smallint[]), CAST(:campaigns AS uuid[]),
                    CAST(:vouchers AS uuid[]), CAST(:for AS text[]), CAST(:minors AS bigint[]), CAST(:lines AS text[]),
                    CAST(:budgets AS text[]), CAST(:shorts AS bigint[]))
             AS v (redemption_id, position, campaign_id, voucher_id, order_id, minor, lines, budgets, short_minor)
        ON CONFLICT (order_id, voucher_id) WHERE order_id IS NOT NULL AND NOT is_rolled_back DO NOTHING
        RETURNING 1
    ), answered AS (
        INSERT INTO idempotency_keys (key, fingerprint, status, body)
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:prints AS bytea[]), CAST(:statuses AS integer[]),
                             CAST(:bodies AS bytea[]))
    )
    SELECT (SELECT min(created_at) FROM made) AS created_at, (SELECT count(*) FROM taken) AS taken, EXISTS (
        SELECT FROM checkout_orders WHERE order_id = ANY(CAST(:orders AS text[])) AND is_cancelled) AS is_cancelled
"""


class Written(NamedTuple):
    """What came of storing redemptions: when they were, how many vouchers were new for their orders, and whether one
    of the orders is off."""

    created_at: datetime
    vouchers: int
    is_cancelled: bool


async def add(
    tx: WriteTx,
    made: Sequence[Redemption],
    answers: Sequence[tuple[Idempotent, Answer]] = (),
    *,
    at: datetime | None = None,
) -> Written:
    """Store redemptions, with the answers that are kept for their requests; `at` None is now by the database."""
    # In one order, so that two who write the same vouchers for the same orders never wait for each other.
    vouchers = sorted(
        (
            (redemption.order_id or "", each.voucher_id, redemption, each)
            for redemption in made
            for each in redemption.vouchers
        ),
        key=lambda row: row[:2],
    )
    written = await tx.execute(
        _ADD,
        {
            "at": at,
            "ids": [each.id for each in made],
            "persons": [each.person for each in made],
            "owners": [each.owner for each in made],
            "orders": [each.order_id for each in made],
            "reservations": [each.reservation_id for each in made],
            "currencies": [each.currency for each in made],
            "totals": [each.total_minor for each in made],
            "discounts": [each.discount_minor for each in made],
            "wallets": [each.paid.wallet for each in made],
            "points": [each.paid.points for each in made],
            "points_minors": [each.paid.minor for each in made],
            "pools": [each.paid.pool for each in made],
            "of": [redemption.id for _, _, redemption, _ in vouchers],
            "for": [redemption.order_id for _, _, redemption, _ in vouchers],
            "positions": [each.position for *_, each in vouchers],
            "campaigns": [each.campaign_id for *_, each in vouchers],
            "vouchers": [each.voucher_id for *_, each in vouchers],
            "minors": [each.minor for *_, each in vouchers],
            "lines": [dump(each.shares) for *_, each in vouchers],
            "budgets": [dump_charges(each.charges) for *_, each in vouchers],
            "shorts": [each.short_minor for *_, each in vouchers],
            "keys": [idem.key for idem, _ in answers],
            "prints": [idem.fingerprint for idem, _ in answers],
            "statuses": [answer.status for _, answer in answers],
            "bodies": [answer.body for _, answer in answers],
        },
    )
    row = written.one()
    return Written(row.created_at, row.taken, row.is_cancelled)


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


async def standing_for(tx: ReadTx, order_id: str, vouchers: Collection[UUID]) -> set[UUID]:
    """Those of these vouchers that stand for an order."""
    rows = await tx.execute(
        "SELECT voucher_id FROM redemption_vouchers "
        "WHERE order_id = :order AND voucher_id = ANY(:vouchers) AND NOT is_rolled_back",
        {"order": order_id, "vouchers": list(vouchers)},
    )
    return {row.voucher_id for row in rows}


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
        paid=Paid(row.wallet, row.points, row.points_minor, row.pool),
        points_back=row.points_back,
        points_back_minor=row.points_back_minor,
        created_at=row.created_at,
    )


def _voucher(values: Sequence[Any]) -> Redeemed:
    position, campaign, voucher, minor, back, budget_back, is_rolled_back, use_returned, lines, budgets, short = values
    return Redeemed(
        position,
        UUID(campaign),
        UUID(voucher),
        minor,
        back,
        budget_back,
        is_rolled_back,
        use_returned,
        load(lines),
        load_charges(budgets),
        short,
    )
