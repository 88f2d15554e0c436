"""Answers: what people are worth together, what one will probably do, and by which fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.metrics.value.domain.fitted import Fitted, Reason
from services.metrics.value.domain.one import Prediction
from services.metrics.value.domain.worth import Question, Worth


class Stored(NamedTuple):
    """A fit as it is kept."""

    id: UUID
    fitted_at: datetime
    fit: Fitted


class Valued(NamedTuple):
    """What people are worth together, and half the width of its 95 % interval: own, and widened (`Fitted.spread`)."""

    worth: Worth
    own: float
    spread: float

    def ends(self) -> tuple[float, float]:
        """Between what the value of all lies with 95 %, in minor units."""
        value = self.worth.value_minor
        return value * math.exp(-self.spread), value * math.exp(self.spread)


@dataclass(frozen=True, slots=True)
class Total:
    """What the customers of a currency are worth, all or those of a segment.

    `found` None: it cannot be said, for these `reasons`.
    """

    asked: Question
    as_of: date
    segment: UUID | None
    currency: str | None
    customers: int
    in_several_currencies: int
    staleness_seconds: float | None
    stored: Stored | None
    reasons: tuple[Reason, ...]
    found: Valued | None


@dataclass(frozen=True, slots=True)
class One:
    """What one customer will probably do; `found` None: it cannot be said, for these `reasons`."""

    asked: Question
    as_of: date
    currency: str | None
    customer: UUID
    keys: Sequence[UUID]
    staleness_seconds: float | None
    stored: Stored | None
    reasons: tuple[Reason, ...]
    found: Prediction | None
