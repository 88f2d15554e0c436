"""What profiles hears: a record is read and decoded once for all the sub-rooms that learn from it."""

from collections.abc import Sequence

from services.profiles.personas.consumers import SUBSCRIPTIONS as PERSONAS
from services.profiles.rights.consumers import SUBSCRIPTIONS as RIGHTS
from services.profiles.service import ProfilesService
from services.profiles.told.consumers import SUBSCRIPTIONS as TOLD
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointReceived,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def record_touchpoints(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[TouchpointReceived]]
) -> None:
    """Learn from each touchpoint who the customer is, what is said of them and what they allow."""
    await profiles.record(tx, batch)


async def record_activity(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[TouchpointRecorded] | Event[OrderFact]]
) -> None:
    """Count what customers do and look for, and fold facts about their orders."""
    await profiles.needs.record(tx, [event for event in batch if isinstance(event.data, TouchpointRecorded)])
    # Last, for it looks at memberships again.
    await profiles.activity.record(tx, batch)


async def follow_identity(
    profiles: ProfilesService, tx: WriteTx, batch: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """Tell what persons allow who became one, or two."""
    await profiles.consent.follow(tx, batch)


SUBSCRIPTIONS = (
    Subscription("profiles.touchpoints", (TouchpointReceived,), record_touchpoints, is_idempotent=True),
    Subscription(
        "profiles.activity",
        (TouchpointRecorded, OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
        record_activity,
    ),
    Subscription("profiles.consent", (CustomerMerged, CustomerUnmerged), follow_identity, is_idempotent=True),
    *RIGHTS,
    *TOLD,
    *PERSONAS,
)
