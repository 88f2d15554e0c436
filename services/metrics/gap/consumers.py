"""What the delivery gap and earned growth hear."""

from collections.abc import Sequence

from services.metrics.earned.service.taking import HEARD as JOINING
from services.metrics.gap.domain.promises import PromiseFact
from services.metrics.gap.service.taking import HEARD as MIRRORS
from services.metrics.gap.service.taking import PROMISES_GROUP, VOICES_GROUP
from services.metrics.scorecard.service.taking import HEARD as ENGAGEMENT
from services.metrics.service import MetricsService
from services.metrics.subscriptions.service.taking import HEARD as SUBSCRIBED
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, CaseOpened
from shared.events.catalogue.touchpoints import OrderCancelled, OrderRefunded, TouchpointRecorded
from shared.events.envelope import Event, EventData


async def take_voices(metrics: MetricsService, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
    """Mirror waves, why people came, who was brought, what the score card counts, and subscriptions."""
    await metrics.ledger.check_calendar(tx)
    await metrics.mirrors.take(tx, events)
    await metrics.joining.take(tx, events)
    await metrics.subscribing.take(tx, events)
    await metrics.engagement.take(tx, events)


async def take_promises(metrics: MetricsService, tx: WriteTx, events: Sequence[Event[PromiseFact]]) -> None:
    """What was promised, and what came of it."""
    await metrics.promises.take(tx, events)


SUBSCRIPTIONS = (
    Subscription(VOICES_GROUP, (*MIRRORS, *JOINING, *ENGAGEMENT, *SUBSCRIBED), take_voices, is_idempotent=True),
    Subscription(
        PROMISES_GROUP,
        (TouchpointRecorded, OrderRefunded, OrderCancelled, CaseOpened, CaseChanged, CaseClosed),
        take_promises,
        is_idempotent=True,
    ),
)
