"""What is known of answers and invitations: facts folded by their ids, the same in whatever order they come."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from shared.events.catalogue.surveys import SurveyAnswered, SurveyDelivered, SurveyExpired, SurveyInvited
from shared.events.envelope import Event

AskFact = SurveyInvited | SurveyDelivered | SurveyExpired

# Scores that figures are made of lie on this scale; what is asked on another is none of NPS, CSAT and CES.
HIGHEST_SCORE = 10

State = Literal["partial", "complete", "withdrawn"]


class Places(NamedTuple):
    """Where something belongs, by dimension; empty: nobody said."""

    channel: str
    locale: str
    touchpoint: str
    stage: str
    staff: str


class Answer(NamedTuple):
    """What a response says now. `weight` is in thousandths; `scores` are (question, score)."""

    response_id: UUID
    revision: int
    customer: UUID
    at: datetime
    survey_id: UUID
    version: int
    state: str
    is_inferred: bool
    places: Places
    weight: int
    scores: tuple[tuple[str, int], ...]

    @property
    def kind(self) -> int:
        """Which answers it counts among: 1 if it was inferred from a click, 2 if it is partial, 3 if both."""
        return self.is_inferred + 2 * (self.state == "partial")


class Ask(NamedTuple):
    """What is known of an invitation; it counts once it is known when somebody was invited."""

    invitation_id: UUID
    customer: UUID
    survey_id: UUID
    places: Places
    invited_at: datetime | None
    is_delivered: bool
    is_expired: bool
    revision: int
    state: str

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Invited, delivered, expired, responded, completed."""
        has_responded = self.state in ("partial", "complete")
        # Who answers was reached, whether or not a mail server said so.
        is_delivered = self.is_delivered or has_responded
        return 1, is_delivered, self.is_expired and not has_responded, has_responded, self.state == "complete"


def thousandths(weight: float) -> int:
    """A weight as it is kept: one over the share that was sampled, at least a thousandth, at most a million."""
    return max(1, min(1_000_000_000, round(weight * 1000)))


def answer_of(event: Event[SurveyAnswered]) -> Answer:
    """The answer an event speaks of. One that is withdrawn keeps its id and nothing else that counts."""
    said = event.data
    scores = {
        each.question_id: each.score
        for each in said.scores
        if each.score is not None and each.row is None and 0 <= each.score <= HIGHEST_SCORE
    }
    return Answer(
        said.response_id,
        said.revision,
        event.subject,
        event.time,
        said.survey_id,
        said.version,
        said.state,
        said.verification == "inferred",
        Places(said.channel, said.locale, said.touchpoint or "", said.stage or "", said.staff_id or ""),
        thousandths(said.weight),
        () if said.state == "withdrawn" else tuple(sorted(scores.items())),
    )


def newer(known: Answer | None, found: Answer) -> Answer:
    """Which of two states of one response holds: the highest revision, of one revision the latest."""
    if known is None:
        return found
    return max(known, found, key=lambda each: (each.revision, each.at))


def with_ask(known: Ask | None, event: Event[AskFact]) -> Ask:
    """The invitation with one more fact about itself."""
    fact = event.data
    is_invited = isinstance(fact, SurveyInvited)
    if known is None or is_invited or known.invited_at is None:
        places = Places(fact.channel, "", fact.touchpoint or "", fact.stage or "", fact.staff_id or "")
        # Who was invited is what the invitation says, whatever else came before it.
        customer, survey = event.subject, fact.survey_id
    else:
        customer, survey, places = known.customer, known.survey_id, known.places
    return Ask(
        fact.invitation_id,
        customer,
        survey,
        places,
        event.time if is_invited else None if known is None else known.invited_at,
        isinstance(fact, SurveyDelivered) or (known is not None and known.is_delivered),
        isinstance(fact, SurveyExpired) or (known is not None and known.is_expired),
        -1 if known is None else known.revision,
        "none" if known is None else known.state,
    )


def with_answer(known: Ask | None, invitation_id: UUID, event: Event[SurveyAnswered]) -> Ask:
    """The invitation with what its response says now."""
    said = event.data
    if known is None:
        places = Places(said.channel, "", said.touchpoint or "", said.stage or "", said.staff_id or "")
        known = Ask(invitation_id, event.subject, said.survey_id, places, None, False, False, -1, "none")
    if said.revision < known.revision:
        return known
    return known._replace(revision=said.revision, state=said.state)
