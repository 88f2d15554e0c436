"""Wire models of responses, as they come in and as they are shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.surveys.answers.domain.response import Response
from services.surveys.answers.domain.submission import Shown, State, Taken, Verification
from services.surveys.answers.repository.responses import Revision
from shared.http.schemas import ExternalId, Instant, Strict

Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}$")]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Answers = Annotated[
    dict[str, Any],
    Field(
        max_length=200,
        description='By the id of the question: `{"score": 9}`, `{"chosen": ["late"]}`, '
        '`{"text": "…"}` or `{"rows": {"speed": {"score": 4}}}`; null takes an answer back.',
        examples=[{"nps": {"score": 9}, "comment": {"text": "Giao hàng rất nhanh"}}],
    ),
]
_OF_THE_INVITATION = ("survey_id", "version", "customer", "reference", "touchpoint", "stage", "staff_id", "answered_at")


class ResponseIn(Strict):
    """An answer brought by a kiosk, a call centre, an app or an import."""

    invitation_id: UUID | None = Field(None, description="What was sent to the customer; else name the survey.")
    survey_id: UUID | None = None
    version: int | None = Field(None, ge=1, lt=2**31, description="The version that was asked; none: the current one.")
    customer: str | None = Field(
        None,
        max_length=300,
        description="Who answered: a customer id, `user_id:…` or `anonymous_id:…`; none: nobody knows.",
    )
    reference: ExternalId | None = Field(
        None, description="By what you know this response. The same again is the same response, not another one."
    )
    answers: Answers
    is_final: bool = Field(True, description="Whoever answers is done; if not, what is there is kept as a part.")
    channel: Channel = "api"
    locale: Locale | None = None
    touchpoint: ExternalId | None = None
    stage: ExternalId | None = None
    staff_id: ExternalId | None = None
    answered_at: Instant | None = Field(None, description="When it was said, if that is longer ago.")

    @model_validator(mode="after")
    def _is_of_one(self) -> "ResponseIn":
        if self.invitation_id is not None and any(getattr(self, name) is not None for name in _OF_THE_INVITATION):
            raise PydanticCustomError("of_the_invitation", "An invitation says itself whose it is, and about what")
        return self


class ChangeIn(Strict):
    """What else was said, or said otherwise; what is not mentioned stays."""

    answers: Answers
    is_final: bool = True
    locale: Locale | None = None


class WithdrawIn(Strict):
    """Why a response counts no more."""

    reason: str = Field(min_length=1, max_length=500)


class TakenOut(BaseModel):
    """What became of an answer."""

    id: UUID | None = Field(description="Of the response; null of an anonymous answer, which nobody can find again.")
    revision: int
    state: State
    editable_until: datetime | None = Field(description="Until when it may be changed; null: it may not.")

    @classmethod
    def of(cls, taken: Taken) -> "TakenOut":
        """The wire form."""
        return cls(
            id=taken.response_id, revision=taken.revision, state=taken.state, editable_until=taken.editable_until
        )


class RevisionOut(BaseModel):
    """What a response said before."""

    revision: int
    state: State
    answers: dict[str, Any]
    verification: Verification
    changed_at: datetime


class ResponseOut(BaseModel):
    """A response as it stands. Texts are texts: whatever stands in them is no HTML."""

    id: UUID
    survey_id: UUID
    version: int
    invitation_id: UUID | None
    reference: str | None
    customer_id: UUID | None = Field(description="The raw key of who answered; null: nobody knows.")
    is_anonymous: bool
    is_imported: bool = Field(description="Another system took it, and it was brought here later.")
    state: Shown
    revision: int
    answers: dict[str, Any]
    score: int | None = Field(description="Of the question that the survey is for.")
    channel: str
    locale: str
    verification: Verification
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    answered_at: datetime = Field(description="Of an anonymous one the start of the day on which it was counted.")
    changed_at: datetime
    editable_until: datetime
    language: str | None = Field(description="Of what was written, where it can be told.")
    themes: list[str]
    tags: list[str]
    withdrawn_reason: str | None

    @classmethod
    def of(cls, response: Response, tags: Sequence[str], now: datetime) -> "ResponseOut":
        """The wire form."""
        return cls.model_construct(**values_of(response, tags, now))


class WholeResponseOut(ResponseOut):
    """A response, and what it said before."""

    revisions: list[RevisionOut]

    @classmethod
    def whole(
        cls, response: Response, tags: Sequence[str], now: datetime, before: Sequence[Revision]
    ) -> "WholeResponseOut":
        """The wire form."""
        kept = [
            RevisionOut(
                revision=each.revision,
                state=each.state,
                answers=each.answers,
                verification=each.verification,
                changed_at=each.changed_at,
            )
            for each in before
        ]
        return cls.model_construct(**values_of(response, tags, now), revisions=kept)


def values_of(response: Response, tags: Sequence[str], now: datetime) -> dict[str, Any]:
    """What is shown of a response, by name."""
    return {
        "id": response.id,
        "survey_id": response.survey_id,
        "version": response.version,
        "invitation_id": response.invitation_id,
        "reference": response.reference,
        "customer_id": response.person,
        "is_anonymous": response.is_anonymous,
        "is_imported": response.is_imported,
        "state": response.shown(now),
        "revision": response.revision,
        "answers": dict(response.answers),
        "score": response.score,
        "channel": response.channel,
        "locale": response.locale,
        "verification": response.verification,
        "touchpoint": response.touchpoint,
        "stage": response.stage,
        "staff_id": response.staff_id,
        "answered_at": response.answered_at,
        "changed_at": response.changed_at,
        "editable_until": response.open_until,
        "language": response.language,
        "themes": list(response.themes),
        "tags": list(tags),
        "withdrawn_reason": response.withdrawn_reason,
    }
