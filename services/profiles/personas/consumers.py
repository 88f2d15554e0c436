"""What personas hear: how content the people of their segments are, how many have lapsed, and what they will bring."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.metrics import SatisfactionTold, SegmentOutlookTold
from shared.events.envelope import Event


async def record_figures(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[SatisfactionTold] | Event[SegmentOutlookTold]]
) -> None:
    """Keep the latest figures of each segment, to be shown beside its personas."""
    await profiles.personas.record(tx, batch)


SUBSCRIPTIONS = (
    Subscription("profiles.personas", (SatisfactionTold, SegmentOutlookTold), record_figures, is_idempotent=True),
)
