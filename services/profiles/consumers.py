"""What profiles hears: every touchpoint as it was sent."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event


async def record_touchpoints(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[TouchpointReceived]]
) -> None:
    """Learn from each touchpoint who the customer is, what is said of them and what they allow."""
    await profiles.record(tx, batch)
    await profiles.consent.hear(tx, batch)
