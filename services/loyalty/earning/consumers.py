"""What earning hears: orders, touchpoints, answers, who enters and leaves segments, who is new."""

from collections.abc import Sequence

from services.loyalty.service import LoyaltyService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import CustomerCreated, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import SurveyAnswered
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def earn_orders(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[OrderFact]]) -> None:
    """Settle what orders earn."""
    await loyalty.earning.record_orders(tx, events)
    await loyalty.referral_settling.note_orders(tx, events)


async def earn_touchpoints(
    loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[TouchpointRecorded] | Event[SurveyAnswered]]
) -> None:
    """Settle what touchpoints and answers earn, where a rule asks for them."""
    touchpoints = [event for event in events if isinstance(event.data, TouchpointRecorded)]
    await loyalty.earning.record_touchpoints(tx, touchpoints)
    await loyalty.referral_settling.note_touchpoints(tx, touchpoints)
    await loyalty.earning.record_answers(tx, [event for event in events if isinstance(event.data, SurveyAnswered)])


async def follow_segments(
    loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]
) -> None:
    """Note who is in which segment since when."""
    await loyalty.earning.record_moves(tx, events)


async def meet_customers(loyalty: LoyaltyService, tx: WriteTx, events: Sequence[Event[CustomerCreated]]) -> None:
    """Note since when somebody is known."""
    await loyalty.earning.record_created(tx, events)


SUBSCRIPTIONS = (
    Subscription(
        "loyalty.orders",
        (OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
        earn_orders,
        is_idempotent=True,
    ),
    Subscription("loyalty.touchpoints", (TouchpointRecorded, SurveyAnswered), earn_touchpoints, is_idempotent=True),
    Subscription("loyalty.segments", (SegmentEntered, SegmentLeft), follow_segments, is_idempotent=True),
    Subscription("loyalty.customers", (CustomerCreated,), meet_customers, is_idempotent=True),
)
