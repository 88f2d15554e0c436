"""What the tests of satisfaction play with: surveys, answers and segments with defaults."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from metrics_world import NOW, World, fact

from services.metrics.ledger import consumers as ledger
from services.metrics.satisfaction.consumers import take
from shared.events.catalogue.profiles import (
    CustomerMerged,
    CustomerUnmerged,
    PersonaChanged,
    SegmentEntered,
    SegmentLeft,
)
from shared.events.catalogue.surveys import (
    AnsweredScore,
    AskedQuestion,
    SurveyAnswered,
    SurveyDelivered,
    SurveyExpired,
    SurveyInvited,
    SurveyPublished,
)
from shared.events.envelope import Event
from shared.ids import derived_id

SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}


def survey(name: str) -> UUID:
    return derived_id("survey", name)


def segment(name: str) -> UUID:
    return derived_id("segment", name)


def published(
    name: str,
    *questions: tuple[str, str, int, int],
    version: int = 1,
    is_anonymous: bool = False,
    purpose: Any = "customers",
) -> Event[Any]:
    """A version of a survey; questions are (id, kind, lowest, highest), by default one of each kind."""
    asked = questions or tuple((kind, kind, *scale) for kind, scale in SCALES.items())
    data = SurveyPublished(
        survey_id=survey(name),
        version=version,
        purpose=purpose,
        questions=tuple(AskedQuestion(each, kind, low, high) for each, kind, low, high in asked),
        is_anonymous=is_anonymous,
    )
    return fact(data, survey(name), NOW)


def answered(
    response: str,
    customer: str | UUID,
    at: datetime,
    survey_name: str = "s",
    *,
    revision: int = 1,
    version: int = 1,
    state: Any = "complete",
    verification: Any = "confirmed",
    invitation: str | None = None,
    weight: float = 1.0,
    is_anonymous: bool = False,
    places: dict[str, str | None] | None = None,
    **scores: int,
) -> Event[Any]:
    """An answer; `scores` are by question."""
    where: dict[str, Any] = {"channel": "email", "locale": "vi", **(places or {})}
    data = SurveyAnswered(
        response_id=derived_id("response", response),
        revision=revision,
        survey_id=survey(survey_name),
        version=version,
        state=state,
        verification=verification,
        scores=tuple(AnsweredScore(question, score) for question, score in scores.items()),
        invitation_id=None if invitation is None else derived_id("invitation", invitation),
        weight=weight,
        is_anonymous=is_anonymous,
        **where,
    )
    return fact(data, customer, at)


def _invitation(invitation: str, survey_name: str, places: dict[str, str | None] | None) -> dict[str, Any]:
    return {
        "invitation_id": derived_id("invitation", invitation),
        "survey_id": survey(survey_name),
        "version": 1,
        "channel": "email",
        **(places or {}),
    }


def invited(
    invitation: str,
    customer: str | UUID,
    at: datetime,
    survey_name: str = "s",
    places: dict[str, str | None] | None = None,
) -> Event[Any]:
    expires = at + timedelta(days=7)
    return fact(SurveyInvited(**_invitation(invitation, survey_name, places), expires_at=expires), customer, at)


def delivered(invitation: str, customer: str | UUID, at: datetime, survey_name: str = "s") -> Event[Any]:
    return fact(SurveyDelivered(**_invitation(invitation, survey_name, None)), customer, at)


def expired(invitation: str, customer: str | UUID, at: datetime, survey_name: str = "s") -> Event[Any]:
    return fact(SurveyExpired(**_invitation(invitation, survey_name, None)), customer, at)


def entered(name: str, customer: str | UUID, at: datetime = NOW) -> Event[Any]:
    return fact(SegmentEntered(segment_id=segment(name), segment_version=1, cause="fact"), customer, at)


def left(name: str, customer: str | UUID, at: datetime = NOW) -> Event[Any]:
    return fact(SegmentLeft(segment_id=segment(name), segment_version=1, cause="fact"), customer, at)


def persona(key: str, name: str, version: int = 1, status: Any = "active") -> Event[Any]:
    data = PersonaChanged(key=key, version=version, segment_id=segment(name), status=status)
    return fact(data, derived_id("persona", key), NOW)


async def deliver(world: World, events: Sequence[Event[Any]]) -> None:
    """Hand over one batch of one consumer, as the runner does."""
    async with world.db.write() as tx:
        if isinstance(events[0].data, CustomerMerged | CustomerUnmerged):
            await ledger.follow_identity(world.metrics, tx, events)
        else:
            await take(world.metrics, tx, events)
