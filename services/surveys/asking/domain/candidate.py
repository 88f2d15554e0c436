"""A candidate: somebody who is proposed to be asked, and what was decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Cause = Literal["trigger", "rolling", "wave", "manual", "reminder"]

Reason = Literal[
    "asked",
    "survey_not_active",
    "policy_paused",
    "expired",
    "cancelled",
    "answered",
    "not_in_segment",
    "in_excluded_segment",
    "restricted",
    "no_consent",
    "not_sampled",
    "open_case",
    "over_frequency",
    "over_budget",
    "lower_priority",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody, under a raw person key, is proposed to be asked; until it is decided, `reason` is None.

    `source_id` is the fact it came from; `cause_id` the trigger or schedule. A reminder (`number` over 0) belongs to
    `invitation_id`, which a first asking gets when it is asked. `zone` is the person's, where somebody said it.
    `detail` says more about the reason: the rule of the budget that would have been broken, and the like.
    """

    id: UUID
    survey_id: UUID
    person: UUID
    cause: Cause
    cause_id: str
    wave: int
    happened_at: datetime
    due_at: datetime
    stale_at: datetime
    source_id: UUID | None = None
    order_id: str | None = None
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None
    locale: str | None = None
    zone: str | None = None
    channel: str | None = None
    skips_sampling: bool = False
    number: int = 0
    invitation_id: UUID | None = None
    reason: Reason | None = None
    detail: str | None = None
    decided_at: datetime | None = None
    policy_version: int | None = None
