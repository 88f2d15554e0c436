"""What the touchpoints service hears: its own raw input, and who is the same person as whom."""

from collections.abc import Sequence

from services.touchpoints.service import TouchpointsService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import TouchpointReceived, TouchpointRejected
from shared.events.envelope import Event


async def record(touchpoints: TouchpointsService, tx: WriteTx, events: Sequence[Event[TouchpointReceived]]) -> None:
    """Store what was accepted and announce the facts in it."""
    await touchpoints.record(tx, events)


async def quarantine(touchpoints: TouchpointsService, tx: WriteTx, events: Sequence[Event[TouchpointRejected]]) -> None:
    """Keep what was refused."""
    await touchpoints.quarantine(tx, events)


async def follow_identity(
    touchpoints: TouchpointsService, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """Keep our copy of who is whom."""
    await touchpoints.follow(tx, events)


SUBSCRIPTIONS = (
    Subscription("touchpoints.recorder", (TouchpointReceived,), record, max_batch=2_000, is_idempotent=True),
    # Each holds up to 32 KB of what was sent.
    Subscription("touchpoints.quarantine", (TouchpointRejected,), quarantine, max_batch=200, is_idempotent=True),
    Subscription("touchpoints.identity", (CustomerMerged, CustomerUnmerged), follow_identity),
)
