"""What facts tell of pools and of the books: what was spent of a pool, and what a closed month came to."""

from typing import Any

from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty_rows import PoolSpent, RevenueClosed, RevenueCohortClosed
from shared.events.envelope import Event

SPENDS = Table(
    "pool_spends",
    {
        "id": "uuid",
        "pool_id": "uuid",
        "person_id": "uuid",
        "wallet": "text",
        "points": "bigint",
        "returned": "bigint",
        "is_hold": "boolean",
        "reference": "text",
        "recorded_at": "timestamptz",
        "recorded_by": "text",
        "operation": "text",
        "day": "date",
    },
    found_by="id",
    version="{row}.returned + CAST({row}.operation IS NOT NULL AS integer)",
    parent="pool_id",
    # A pool itself is what a household has decided: its id is enough for what refers to it to stand.
    before="""
        INSERT INTO pools (id, wallets, max_members, created_at, created_by)
        SELECT key, '{points}', 2, to_timestamp(0), ''
        FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
    """,
)
CLOSINGS = Table(
    "revenue_closings",
    {"month": "date", "closed_at": "timestamptz", "closed_by": "text"},
    found_by="month",
    version=None,
)
COHORTS = Table(
    "revenue_cohorts",
    {
        "month": "date",
        "wallet": "text",
        "currency": "text",
        "cohort": "date",
        "deferred_minor": "bigint",
        "recognised_minor": "bigint",
    },
    found_by="month",
    keys=4,
    version=None,
)


def _spent(event: Event[PoolSpent]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.spend_id, told.pool_id, event.subject, told.wallet, told.points, told.returned, told.is_hold,
        told.reference, told.recorded_at, told.by, told.operation, told.day,
    )  # fmt: skip


def _closing(event: Event[RevenueClosed]) -> tuple[Any, ...]:
    return event.data.month, event.data.closed_at, event.data.by


def _cohort(event: Event[RevenueCohortClosed]) -> tuple[Any, ...]:
    told = event.data
    return told.month, told.wallet, told.currency, told.cohort, told.deferred_minor, told.recognised_minor


READINGS: Readings = {
    PoolSpent: Reading(SPENDS, _spent, lambda event: event.data.returned + (event.data.operation is not None)),
    # First, for its cohorts refer to it; both are told under the month, so they come in that order.
    RevenueClosed: Reading(CLOSINGS, _closing, lambda _: 0),
    RevenueCohortClosed: Reading(COHORTS, _cohort, lambda _: 0),
}
