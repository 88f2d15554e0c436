"""A response, and what it becomes when something is said: pure rules."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.surveys.answers.domain.cleaning import cleaned
from services.surveys.answers.domain.plain import Plain, plain
from services.surveys.answers.domain.said import Said
from services.surveys.answers.domain.submission import Shown, State, Submission, Verification
from services.surveys.answers.errors import AnswerTooLate, AnswerWithdrawn
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.definitions.domain.answer import Answer
from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.definitions.domain.path import is_complete, path, read_answers
from services.surveys.definitions.errors import BadAnswers, Problem
from shared.ids import uuid7

# How long a part is kept open that came without an invitation; with one, until that expires.
PART_STAYS_OPEN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered, as it stands. Its times are those of `Submission`; it may be changed until `open_until`."""

    id: UUID
    survey_id: UUID
    version: int
    invitation_id: UUID | None
    reference: str | None
    person: UUID | None
    is_anonymous: bool
    state: State
    revision: int
    answers: Plain
    score: int | None
    channel: str
    locale: str
    verification: Verification
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    weight: float
    answered_at: datetime
    changed_at: datetime
    open_until: datetime
    language: str | None = None
    themes: tuple[str, ...] = ()
    themes_version: int = 0
    withdrawn_by: str | None = None
    withdrawn_reason: str | None = None
    is_imported: bool = False
    words: tuple[str, ...] = field(default=(), compare=False)

    def shown(self, now: datetime) -> Shown:
        """Its state as people see it: what was not completed in time has expired."""
        return "expired" if self.state in ("started", "partial") and now >= self.open_until else self.state

    def reads(self, said: Said) -> "Response":
        """The same with what its texts say."""
        return replace(
            self, language=said.language, themes=said.themes, themes_version=said.themes_version, words=said.words
        )


def first(definition: Definition, submission: Submission, invitation: Invitation | None) -> Response:
    """The response that a first submission makes.

    Raises:
        AnswerTooLate: the invitation has expired.
        BadAnswers: they do not fit their questions, or are not whole and should be.
    """
    if invitation is not None and not invitation.is_open(submission.at):
        raise AnswerTooLate("nothing", closed_at=invitation.expires_at)
    answers, state = _judged(definition, submission, {}, was=None)
    place = submission if invitation is None else invitation
    return Response(
        id=uuid7(),
        survey_id=definition.survey_id,
        version=definition.version,
        invitation_id=submission.invitation_id,
        reference=submission.reference,
        person=submission.person if invitation is None else invitation.person,
        is_anonymous=False,
        state=state,
        revision=1,
        answers=answers,
        score=metric_score(definition, answers),
        channel=submission.channel,
        locale=definition.locale_for(submission.locale, None if invitation is None else invitation.locale),
        verification=submission.verification,
        touchpoint=place.touchpoint or definition.touchpoint,
        stage=place.stage or definition.stage,
        staff_id=place.staff_id,
        weight=1.0 if invitation is None else invitation.weight,
        answered_at=submission.answered_at or submission.at,
        changed_at=submission.at,
        open_until=_open_until(definition, state, submission, invitation, is_imported=submission.is_imported),
        is_imported=submission.is_imported,
    )


def changed(
    known: Response, definition: Definition, submission: Submission, invitation: Invitation | None
) -> Response | None:
    """What a response becomes by another submission; None: it says so already.

    What is not mentioned stays as it was; null takes an answer back.

    Raises:
        AnswerWithdrawn: it takes nothing more.
        AnswerTooLate: its window is over; what was kept stays.
        BadAnswers: they do not fit their questions, or would leave a complete response with a gap.
    """
    if known.state == "withdrawn":
        raise AnswerWithdrawn
    answers, state = _judged(definition, submission, known.answers, was=known.state)
    # What a person has confirmed stays confirmed.
    verification = known.verification if known.verification == "confirmed" else submission.verification
    if (answers, state, verification) == (known.answers, known.state, known.verification):
        return None
    if known.is_anonymous or submission.at >= known.open_until:
        raise AnswerTooLate("complete" if known.state == "complete" else "partial", closed_at=known.open_until)
    return replace(
        known,
        state=state,
        revision=known.revision + 1,
        answers=answers,
        score=metric_score(definition, answers),
        locale=definition.locale_for(submission.locale, known.locale),
        verification=verification,
        changed_at=submission.at,
        # Once it is complete its window is what it was.
        open_until=known.open_until
        if known.state == "complete"
        else _open_until(definition, state, submission, invitation, is_imported=known.is_imported),
    )


def withdrawn(known: Response, *, by: str, reason: str, at: datetime) -> Response:
    """The response as one that counts no more; what it said stays in it.

    Raises:
        AnswerWithdrawn: it is one already.
    """
    if known.state == "withdrawn":
        raise AnswerWithdrawn
    return replace(
        known,
        state="withdrawn",
        revision=known.revision + 1,
        changed_at=known.changed_at if known.is_anonymous else at,
        withdrawn_by=by,
        withdrawn_reason=reason,
    )


def whole(definition: Definition, submission: Submission) -> dict[str, Any]:
    """The answers of a submission that must be whole, as they are stored.

    Raises:
        BadAnswers: they do not fit their questions, or are not whole.
    """
    return _judged(definition, submission, {}, was=None)[0]


def metric_score(definition: Definition, answers: Plain) -> int | None:
    """The score of the question that the survey is for."""
    said = answers.get(definition.metric) if definition.metric else None
    return None if said is None else said.get("score")


def _judged(
    definition: Definition, submission: Submission, known: Plain, *, was: State | None
) -> tuple[dict[str, Any], State]:
    """The answers altogether, and the state of a response that says so."""
    answers = read_answers(definition, {**known, **cleaned(submission.answers)})
    if not (submission.is_final or was == "complete"):
        return plain(answers), "partial" if answers else "started"
    if not is_complete(definition, answers):
        missing = [
            Problem(f"/{question.id}", "required", "This question must be answered.")
            for question in path(definition, answers)
            if question.is_required and not _is_whole(question, answers.get(question.id))
        ]
        raise BadAnswers(missing)
    if not answers:
        raise BadAnswers([Problem("", "nothing_answered", "Nothing was answered.")])
    return plain(answers), "complete"


def _is_whole(question: Question, answer: Answer | None) -> bool:
    return answer is not None and len(answer.rows) == len(question.rows)


def _open_until(
    definition: Definition, state: State, submission: Submission, invitation: Invitation | None, *, is_imported: bool
) -> datetime:
    if is_imported:
        return submission.at
    if state == "complete":
        until = submission.at + timedelta(seconds=definition.edit_window_seconds)
    elif invitation is not None:
        until = invitation.expires_at
    else:
        until = submission.at + PART_STAYS_OPEN
    return until if definition.closes_at is None else min(until, max(definition.closes_at, submission.at))
