"""What of loyalty is rebuilt from its own facts: `tam replay loyalty --verify`."""

from collections.abc import Sequence

from services.loyalty.points.domain.replaying import PointsFact
from services.loyalty.points.service import replaying
from services.loyalty.service import LoyaltyService
from shared.db.engine import Database, WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.loyalty import PointsEarned, PointsExpired, PointsMoved, PointsReversed, PointsSpent
from shared.events.envelope import Event
from shared.runtime.service import Recovery
from shared.runtime.verdicts import TableVerdict


async def rebook(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[PointsFact]]) -> None:
    """Book transactions anew, as they were told."""
    await replaying.replay(tx, loyalty.clock, events)


async def keep(loyalty: LoyaltyService, live: Database, verdicts: Sequence[TableVerdict]) -> None:
    """Keep what the comparison found, for Prometheus."""
    await loyalty.replays.keep(live, verdicts)


POINTS_FACTS = (PointsEarned, PointsSpent, PointsExpired, PointsReversed, PointsMoved)
LEDGER = ("transactions", "wallets", "lots", "allocations", "sources")

RECOVERIES = (
    Recovery(
        Subscription("loyalty.replay.ledger", POINTS_FACTS, rebook, is_idempotent=True),
        {table: table for table in LEDGER},
        replaying.known_to,
    ),
)
