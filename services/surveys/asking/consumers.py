"""What asking hears: touchpoints and orders, what people agree to, and who is in which segment."""

from collections.abc import Sequence

from services.surveys.service import SurveysService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import ConsentChanged, SegmentEntered, SegmentLeft
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.events.orders import OrderFact


async def hear_facts(
    surveys: SurveysService, tx: WriteTx, events: Sequence[Event[TouchpointRecorded] | Event[OrderFact]]
) -> None:
    """Propose whom facts say to ask."""
    await surveys.hearing.facts(tx, events)


async def hear_consents(surveys: SurveysService, tx: WriteTx, events: Sequence[Event[ConsentChanged]]) -> None:
    """Take over what people agreed to."""
    await surveys.hearing.consents(tx, events)


async def hear_moves(
    surveys: SurveysService, tx: WriteTx, events: Sequence[Event[SegmentEntered] | Event[SegmentLeft]]
) -> None:
    """Note who is in which segment."""
    await surveys.hearing.moves(tx, events)


SUBSCRIPTIONS = (
    Subscription(
        "surveys.facts",
        (TouchpointRecorded, OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled),
        hear_facts,
        is_idempotent=True,
    ),
    Subscription("surveys.consents", (ConsentChanged,), hear_consents, is_idempotent=True),
    Subscription("surveys.segments", (SegmentEntered, SegmentLeft), hear_moves, is_idempotent=True),
)
