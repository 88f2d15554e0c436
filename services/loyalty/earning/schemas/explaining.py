"""Wire types of why: what was earned for what, what a basket would earn, what a rule would have given."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.loyalty.audience.domain import KnownOrder
from services.loyalty.earning.domain.giving import by_line
from services.loyalty.earning.domain.history import Considered
from services.loyalty.earning.domain.rule import Rule
from services.loyalty.earning.repository.awards import Listed
from services.loyalty.points.domain.requests import NEVER, WAITING
from shared.events.catalogue.touchpoints import OrderLine
from shared.http.schemas import ExternalId, Instant, Strict
from shared.money import EXPONENTS, MAX_MINOR

Minor = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]
Customer = Annotated[
    str, Field(min_length=1, max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]


class AwardOut(BaseModel):
    """What a fact has earned under a rule. `cut` is what caps took off."""

    customer: UUID = Field(description="The key of the person that the fact came from, and that has the points.")
    source: str = Field(examples=["order:o-1"])
    rule: UUID
    rule_name: str
    rule_version: int
    wallet: str
    occurred_at: datetime
    points: int
    cut: int
    active_at: datetime | None = Field(description="None: as the terms of the wallet say.")
    expires_at: datetime | None = Field(description="None: as the terms of the wallet say.")
    waits: bool = Field(description="Whether the points wait for a word on the order.")
    never_expires: bool

    @classmethod
    def of(cls, each: Listed) -> "AwardOut":
        """As stored."""
        return cls(
            customer=each.customer,
            source=each.source,
            rule=each.rule_id,
            rule_name=each.rule_name,
            rule_version=each.rule_version,
            wallet=each.wallet,
            occurred_at=each.occurred_at,
            points=each.points,
            cut=each.uncapped - each.points,
            active_at=None if each.active_at == WAITING else each.active_at,
            expires_at=None if each.expires_at == NEVER else each.expires_at,
            waits=each.active_at == WAITING,
            never_expires=each.expires_at == NEVER,
        )


class GivenOut(BaseModel):
    """A rule that gives points. `exact` is the number that was rounded; `by_line` adds up to `points`."""

    rule: UUID
    rule_name: str
    rule_version: int
    wallet: str
    points: int
    cut: int
    exact: str
    by_line: list[int] | None


class RefusedOut(BaseModel):
    """A rule that gives nothing, and why: the condition, and behind the colon what of it, in one word."""

    rule: UUID
    rule_name: str
    reason: str = Field(examples=["amount:too_small", "segments:not_in_any", "group:base", "capped"])


class WhyOut(BaseModel):
    """What each rule says of a fact, and what the fact earns."""

    source: str
    customer: UUID
    at: datetime
    local_day: str
    order_number: int | None
    segments: list[UUID]
    tiers: dict[str, str]
    points: dict[str, int] = Field(description="By wallet.")
    given: list[GivenOut]
    refused: list[RefusedOut]

    @classmethod
    def of(cls, considered: Considered) -> "WhyOut":
        """As worked out."""
        fact = considered.fact
        points: dict[str, int] = {}
        for each in considered.given:
            points[each.live.rule.wallet] = points.get(each.live.rule.wallet, 0) + each.points
        return cls(
            source=fact.source,
            customer=fact.customer,
            at=fact.at,
            local_day=fact.day.isoformat(),
            order_number=fact.number or None,
            segments=sorted(fact.segments),
            tiers=fact.tiers,
            points=points,
            given=[
                GivenOut(
                    rule=each.live.rule_id,
                    rule_name=each.live.name,
                    rule_version=each.live.version,
                    wallet=each.live.rule.wallet,
                    points=each.points,
                    cut=each.uncapped - each.points,
                    exact=str(round(Decimal(each.exact.over) / each.exact.under, 6).normalize()),
                    by_line=by_line(fact, each),
                )
                for each in considered.given
            ],
            refused=[
                RefusedOut(rule=each.live.rule_id, rule_name=each.live.name, reason=each.reason)
                for each in considered.refused
            ],
        )


class LineIn(Strict):
    """A line of a basket."""

    product_id: ExternalId | None = None
    sku: ExternalId | None = None
    category: ExternalId | None = None
    quantity: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 1
    unit_minor: Minor = 0


class QuoteIn(Strict):
    """A basket, or an order that is about to be placed, to be reckoned dry."""

    customer: Customer
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    total_minor: Minor | None = Field(None, description="What is to pay; none: lines and shipping.")
    shipping_minor: Minor = 0
    tax_minor: Minor = 0
    lines: Annotated[list[LineIn], Field(max_length=1_000)] = Field(default_factory=list)
    source: ExternalId = "web"
    coupon: ExternalId | None = None
    at: Instant | None = Field(None, description="When it would be placed; none: now.")

    @property
    def is_known_currency(self) -> bool:
        """Whether there is such a currency."""
        return self.currency in EXPONENTS

    def order(self, customer: UUID, now: datetime) -> KnownOrder:
        """As an order that was placed."""
        lines = tuple(
            OrderLine(each.product_id, each.sku, each.category, each.quantity, each.unit_minor) for each in self.lines
        )
        total = self.total_minor
        if total is None:
            total = sum(each.quantity * each.unit_minor for each in self.lines) + self.shipping_minor + self.tax_minor
        return KnownOrder(
            QUOTED,
            customer,
            self.at or now,
            total,
            total,
            self.currency,
            source=self.source,
            coupon=self.coupon,
            lines=lines or None,
            shipping_minor=self.shipping_minor,
            tax_minor=self.tax_minor,
        )


# No shop can name an order so: names have no space around them.
QUOTED = " quote"


class ValueIn(Strict):
    """What a point costs the firm."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    minor_per_point: Annotated[Decimal, Field(ge=0, le=10**9, max_digits=15, decimal_places=6)]


class PreviewIn(Strict):
    """A rule to be tried on the past, as if it had held from `from` on, in place of the rule `replaces`."""

    rule: Rule
    replaces: UUID | None = None
    from_: Annotated[Instant, Field(alias="from")]
    until: Instant | None = Field(None, description="None: now.")
    value: ValueIn | None = None

    model_config = ConfigDict(populate_by_name=True)


class SampleOut(BaseModel):
    """A person whom the rule would have given points."""

    customer: UUID
    points: int
    facts: int


class CostOut(BaseModel):
    """What the points would have cost."""

    minor: int
    currency: str


class PreviewOut(BaseModel):
    """What a rule would have given. `difference` is that of all rules together: one rule may stand in another's way."""

    persons_looked_at: int
    is_complete: bool = Field(description="False: there are more persons; what is told is of those looked at.")
    persons_earning: int
    facts_earning: int
    points: int
    difference: int
    largest: list[SampleOut]
    cost: CostOut | None


class FactIn(Strict):
    """Something that happened to a customer elsewhere, and may earn points; once for each `kind` and `id`."""

    kind: Literal["birthday", "survey"]
    id: ExternalId = Field(description="The natural key, such as the id of the answer or `<customer>-2026`.")
    customer: Customer
    name: ExternalId = Field("birthday", description="Which survey was answered.")
    occurred_at: Instant | None = None
    source: ExternalId = "api"


class RecordedOut(BaseModel):
    """Whether a rule asks for the fact, and it was not there yet."""

    recorded: bool
