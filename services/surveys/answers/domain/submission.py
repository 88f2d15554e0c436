"""What comes in, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

# As stored; a response that is not complete in time is shown as `expired`.
State = Literal["started", "partial", "complete", "withdrawn"]
Shown = Literal["started", "partial", "complete", "expired", "withdrawn"]
Verification = Literal["confirmed", "inferred"]


@dataclass(frozen=True, slots=True)
class Submission:
    """Answers as they come from a page, the widget or the API.

    A `response_id` names what is changed. With an `invitation_id` its survey, version, person and place hold, and what
    stands here of them is not looked at. Without both, `survey_id` is needed; `version` None is the current one,
    `person` is a raw person key or nobody, and `reference` is by what whoever brings it knows the response: the same
    again is the same response.
    `answers` is what the definition reads, by question id. `is_final`: whoever answers is done; if not, what is there
    is kept as a part; what an earlier part said and this one does not mention stays. An anonymous survey takes whole
    answers only. `at` is now; `answered_at` is when it was said, where that is longer ago. `is_imported`: another
    system took it; it takes no place of a quota, opens no case and is closed.
    """

    answers: Mapping[str, Any]
    at: datetime
    channel: str
    locale: str | None = None
    is_final: bool = True
    verification: Verification = "confirmed"
    response_id: UUID | None = None
    invitation_id: UUID | None = None
    survey_id: UUID | None = None
    version: int | None = None
    person: UUID | None = None
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None
    reference: str | None = None
    answered_at: datetime | None = None
    is_imported: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a submission.

    `response_id` is None of an anonymous answer: nobody is told under which id it will stand. `is_new`: something was
    stored that was not there before. Until `editable_until` the same invitation may say something else.
    """

    response_id: UUID | None
    revision: int
    state: State
    is_new: bool
    editable_until: datetime | None
