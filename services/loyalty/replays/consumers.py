"""What of loyalty is rebuilt from its own facts: `tam replay loyalty --verify`."""

from collections.abc import Sequence
from typing import Any

from services.loyalty.checkout.service import settle
from services.loyalty.points.domain.replaying import PointsFact
from services.loyalty.points.service import replaying
from services.loyalty.replays.domain import books, checkout, flash, points, referrals, rewards, tiers
from services.loyalty.replays.domain.rows import Readings
from services.loyalty.replays.service import known_rows, settle_flash
from services.loyalty.service import LoyaltyService
from services.loyalty.vouchers.service import replaying as codes
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsMoved, PointsReversed, PointsSpent
from shared.events.envelope import Event
from shared.runtime.service import Recovery
from shared.runtime.verdicts import TableVerdict


async def rebook(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[PointsFact]]) -> None:
    """Book transactions anew, as they were told."""
    await replaying.replay(tx, loyalty.clock, events)


async def restore(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
    """Store the rows that facts tell whole."""
    await loyalty.replays.restore(tx, READINGS, events)


async def known_to(live: ReadTx, events: Sequence[Event[Any]]) -> list[Event[Any]]:
    """Those of these facts that `live` sees told."""
    return await known_rows(live, READINGS, events)


async def remake(_: LoyaltyService, tx: WriteTx, events: Sequence[Event[Any]]) -> None:
    """Store codes as they were told."""
    await codes.replay(tx, events)


async def keep(loyalty: LoyaltyService, live: Database, verdicts: Sequence[TableVerdict]) -> None:
    """Keep what the comparison found, for Prometheus."""
    await loyalty.replays.keep(live, verdicts)


POINTS_FACTS = (PointsEarned, PointsSpent, PointsExpired, PointsReversed, PointsMoved)
LEDGER = ("transactions", "wallets", "lots", "allocations", "sources")
READINGS: Readings = {
    **points.READINGS,
    **tiers.READINGS,
    **rewards.READINGS,
    **checkout.READINGS,
    **flash.READINGS,
    **referrals.READINGS,
    **books.READINGS,
}
TOLD = {reading.table.name: reading.table.relation for reading in READINGS.values()}

RECOVERIES = (
    Recovery(
        Subscription("loyalty.replay.ledger", POINTS_FACTS, rebook, is_idempotent=True),
        {table: table for table in LEDGER},
        replaying.known_to,
    ),
    Recovery(
        Subscription("loyalty.replay.rows", tuple(READINGS), restore, is_idempotent=True), TOLD, known_to, settle_flash
    ),
    Recovery(
        Subscription("loyalty.replay.codes", codes.FACTS, remake, is_idempotent=True),
        codes.RELATIONS,
        codes.known_to,
        # Last, when all uses of codes are there.
        settle,
    ),
)
