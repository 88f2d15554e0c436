"""What all rooms of surveys hear: who was merged, and who was taken apart."""

from collections.abc import Sequence

from services.surveys.service import SurveysService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Event


async def follow_identity(
    surveys: SurveysService, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """Take over who is whom."""
    await surveys.regroup(tx, events)


SUBSCRIPTIONS = (
    Subscription("surveys.identity", (CustomerMerged, CustomerUnmerged), follow_identity, is_idempotent=True),
)
