"""An earning rule as people write it: JSON, documented field by field.

What holds between rules is said here and nowhere hidden:

* **Adding up.** All rules that match a fact add up, except that of the rules of one `group` only the one with the
  highest `priority` counts; two of one group never have the same.
* **Multipliers** add to what the other rules give for the same fact in the same wallet: two of factor 2 and 3 make it
  1 + (2 - 1) + (3 - 1) = 4 times as much. Base and extra are rounded once, together.
* **Time** is that of the fact: it decides which version of a rule holds, in which segments and tiers the person was,
  and from when points count and expire. The order that lifts somebody into a tier is earned under the tier before it.
* **Money** is what did not go back: conditions and effects see an order net of refunds; a cancelled one earns nothing.
"""

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from shared.money import MAX_MINOR

MAX_POINTS = 10**9
MAX_CHOICES = 200
MAX_BRANCHES = 10

Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Points = Annotated[int, Field(strict=True, ge=1, le=MAX_POINTS)]
Minor = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_CHOICES)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Flag = Annotated[bool, Field(strict=True)]


def _written(value: object) -> object:
    # Pydantic alone would take 0 for the first day of 1970, and for midnight.
    if isinstance(value, str | date | time):
        return value
    raise ValueError("it must be a text such as 2026-03-08 or 09:00")


Day = Annotated[date, BeforeValidator(_written)]
LocalTime = Annotated[time, BeforeValidator(_written)]
Rounding = Literal["floor", "half_even", "half_up", "ceil"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Part(BaseModel):
    """A part of a rule: frozen, and no other field."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OnOrder(Part):
    """An order was placed."""

    on: Literal["order"]


class OnTouchpoint(Part):
    """A touchpoint of this name happened, such as `Product Reviewed`."""

    on: Literal["touchpoint"]
    name: Word


class OnReferral(Part):
    """A referral was completed; the advocate brought the friend."""

    on: Literal["referral"]
    role: Literal["advocate", "friend"]


class OnBirthday(Part):
    """It is somebody's birthday; once in a local year, however often it is said."""

    on: Literal["birthday"]


class OnSurvey(Part):
    """A survey was answered in full by somebody who is known; this one (its id), or any."""

    on: Literal["survey"]
    survey: Word | None = None


class OnSegment(Part):
    """Somebody entered this segment. `again`: how often those are given something who leave it and come back: `never`
    more than once, once in a local `day`, `week`, `month` or `year`, or `always`.

    Who is in a segment already when the rule begins did not enter it; and two who turn out to be one person enter when
    the first of them does.
    """

    on: Literal["segment_entered"]
    segment: UUID
    again: Literal["never", "day", "week", "month", "year", "always"] = "never"


Trigger = Annotated[OnOrder | OnTouchpoint | OnReferral | OnBirthday | OnSurvey | OnSegment, Field(discriminator="on")]


class Segments(Part):
    """In one of these segments (`any_of`; none given: wherever), and in none of those, at the time of the fact."""

    any_of: Annotated[tuple[UUID, ...], Field(max_length=MAX_CHOICES)] = ()
    none_of: Annotated[tuple[UUID, ...], Field(max_length=MAX_CHOICES)] = ()


class Tiers(Part):
    """Holding one of these levels of a track, and none of those, before the fact."""

    track: Key
    any_of: Annotated[tuple[Key, ...], Field(max_length=MAX_CHOICES)] = ()
    none_of: Annotated[tuple[Key, ...], Field(max_length=MAX_CHOICES)] = ()


class Lines(Part):
    """The lines of an order that count: in one of the named categories or of a named product or SKU, and not excepted.

    An order without lines, or without such lines, does not match.
    """

    categories: Words = ()
    products: Words = ()
    skus: Words = ()
    except_categories: Words = ()
    except_products: Words = ()
    except_skus: Words = ()


class Amount(Part):
    """What was paid for the counting lines (without such: for the goods), net, in minor units of a currency."""

    currency: Currency
    at_least_minor: Minor | None = None
    at_most_minor: Minor | None = None


class OrderNumber(Part):
    """Which of the person's orders it is, cancelled ones not counted: the first is 1. `every` 5: the 5th, 10th, …"""

    at_least: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    at_most: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    every: Annotated[int, Field(strict=True, ge=2, le=1_000_000)] | None = None


class Hours(Part):
    """A window of local time, its end not included; one that ends before it begins reaches over midnight."""

    from_: Annotated[LocalTime, Field(alias="from")]
    until: LocalTime

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Dates(Part):
    """Local days, both included."""

    from_: Annotated[Day, Field(alias="from")]
    until: Day

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Conditions(Part):
    """What must hold, all of it; what is not named does not matter. Local times are those of the programme's zone.

    Of `any_of` at least one must hold as a whole, of `none_of` not one. In these `lines` asks whether the order has
    such lines, and says nothing of what counts; an `amount` beside it is theirs, else that of the goods.
    """

    segments: Segments | None = None
    tiers: Tiers | None = None
    lines: Lines | None = None
    amount: Amount | None = None
    first_order: Flag | None = None
    order_number: OrderNumber | None = None
    sources: Words | None = None
    coupons: Words | None = None
    weekdays: Annotated[tuple[Weekday, ...], Field(max_length=7)] | None = None
    hours: Annotated[tuple[Hours, ...], Field(max_length=20)] | None = None
    dates: Annotated[tuple[Dates, ...], Field(max_length=50)] | None = None
    any_of: Annotated[tuple["Conditions", ...], Field(max_length=MAX_BRANCHES)] | None = None
    none_of: Annotated[tuple["Conditions", ...], Field(max_length=MAX_BRANCHES)] | None = None

    def tree(self, at: str = "/conditions") -> Iterator[tuple[str, "Conditions"]]:
        """These conditions and all that are in them, each with its place in the rule."""
        yield at, self
        for name, branches in (("any_of", self.any_of), ("none_of", self.none_of)):
            for number, branch in enumerate(branches or ()):
                yield from branch.tree(f"{at}/{name}/{number}")


class Fixed(Part):
    """So many points. Of an order they stay until all of it went back, or it no longer meets the conditions."""

    kind: Literal["fixed"]
    points: Points


class PerAmount(Part):
    """So many points for each `per_minor` of what was paid: 1 for 10,000 dong. Rounded once for an order.

    `of` the goods (without shipping and tax; of those lines that count, at what they cost after discounts on the
    whole order), or of the `total`. `rounding`: none given, that of the wallet.
    """

    kind: Literal["per_amount"]
    points: Annotated[Decimal, Field(gt=0, le=MAX_POINTS, max_digits=15, decimal_places=6)] = Decimal(1)
    per_minor: Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]
    currency: Currency
    of: Literal["goods", "total"] = "goods"
    rounding: Rounding | None = None


class PerUnit(Part):
    """So many points for each unit bought of the lines that count; fewer as the order goes back in part."""

    kind: Literal["per_unit"]
    points: Points
    rounding: Rounding | None = None


class Multiplier(Part):
    """As many times what the other rules give; with `lines`, of what they give for these lines."""

    kind: Literal["multiplier"]
    factor: Annotated[Decimal, Field(le=100, max_digits=6, decimal_places=3)]


class TierMultiplier(Part):
    """The multiplier among the benefits of the level that the person holds in a track; without one, none."""

    kind: Literal["tier_multiplier"]
    track: Key


Effect = Annotated[Fixed | PerAmount | PerUnit | Multiplier | TierMultiplier, Field(discriminator="kind")]


class Cap(Part):
    """The most this rule gives a person in a time: points, or times. Periods are local, weeks begin on Monday.

    `truncate` gives what is left of the points, `reject` nothing if it is not all.
    """

    per: Literal["transaction", "day", "week", "month", "year", "lifetime"]
    points: Points | None = None
    times: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    over: Literal["truncate", "reject"] = "truncate"


class Wait(Part):
    """When points begin to count: `days` local days after the fact, or with the local day `on` (what happens later
    counts at once); or when a touchpoint of the name `until` comes that names the order, or then at the latest (neither
    said: never without it)."""

    days: Annotated[int, Field(strict=True, ge=1, le=730)] | None = None
    on: Day | None = None
    until: Word | None = None


class Life(Part):
    """When points end, with the end of a local day: so long after the fact, on a date, or never."""

    days: Annotated[int, Field(strict=True, ge=1, le=3_660)] | None = None
    months: Annotated[int, Field(strict=True, ge=1, le=120)] | None = None
    on: Day | None = None
    never: Flag | None = None


class Rule(Part):
    """A rule, whole. `from`/`until` are the local days of a campaign, both included.

    `late_days`: what we learn of more than so many days after it happened earns nothing under it; none: however late.
    `pending` and `expiry` stand in for those of the wallet. `counts_for_tiers`: whether its points count in tracks
    that go by points.
    """

    trigger: Trigger
    conditions: Conditions = Conditions()
    effect: Effect
    wallet: Key = "points"
    group: Key | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 100
    caps: Annotated[tuple[Cap, ...], Field(max_length=12)] = ()
    from_: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None
    pending: Wait | None = None
    expiry: Life | None = None
    late_days: Annotated[int, Field(strict=True, ge=0, le=3_660)] | None = None
    counts_for_tiers: Flag = True

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def limits(self) -> tuple[Cap, ...]:
        """Its caps, and the one that its trigger stands for."""
        if not isinstance(self.trigger, OnSegment) or self.trigger.again == "always":
            return self.caps
        per = "lifetime" if self.trigger.again == "never" else self.trigger.again
        return (*self.caps, Cap(per=per, times=1))

    @property
    def is_multiplier(self) -> bool:
        """Whether it gives nothing by itself."""
        return isinstance(self.effect, Multiplier | TierMultiplier)
