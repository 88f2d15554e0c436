"""A tier track as people write it: what is measured over which time, its levels, and how a level is kept and lost.

* **Up at once**: the fact that reaches a threshold lifts, from that moment.
* **Kept** until the end of the period it was reached in (`holds: period`), or of the next (`next_period`). A calendar
  period is a local year, one of an anniversary begins with the day the person was first seen. A rolling period is over
  when what is left of the last months no longer reaches the threshold; `next_period` gives as many months more.
* **Reviewed** when its time is over and the days of grace have passed; what came in them still counts. Then the level
  is the one that is qualified for, or one lower than before, or stays for ever, as `downgrade` says.
* What went back, or was cancelled, never counted: a correction of facts takes effect at once.
* **A balance** goes down as well as up, and has no period: `window` is `current`. It lifts at once; when it no longer
  reaches the level, the level is kept for the days of grace, local days after the one on which it fell, and for good
  if it recovers in them. Then `downgrade` applies; `one_down` goes on so, a level each time the grace is over.
* **Another version** of a track lifts those who qualify now at once; it lowers nobody before their time is over
  (`on_change: keep`), unless it says `apply`.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.money import EXPONENTS

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class Part(BaseModel):
    """A part of a track: frozen, and no other field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ByPoints(Part):
    """Points earned under rules that count for tiers, when they were earned; what is granted by hand is not."""

    by: Literal["points"]
    wallet: Key = "points"


class BySpend(Part):
    """What was paid for orders in a currency, net of refunds, in minor units."""

    by: Literal["spend"]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]

    @model_validator(mode="after")
    def _is_currency(self) -> "BySpend":
        if self.currency not in EXPONENTS:
            raise ValueError("it is not an ISO 4217 code such as VND")
        return self


class ByOrders(Part):
    """Orders that were not cancelled and did not go back as a whole."""

    by: Literal["orders"]


class ByMetric(Part):
    """A figure of your own: how often a touchpoint happened, or what a number among its properties adds up to.

    `decimals`: so many of a number count, as whole units: 12.5 km with one decimal are 125. Each is rounded by itself,
    half to even. What is no number, or below zero, counts for nothing. It counts from when the track is made: of
    touchpoints nobody asked for, nothing is kept.
    """

    by: Literal["metric"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    property: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    decimals: Annotated[int, Field(strict=True, ge=0, le=6)] = 0


class ByBalance(Part):
    """Points that a person can spend at the moment (what is owed is taken off), wherever they came from; pending and
    held ones do not count. By the ledger, so it can be worked out for any date. No earning rule can ask for such a
    track: what the rule gives would change it."""

    by: Literal["balance"]
    wallet: Key = "points"


Measure = ByPoints | BySpend | ByOrders | ByMetric | ByBalance


class Calendar(Part):
    """The local year."""

    kind: Literal["calendar_year"]


class Rolling(Part):
    """The last so many months, by local days."""

    kind: Literal["rolling"]
    months: Annotated[int, Field(strict=True, ge=1, le=60)]


class Anniversary(Part):
    """The year that begins with the day the person was first seen."""

    kind: Literal["anniversary"]


class Lifetime(Part):
    """All of it; a level is never lost by time."""

    kind: Literal["lifetime"]


class Current(Part):
    """What is there at the moment: for balances, and for them alone."""

    kind: Literal["current"]


class Benefits(Part):
    """What a level gives: `multiplier` is there for earning rules, `words` for people, the rest for your own use."""

    multiplier: Annotated[Decimal, Field(ge=1, le=100, max_digits=6, decimal_places=3)] | None = None
    entitlements: Annotated[tuple[Key, ...], Field(max_length=50)] = ()


class Level(Part):
    """A level, reached with `threshold` of what is measured. `keeps`: who holds it is never lowered from it."""

    key: Key
    labels: Annotated[dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")], Label], Field(max_length=20)] = (
        Field(default_factory=dict)
    )
    threshold: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    keeps: Annotated[bool, Field(strict=True)] = False
    benefits: Benefits = Benefits()


class Track(Part):
    """A track, whole: its levels from the lowest up. Its days are those of its programme."""

    program: Key = "main"
    measure: Annotated[Measure, Field(discriminator="by")]
    window: Annotated[Calendar | Rolling | Anniversary | Lifetime | Current, Field(discriminator="kind")]
    holds: Literal["period", "next_period"] = "next_period"
    downgrade: Literal["to_qualified", "one_down", "never"] = "to_qualified"
    grace_days: Annotated[int, Field(strict=True, ge=0, le=366)] = 0
    on_change: Literal["keep", "apply"] = "keep"
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _is_a_ladder(self) -> "Track":
        keys = [level.key for level in self.levels]
        if len(set(keys)) < len(keys):
            raise ValueError("two levels have the same key; each needs its own")
        thresholds = [level.threshold for level in self.levels]
        if any(upper <= lower for lower, upper in pairwise(thresholds)):
            raise ValueError("each threshold must be above the one before; order the levels from the lowest up")
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> "Track":
        if isinstance(self.measure, ByBalance) != isinstance(self.window, Current):
            raise ValueError("a balance is measured in the window `current`, and nothing else is")
        if not isinstance(self.measure, ByBalance):
            return self
        if self.holds != "next_period":
            raise ValueError("a balance has no period to hold a level for; leave `holds` out, and say `grace_days`")
        if self.downgrade == "one_down" and not self.grace_days:
            raise ValueError(
                "with `one_down` a balance needs `grace_days`: how long each level is kept on the way down"
            )
        return self

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """What each level takes, from the lowest up."""
        return tuple(level.threshold for level in self.levels)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each level stands, from 0."""
        return {level.key: place for place, level in enumerate(self.levels)}

    def place(self, key: str | None) -> int | None:
        """Where a level stands, from 0; None: it has none of that key."""
        return None if key is None else self.places.get(key)
