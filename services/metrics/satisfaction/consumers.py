"""What satisfaction hears."""

from collections.abc import Sequence

from services.metrics.satisfaction.service.taking import GROUP, MEMBERS_GROUP
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

SAID = (
    SurveyPublished,
    SurveyInvited,
    SurveyDelivered,
    SurveyExpired,
    SurveyAnswered,
    CaseOpened,
    CaseChanged,
    CaseClosed,
)
BELONGING = (SegmentEntered, SegmentLeft, PersonaChanged)


async def take(metrics: MetricsService, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
    """Answers, who was asked, and who belongs where."""
    await metrics.ledger.check_calendar(tx)
    await metrics.engagement.resegment(tx, await metrics.taking.take(tx, events))


SUBSCRIPTIONS = (
    # Of what surveys say the highest revision or version holds, whenever it comes again.
    Subscription(GROUP, SAID, take, is_idempotent=True),
    # Of entering and leaving a segment the last word does: an old one that came again would change something.
    Subscription(MEMBERS_GROUP, BELONGING, take),
)
