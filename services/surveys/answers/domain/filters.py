"""Which responses somebody wants to see."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.surveys.answers.domain.submission import Shown, Verification


@dataclass(frozen=True, slots=True)
class Filters:
    """All of what is named must hold. `persons` are raw keys; `words` are folded; scores and times: `from` included,
    `until` excluded for times and included for scores.
    """

    survey_id: UUID | None = None
    invitation_id: UUID | None = None
    persons: tuple[UUID, ...] | None = None
    state: Shown | None = None
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None
    score_from: int | None = None
    score_to: int | None = None
    tag: str | None = None
    theme: str | None = None
    language: str | None = None
    locale: str | None = None
    channel: str | None = None
    verification: Verification | None = None
    answered_from: datetime | None = None
    answered_until: datetime | None = None
    words: tuple[str, ...] = ()
