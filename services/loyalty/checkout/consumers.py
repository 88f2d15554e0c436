"""What checkout hears: what became of orders."""

from collections.abc import Sequence

from services.loyalty.service import LoyaltyService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.touchpoints import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def hear_orders(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
    """Undo what was redeemed for orders that come back."""
    await loyalty.checkout.refunds.hear(tx, events)


SUBSCRIPTIONS = (
    Subscription(
        "loyalty.checkout",
        (OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
        hear_orders,
        is_idempotent=True,
    ),
)
