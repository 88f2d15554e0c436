"""What is told of a response: to figures, and to cases. No text ever."""

from datetime import datetime
from uuid import UUID

from services.surveys.answers.domain.plain import scores
from services.surveys.answers.domain.response import Response
from services.surveys.cases.domain.judged import Judged, Scored
from services.surveys.definitions.domain.definition import Definition
from shared.events.catalogue.surveys import SurveyAnswered, nobody
from shared.events.envelope import Event
from shared.ids import derived_id


def subject(response: Response) -> UUID:
    """Who is spoken of: the raw person key, or a key of this response alone."""
    return response.person or nobody(response.id)


def announcement(response: Response, definition: Definition, *, recorded: datetime) -> Event[SurveyAnswered] | None:
    """What figures are told; None: nothing was answered yet."""
    if response.state == "started":
        return None
    metric = definition.metric_question
    data = SurveyAnswered.model_construct(
        response_id=response.id,
        revision=response.revision,
        survey_id=response.survey_id,
        version=response.version,
        state=response.state,
        verification=response.verification,
        scores=scores(response.answers),
        invitation_id=response.invitation_id,
        channel=response.channel,
        locale=response.locale,
        touchpoint=response.touchpoint,
        stage=response.stage,
        staff_id=response.staff_id,
        weight=response.weight,
        is_anonymous=response.is_anonymous,
        metric=None if metric is None else metric.kind,
        score=response.score,
        is_imported=response.is_imported,
    )
    key = derived_id("survey answered", str(response.id), str(response.revision))
    return Event(key, subject(response), response.answered_at, recorded, data)


def judged(response: Response, definition: Definition) -> Judged | None:
    """What cases are told; None: nothing was answered yet."""
    if response.state == "started":
        return None
    metric = definition.metric_question
    return Judged(
        response_id=response.id,
        revision=response.revision,
        survey_id=response.survey_id,
        person=response.person,
        scores=tuple(_scored(response, definition)),
        kind=None if metric is None else metric.kind,
        touchpoint=response.touchpoint,
        stage=response.stage,
        staff_id=response.staff_id,
        at=response.changed_at,
        state=response.state,
        verification=response.verification,
        wants_callback=_wants_callback(response, definition),
        themes=response.themes,
    )


def _wants_callback(response: Response, definition: Definition) -> bool:
    """Whether somebody chose an option that asks to be spoken to."""
    return any(
        each in question.callback
        for question in definition.questions
        for each in response.answers.get(question.id, {}).get("chosen", ())
    )


def _scored(response: Response, definition: Definition) -> list[Scored]:
    found = []
    for each in scores(response.answers):
        question = definition.question(each.question_id)
        if question is not None and each.score is not None:
            found.append(Scored(each.question_id, question.kind, each.score, each.row))
    return found
