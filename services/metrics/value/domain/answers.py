"""Answers: what people are worth together, what one will probably do, and by which fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import to_date
from services.metrics.value.domain.fitted import Fitted, Reason
from services.metrics.value.domain.one import Prediction
from services.metrics.value.domain.worth import Living, Question, Worth

# What the names of kept answers begin with, and those of what all answers of today, or of a past day, are read from.
NAME, LIVING, PAST = "worth", "living", "lived"


class Stored(NamedTuple):
    """A fit as it is kept."""

    id: UUID
    fitted_at: datetime
    fit: Fitted


def id_of(stored: Stored | None) -> str | None:
    """The id of a fit as it is written with answers; None: there is none."""
    return None if stored is None else str(stored.id)


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


class Asking(NamedTuple):
    """A question of what customers are worth, whatever the day; its name says it all. The currency may be left open."""

    currency: str | None
    segment: UUID | None
    horizon_days: int
    annual_discount: float

    @property
    def name(self) -> str:
        """As it is kept by."""
        return "|".join((NAME, self.currency or "", str(self.segment or ""), *map(repr, self[2:])))

    @property
    def living(self) -> str:
        """What everybody of the currency is kept by, whatever time ahead is asked for."""
        return f"{LIVING}|{self.currency or ''}"

    @staticmethod
    def of_past(currency: str | None) -> str:
        """The same of everybody as of a past day."""
        return f"{PAST}|{currency or ''}"

    @classmethod
    def named(cls, name: str) -> "Asking | None":
        """The inverse of `name`; None: it is the name of something else."""
        kind, _, rest = name.partition("|")
        if kind != NAME:
            return None
        currency, segment, horizon, discount = rest.split("|")
        return cls(currency or None, UUID(segment) if segment else None, int(horizon), float(discount))


class Counted(NamedTuple):
    """What was found, as it is kept: by which fit, of whom, and what they are worth, or why that cannot be said.

    With `living` it is of everybody: what they are worth within any time is read from that.
    """

    currency: str | None
    customers: int
    in_several_currencies: int
    fit_id: str | None
    reasons: tuple[Reason, ...]
    found: Valued | None
    living: Living | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Counted":
        """As it was kept; the inverse of `document`."""
        found, living = document["found"], document["living"]
        return cls(
            **{
                **document,
                "reasons": tuple(document["reasons"]),
                "found": None if found is None else Valued(Worth(*found[0]), *found[1:]),
                "living": None if living is None else Living.read(living),
            }
        )

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        found = None if self.found is None else [list(self.found.worth), self.found.own, self.found.spread]
        return {**self._asdict(), "found": found, "living": None if self.living is None else self.living.document()}

    def total(self, asked: Question, segment: UUID | None, stored: Stored | None, staleness: float | None) -> Total:
        """The answer, by the fit that it was found by."""
        return Total(
            asked,
            to_date(asked.day),
            segment,
            self.currency,
            self.customers,
            self.in_several_currencies,
            staleness,
            stored,
            self.reasons,
            self.found,
        )


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
