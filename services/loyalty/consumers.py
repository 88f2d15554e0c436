"""What all rooms of loyalty hear: who was merged, and who was taken apart."""

from collections.abc import Sequence

from services.loyalty.service import LoyaltyService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event


async def follow_identity(
    loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """Take over who is whom, and let the rooms look that say something of whole persons."""
    await loyalty.regroup(tx, events)


SUBSCRIPTIONS = (
    Subscription("loyalty.identity", (CustomerMerged, CustomerUnmerged), follow_identity, is_idempotent=True),
)
