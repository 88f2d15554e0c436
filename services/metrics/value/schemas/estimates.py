"""One figure on the wire: between what it probably lies, how that was measured, or why it cannot be said."""

import math
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, Field

from services.metrics.domain.intervals import wilson
from services.metrics.schemas import Explained
from services.metrics.value.domain.answers import Valued
from services.metrics.value.domain.coverage import Coverage
from services.metrics.value.domain.fitted import MIN_CUSTOMERS, MIN_DAYS, MIN_REPEATERS, Fitted, Reason
from shared.money import EXPONENTS, to_decimal_string

TOTAL_LEVEL = 0.95
SENTENCES: dict[Reason, str] = {
    "no_fit_yet": "No model was fitted yet; one is within minutes, once there are purchases enough.",
    "no_purchase_yet": "Nothing was bought up to that day, or all of it was cancelled or given back.",
    "too_few_customers": f"Fewer than {MIN_CUSTOMERS} customers: what little there is would be drawn from noise.",
    "too_few_repeaters": f"Fewer than {MIN_REPEATERS} customers bought again.",
    "too_short_history": f"The first purchase is less than {MIN_DAYS} days ago, or too little came before for a trial.",
    "several_currencies": "Purchases in several currencies are never added, and no rate is known.",
    "buying_not_identified": "No model of buying has one best fit here; customers may all be alike.",
    "spending_not_identified": "What is spent varies too little, or so wildly that its mean is nothing to go by.",
    "one_customer_dominates": "One customer has paid more than all others together: a total or a mean would be theirs.",
    "baseline_not_beaten": "In the back-test no model foretold who buys better than a table of the window before did.",
}


class WhyOut(BaseModel):
    """Why something cannot be said."""

    code: Reason
    detail: str


class CoverageOut(BaseModel):
    """How often intervals of a level held what then came, in the rolling back-test; before they were widened."""

    of: Literal["purchases", "value", "total_purchases"] = Field(
        description="Of single customers: purchases, or their value; or purchases of all together."
    )
    level: float
    horizon_days: int
    cases: int = Field(description="Customers in all rounds, or rounds.")
    inside: int
    share: float | None = Field(description="null: there was no case.")
    low: float | None = Field(description="Wilson's 95 % interval of the share, as if cases had nothing in common.")
    high: float | None
    promised: float | None = Field(
        None,
        description="Share that the model itself says to be inside: more than the level, as counts are whole; null: "
        "of totals it says none.",
    )
    is_widened: bool = Field(description="Whether intervals held too little, so that wider ones are served.")
    widening: str = Field(description="By how much, and why.")


class IntervalOut(BaseModel):
    """Between what it probably lies."""

    low: float | str
    high: float | str
    level: float
    method: str
    coverage: CoverageOut | None = None


class EstimateOut(Explained):
    """One figure, which explains itself."""

    value: float | str | None
    unit: Literal["money", "purchases", "customers", "probability"]
    interval: IntervalOut | None = Field(None, description="null: of this figure none was measured.")


def whys(reasons: tuple[Reason, ...]) -> list[WhyOut]:
    """With a sentence each."""
    return [WhyOut(code=each, detail=SENTENCES[each]) for each in reasons]


def plain(definition: str, unit: Literal["purchases", "customers", "probability"], value: float | None) -> EstimateOut:
    """A count or a chance."""
    return EstimateOut(value=value, unit=unit, definition=definition)


def money(definition: str, minor: float | None, currency: str | None) -> EstimateOut:
    """An amount."""
    value = None if minor is None else major(minor, currency)
    return EstimateOut(value=value, unit="money", definition=definition)


def money_of_all(
    definition: str, minor: float | None, currency: str | None, fit: Fitted | None, found: Valued | None
) -> EstimateOut:
    """An amount of several customers, with the interval that the back-test allows."""
    out = money(definition, minor, currency)
    if minor is not None and found is not None and found.spread:
        out.interval = IntervalOut(
            low=major(minor * math.exp(-found.spread), currency),
            high=major(minor * math.exp(found.spread), currency),
            level=TOTAL_LEVEL,
            method="standard errors of the parameters and luck, widened by the worst total of the back-test",
            coverage=of_totals(fit, TOTAL_LEVEL, found),
        )
    return out


def of_totals(fit: Fitted | None, level: float, found: Valued | None = None) -> CoverageOut | None:
    """What intervals of totals held."""
    if fit is None or fit.trial is None or not fit.trial.totals:
        return None
    rounds, inside = len(fit.trial.totals), fit.trial.totals_inside(level)
    factor = None if found is None or not found.own else found.spread / found.own
    how = f"to where the worst round's total was, {100 * math.expm1(fit.miss):.1f} % off"
    return _coverage("total_purchases", level, fit.trial.horizon_days, rounds, inside, is_widened=True).model_copy(
        update={"widening": how if factor is None else f"{factor:.2f} times, {how}"}
    )


def of_customers(each: Coverage, horizon_days: int) -> CoverageOut:
    """What intervals of single customers held."""
    is_widened = each.drawn_at > each.level
    out = _coverage(each.figure, each.level, horizon_days, each.cases, each.inside, is_widened=is_widened)
    out.promised = each.promised
    if is_widened:
        out.widening = f"drawn at {each.drawn_at}, the level at which {each.level} of all cases were inside"
    return out


def _coverage(
    of: Literal["purchases", "value", "total_purchases"],
    level: float,
    horizon_days: int,
    cases: int,
    inside: int,
    *,
    is_widened: bool,
) -> CoverageOut:
    sure = wilson(inside, cases) if cases else None
    return CoverageOut(
        of=of,
        level=level,
        horizon_days=horizon_days,
        cases=cases,
        inside=inside,
        share=inside / cases if cases else None,
        low=None if sure is None else sure.low,
        high=None if sure is None else sure.high,
        is_widened=is_widened,
        widening="none: they held enough",
    )


def major(minor: float | Fraction, currency: str | None) -> str:
    """As a decimal string in major units."""
    whole = round(Fraction(minor))
    return to_decimal_string(whole, currency) if currency in EXPONENTS else str(whole)
