"""Figures that the clock computes for the card, because to read them costs more than a page may."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from services.metrics.domain.intervals import Comparison, Interval, compare_shares
from services.metrics.scorecard.domain.card import Reason
from services.metrics.scorecard.domain.drafts import Draft, Maker

# Of a figure as of a day, one that was computed up to so many days before it will do.
LATEST_DAYS = 3


@dataclass(frozen=True, slots=True)
class KeptFigure:
    """What was computed. `value` None: it cannot be said, for `reason`. Counts only of a share of people."""

    name: str
    value: float | str | None
    reason: Reason | None
    interval: Interval | None
    numerator: int | str | None
    denominator: int | None
    currency: str | None
    computed_at: datetime
    parameters: dict[str, int | str]

    def document(self) -> dict[str, Any]:
        """As it is stored."""
        found = self.interval
        return {
            "name": self.name,
            "value": self.value,
            "reason": self.reason,
            "interval": None if found is None else [found.low, found.high, found.level, found.method],
            "numerator": self.numerator,
            "denominator": self.denominator,
            "currency": self.currency,
            "computed_at": self.computed_at.isoformat(),
            "parameters": self.parameters,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> "KeptFigure":
        """The inverse of `document`."""
        interval = document["interval"]
        return cls(
            document["name"],
            document["value"],
            document["reason"],
            None if interval is None else Interval(*interval),
            document["numerator"],
            document["denominator"],
            document["currency"],
            datetime.fromisoformat(document["computed_at"]),
            document["parameters"],
        )


def kept_draft(name: str, make: Maker, now: KeptFigure | None, before: KeptFigure | None) -> Draft:
    """A line of what was kept; without it, it was not computed yet."""
    if now is None:
        return Draft(make.figure(name, None, make.as_of), None, reason="not_computed_yet")
    pair = [
        None
        if each is None
        else make.figure(
            each.name,
            each.value,
            day,
            numerator=each.numerator,
            denominator=each.denominator,
            interval=each.interval,
            currency=each.currency,
            parameters={**each.parameters, "computed_at": each.computed_at.isoformat()},
        )
        for each, day in ((now, make.as_of), (before, make.as_of_before))
    ]
    figure, other = pair
    if figure is None:
        raise LookupError("what is there is there")
    is_same_money = other is None or other.currency == figure.currency
    return Draft(
        figure,
        other if is_same_money else None,
        _comparison(now, before),
        now.reason,
        ("same_people",) if now.denominator is not None and now.name == "lapse_rate" else (),
    )


def _comparison(now: KeptFigure, before: KeptFigure | None) -> Comparison | None:
    """Of shares of people; of others no test is known."""
    if before is None or not isinstance(now.numerator, int) or not isinstance(before.numerator, int):
        return None
    if now.name != "lapse_rate" or not now.denominator or not before.denominator:
        return None
    return compare_shares(now.numerator, now.denominator, before.numerator, before.denominator)


def band(low: Fraction, high: Fraction) -> Interval:
    """Where the truth lies for certain: at one end nothing of what is not known, at the other all of it."""
    return Interval(float(low), float(high), 1.0, "known_bounds")
