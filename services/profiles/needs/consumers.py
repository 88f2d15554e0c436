"""What the needs room hears: clean touchpoints."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event


async def record_interests(profiles: ProfilesService, tx: WriteTx, events: Sequence[Event[TouchpointRecorded]]) -> None:
    """Count what customers look for."""
    await profiles.needs.record(tx, events)


SUBSCRIPTIONS = (Subscription("profiles.interests", (TouchpointRecorded,), record_interests),)
