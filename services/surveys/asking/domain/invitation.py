"""An invitation: somebody was asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Channel = Literal["email", "link", "widget", "api"]


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody, under the raw person key `person`, was asked a version of a survey in a language.

    `weight` is one over the share that was sampled; `wave` counts the rounds of a survey. Touchpoint, stage, staff and
    order are those of the experience it asks about. Of an anonymous survey `answered_at` is never kept.
    """

    id: UUID
    survey_id: UUID
    version: int
    person: UUID
    channel: Channel
    locale: str
    weight: float
    wave: int
    touchpoint: str | None
    stage: str | None
    staff_id: str | None
    order_id: str | None
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None = None
    answered_at: datetime | None = None
    is_anonymous: bool = False
    expired_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether it may still be answered for the first time."""
        return self.expired_at is None and at < self.expires_at
