"""What the activity room hears: clean touchpoints, and money facts about orders."""

from collections.abc import Sequence

from services.profiles.service import ProfilesService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def record_events(profiles: ProfilesService, tx: WriteTx, events: Sequence[Event[TouchpointRecorded]]) -> None:
    """Count what customers did."""
    await profiles.activity.record_events(tx, events)


async def record_orders(profiles: ProfilesService, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
    """Orders placed, changed, refunded, cancelled."""
    await profiles.activity.record_orders(tx, events)


SUBSCRIPTIONS = (
    Subscription("profiles.activity", (TouchpointRecorded,), record_events),
    Subscription(
        "profiles.orders",
        (OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
        record_orders,
        is_idempotent=True,
    ),
)
