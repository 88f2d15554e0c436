"""An achievement as people write it: what counts, how much of it, in which time, and what it brings.

* **Count**: so many facts. **Distinct**: facts with so many different categories, products, SKUs, names or local
  days. **Spend**: so much money, net of what went back. **Streak**: so many local days, weeks (from Monday) or months
  in a row, each with `at_least` facts.
* **Period**: everything is counted once (`ever`), or anew in every local day, week, month, quarter or year.
* **Times**: how often it can be reached in a period: the second time takes as much again. A streak that breaks begins
  anew; of one that lasts each further `target` counts again.
* **Who**: only what people do while they are in a segment, or hold a level.
* **Time** is that of the fact; a day is one of the zone of `program`. What happens while the programme is paused does
  not count, and while it is, nothing is given: what is due is given when it goes on.
* What went back as a whole, or was cancelled, never counted: what was reached by it falls, and so does its reward.
"""

from collections.abc import Collection, Iterator
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from services.loyalty.earning.domain.facts import ORDER, Trigger
from services.loyalty.earning.domain.rule import (
    Currency,
    Key,
    Minor,
    OnOrder,
    OnReferral,
    OnSurvey,
    OnTouchpoint,
    Part,
    Points,
    Segments,
    Tiers,
    Words,
)
from services.loyalty.programs.domain.terms import DEFAULT_WALLET, MAIN, Label, Name
from shared.money import EXPONENTS, MAX_MINOR

Period = Literal["ever", "day", "week", "month", "quarter", "year"]
State = Literal["draft", "active", "archived"]
Step = Literal["day", "week", "month"]
Target = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
MAX_TIMES = 1_000

Source = Annotated[OnOrder | OnTouchpoint | OnSurvey | OnReferral, Field(discriminator="on")]


class Count(Part):
    """So many facts."""

    kind: Literal["count"]
    target: Target


class Distinct(Part):
    """Facts with so many different values; an order with three categories has three."""

    kind: Literal["distinct"]
    of: Literal["category", "product", "sku", "name", "day"]
    target: Target


class Spend(Part):
    """So much money in a currency, in minor units, for orders, net of what went back."""

    kind: Literal["spend"]
    currency: Currency
    target: Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]


class Streak(Part):
    """So many periods in a row, each with `at_least` facts."""

    kind: Literal["streak"]
    every: Step
    target: Annotated[int, Field(strict=True, ge=2, le=1_000)]
    at_least: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 1


Goal = Annotated[Count | Distinct | Spend | Streak, Field(discriminator="kind")]


class Filter(Part):
    """Which orders count: of at least so much (net), with a line of one of these, from one of these sources."""

    minimum_minor: Minor = 0
    currency: Currency | None = None
    categories: Words = ()
    products: Words = ()
    sources: Words = ()


class Who(Part):
    """Whose facts count: those of who is in a segment, or holds a level, when they happen; the fact that lifts somebody
    into a level comes before it."""

    segments: Segments | None = None
    tiers: Tiers | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Who":
        if self.segments is None and self.tiers is None:
            raise ValueError("name segments or tiers, or leave it out")
        for each in (self.segments, self.tiers):
            if each is not None and not (each.any_of or each.none_of):
                raise ValueError("name some in any_of or none_of, or leave it out")
            if each is not None and set(map(str, each.any_of)) & set(map(str, each.none_of)):
                raise ValueError("what is asked for cannot be ruled out too")
        return self

    def takes(self, segments: Collection[UUID], level: str | None) -> bool:
        """Whether it counts what somebody does who is in these segments, and holds this level of its track."""
        asked = (
            (self.segments and self.segments.any_of, self.segments and self.segments.none_of, segments),
            (self.tiers and self.tiers.any_of, self.tiers and self.tiers.none_of, (level,)),
        )
        return all(
            (not some or any(each in some for each in held)) and not any(each in (none or ()) for each in held)
            for some, none, held in asked
        )


class Reward(Part):
    """What reaching it brings besides the badge: points of a wallet, or a voucher of a campaign."""

    points: Points | None = None
    wallet: Name = DEFAULT_WALLET
    campaign: UUID | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Reward":
        if (self.points is None) == (self.campaign is None):
            raise ValueError("a reward is points or a voucher of a campaign: name one of the two")
        return self


class Achievement(Part):
    """What can be reached."""

    labels: Annotated[dict[Annotated[str, Field(pattern=r"^[a-z]{2}$")], Label], Field(max_length=20)] = Field(
        default_factory=dict
    )
    badge: Key | None = None
    program: Name = MAIN
    counts: Source
    only: Filter = Filter()
    who: Who | None = None
    goal: Goal
    period: Period = "ever"
    times: Annotated[int, Field(strict=True, ge=1, le=MAX_TIMES)] = 1
    rewards: Annotated[tuple[Reward, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "Achievement":
        if found := next(self._contradictions(), None):
            raise ValueError(found)
        return self

    def _contradictions(self) -> Iterator[str]:
        is_order = isinstance(self.counts, OnOrder)
        if self.only != Filter() and not is_order:
            yield "only orders can be filtered"
        if self.only.minimum_minor and self.only.currency is None:
            yield "a minimum needs its currency"
        if isinstance(self.goal, Spend) and not is_order:
            yield "only orders have money to count"
        if isinstance(self.goal, Distinct) and self.goal.of in ("category", "product", "sku") and not is_order:
            yield f"only orders have a {self.goal.of}"
        if isinstance(self.goal, Streak) and self.period != "ever":
            yield "a streak runs over periods: its own period is ever"
        for currency in (self.only.currency, getattr(self.goal, "currency", None)):
            if currency is not None and currency not in EXPONENTS:
                yield f"{currency} is not an ISO 4217 code such as VND"

    @property
    def trigger(self) -> Trigger:
        """The kind and name of the facts that count."""
        match self.counts:
            case OnOrder():
                return ORDER
            case OnTouchpoint(name=name):
                return "touchpoint", name
            case OnReferral(role=role):
                return "referral", role
            case OnSurvey(survey=survey):
                return "survey", survey or "*"
