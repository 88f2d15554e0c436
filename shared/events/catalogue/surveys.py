"""What the surveys service announces: what was asked, what was answered, and the cases that came of it.

Ids, scores and facts only. What somebody wrote stays in `surveys`; names and addresses stay in `profiles`.
The subject is the raw person key that was asked. Of an anonymous answer it is a key made for that answer alone, and
its time is a day: nothing that travels leads back to who gave it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.events.envelope import EventData
from shared.events.topics import SURVEYS
from shared.ids import derived_id

QuestionKind = Literal["nps", "csat", "ces", "star", "single", "multiple", "matrix", "text"]
Purpose = Literal["customers", "staff", "joining"]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question of a version, as far as figures need it: `lowest` to `highest` is its scale, None where it has none.

    `options` are the ids of what can be chosen; of a question why somebody came, `earned` are those options that say
    that somebody else brought them.
    """

    id: str
    kind: QuestionKind
    lowest: int | None = None
    highest: int | None = None
    options: tuple[str, ...] = ()
    earned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnsweredScore:
    """What was answered to a question: a score on its scale, or the ids of what was chosen. `row` is of a matrix."""

    question_id: str
    score: int | None = None
    chosen: tuple[str, ...] = ()
    row: str | None = None


def nobody(response_id: UUID) -> UUID:
    """The subject of a response that is no person's: a key of it alone."""
    return derived_id("response", str(response_id))


class SurveyPublished(EventData, type="tam.surveys.survey_published.v1", topic=SURVEYS):
    """A version of a survey can be answered from now on. Subject is `survey_id`.

    `touchpoint` and `stage` say which experience it asks about. `purpose`: what customers say, what staff thinks that
    customers would say, or why somebody became a customer.
    """

    survey_id: UUID
    version: int
    purpose: Purpose
    questions: tuple[AskedQuestion, ...]
    touchpoint: str | None = None
    stage: str | None = None
    is_anonymous: bool = False


class _Asked(EventData, type="tam.surveys.invitation.v1", topic=SURVEYS):
    invitation_id: UUID
    survey_id: UUID
    version: int
    channel: str
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None


class SurveyInvited(_Asked, type="tam.surveys.survey_invited.v1", topic=SURVEYS):
    """Somebody was asked. `weight` is one over the share that was sampled; `wave` counts a survey's rounds."""

    weight: float = 1.0
    wave: int = 1
    expires_at: datetime


class SurveyDelivered(_Asked, type="tam.surveys.survey_delivered.v1", topic=SURVEYS):
    """The invitation reached its channel: the mail server took it, the widget showed it."""


class SurveyExpired(_Asked, type="tam.surveys.survey_expired.v1", topic=SURVEYS):
    """Nobody answered in time; what was answered in part stays."""


class SurveyAnswered(EventData, type="tam.surveys.survey_answered.v1", topic=SURVEYS):
    """What a response says now; of a `response_id` the highest `revision` holds. The time is when it was answered.

    `state`: `partial` was begun and not finished, `complete` was, `withdrawn` counts no more (erased, or found to be a
    machine's). `verification`: `confirmed` by an act of a person, `inferred` from a click that nothing spoke against.
    `score` is that of the question that the survey is about, of the kind `metric`. Of whoever answered without being
    known, as of an anonymous answer, the subject is `nobody(response_id)`. `is_imported`: it was said long ago and
    brought from another system: figures count it at its time, nobody is called or rewarded for it now.
    """

    response_id: UUID
    revision: int
    survey_id: UUID
    version: int
    state: Literal["partial", "complete", "withdrawn"]
    verification: Literal["confirmed", "inferred"] = "confirmed"
    scores: tuple[AnsweredScore, ...] = ()
    invitation_id: UUID | None = None
    channel: str
    locale: str
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None
    weight: float = 1.0
    is_anonymous: bool = False
    metric: QuestionKind | None = None
    score: int | None = None
    is_imported: bool = False


class _Case(EventData, type="tam.surveys.case.v1", topic=SURVEYS):
    case_id: UUID
    version: int


class CaseOpened(_Case, type="tam.surveys.case_opened.v1", topic=SURVEYS):
    """Somebody is unhappy, and `owner` answers for it. Of a `case_id` the highest `version` is what holds.

    `rule` is what made it a case: an answer with `score` of `kind`, or somebody of the staff; then it has no response.
    The subject is the raw person key, or the response of an anonymous answer.
    """

    survey_id: UUID | None
    response_id: UUID | None
    owner: str | None
    team: str | None = None
    priority: Literal["low", "normal", "high", "urgent"]
    rule: str
    kind: str | None = None
    score: int | None = None
    touchpoint: str | None = None
    stage: str | None = None
    wants_callback: bool = False
    contact_due_at: datetime
    resolve_due_at: datetime


class CaseChanged(_Case, type="tam.surveys.case_changed.v1", topic=SURVEYS):
    """Status, owner or priority changed; `contacted_at` is when the customer was first spoken to.

    With `merged_into` the case is part of that one, until a later version says that it is not.
    """

    status: Literal["open", "in_progress", "waiting_customer", "resolved", "closed"]
    owner: str | None
    team: str | None = None
    priority: Literal["low", "normal", "high", "urgent"]
    contacted_at: datetime | None = None
    merged_into: UUID | None = None


class CaseEscalated(_Case, type="tam.surveys.case_escalated.v1", topic=SURVEYS):
    """A clock ran out, or the case is old: `owner` is told, or has it now. Once for each step of a case."""

    step: str
    clock: Literal["contact", "resolution", "age"]
    action: Literal["notify", "reassign", "raise"]
    owner: str | None


class CaseClosed(_Case, type="tam.surveys.case_closed.v1", topic=SURVEYS):
    """Done: what came of it and what it was, and of each clock whether it had run out.

    `was_contact_late` is None where nobody spoke to the customer.
    """

    outcome: Literal["solved", "compensated", "explained", "no_answer", "not_justified", "nothing_done"]
    root_cause: str
    was_contact_late: bool | None
    was_resolution_late: bool


class CaseRecovered(_Case, type="tam.surveys.case_recovered.v1", topic=SURVEYS):
    """Asked again after the case was closed: `is_recovered` says whether they are happy now.

    Of a `response_id` the highest `version` holds; `score` None: that answer counts no more.
    """

    response_id: UUID
    score: int | None
    is_recovered: bool


class MirrorWaveClosed(EventData, type="tam.surveys.mirror_wave_closed.v1", topic=SURVEYS):
    """Staff has said what it thinks customers say of `period_from` to `period_to` (both included, local days).

    Subject is `wave_id`; the time is when it closed; its answers went before it. `bias` says why what staff thinks may
    have been coloured by what customers said: nothing, where the wave was over before their results counted as
    visible, at `results_visible_from`. `questions` are those that were asked, with their scales. Of `answered` answers
    `withheld` are never told, for their roles had too few; `shared` came over a link that several people could use.
    """

    wave_id: UUID
    survey_id: UUID
    version: int
    touchpoint: str | None = None
    stage: str | None = None
    period_from: date
    period_to: date
    opened_at: datetime
    results_visible_from: datetime
    is_unbiased: bool
    bias: tuple[Literal["opened_late", "closed_late"], ...] = ()
    questions: tuple[AskedQuestion, ...]
    answered: int
    withheld: int
    shared: int = 0


class MirrorAnswered(EventData, type="tam.surveys.mirror_answered.v1", topic=SURVEYS):
    """What somebody of the staff thinks that customers say; nobody knows who. Told when the wave has closed.

    Subject is `wave_id`, and the time is that of its closing: neither when nor in what order staff answered is told.
    At least five of each `role` answered. `predicted_nps` (−100 to 100) is what they think that customers' NPS is.
    """

    wave_id: UUID
    answer_id: UUID
    survey_id: UUID
    role: str
    scores: tuple[AnsweredScore, ...] = ()
    predicted_nps: int | None = None


# A room that sends an event adds it here.
PUBLISHES: tuple[type[EventData], ...] = (
    SurveyPublished,
    SurveyInvited,
    SurveyDelivered,
    SurveyExpired,
    SurveyAnswered,
    CaseOpened,
    CaseChanged,
    CaseEscalated,
    CaseClosed,
    CaseRecovered,
    MirrorWaveClosed,
    MirrorAnswered,
)
