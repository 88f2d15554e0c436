"""Event batches in, use cases out."""

from collections.abc import Sequence
from itertools import chain

from services.metrics.ledger.service import IDENTITY_GROUP, ORDERS_GROUP
from services.metrics.service import MetricsService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def record_orders(metrics: MetricsService, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
    """Orders placed, changed, refunded, cancelled."""
    changes = await metrics.ledger.fold(tx, events)
    purchases = changes.purchase_changes()
    await metrics.outlooks.note(tx, purchases.keys())
    await metrics.ledger.count(tx, changes, purchases)


async def follow_identity(
    metrics: MetricsService, tx: WriteTx, events: Sequence[Event[CustomerMerged] | Event[CustomerUnmerged]]
) -> None:
    """People who turn out to be one, or not to be."""
    moved = await metrics.ledger.follow_identity(tx, events)
    await metrics.taking.regroup(tx, moved)
    await metrics.subscribing.regroup(tx, moved)
    await metrics.engagement.regroup(tx, moved)
    await metrics.outlooks.note(tx, {*moved, *chain.from_iterable(moved.values())})


SUBSCRIPTIONS = (
    Subscription(
        ORDERS_GROUP, (OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled), record_orders, is_idempotent=True
    ),
    Subscription(IDENTITY_GROUP, (CustomerMerged, CustomerUnmerged), follow_identity),
)
