"""What satisfaction hears."""

from collections.abc import Sequence

from services.metrics.satisfaction.service.taking import GROUP
from services.metrics.service import MetricsService
from shared.db.engine import WriteTx
from shared.delivery.subscription import Subscription
from shared.events.catalogue.profiles import PersonaChanged, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import (
    CaseChanged,
    CaseClosed,
    CaseOpened,
    SurveyAnswered,
    SurveyDelivered,
    SurveyExpired,
    SurveyInvited,
    SurveyPublished,
)
from shared.events.envelope import Event, EventData

HEARD = (
    SurveyPublished,
    SurveyInvited,
    SurveyDelivered,
    SurveyExpired,
    SurveyAnswered,
    CaseOpened,
    CaseChanged,
    CaseClosed,
    SegmentEntered,
    SegmentLeft,
    PersonaChanged,
)


async def take(metrics: MetricsService, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
    """Answers, who was asked, and who belongs where."""
    await metrics.ledger.check_calendar(tx)
    await metrics.engagement.resegment(tx, await metrics.taking.take(tx, events))


# Of entering and leaving a segment the last word holds, so an old one that came again would change something.
SUBSCRIPTIONS = (Subscription(GROUP, HEARD, take),)
