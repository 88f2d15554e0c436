"""Rewards, what they cost whom, and why somebody may not have one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.audience.domain import Facts
from services.loyalty.points.domain.requests import Room
from shared.events.catalogue.loyalty_rows import RewardCancelled, RewardFulfilled, RewardOrdered, RewardStocked
from shared.events.envelope import Event
from shared.ids import uuid7

Kind = Literal["material", "digital", "voucher", "gift_credit", "points", "event"]
RewardState = Literal["active", "paused", "archived"]
PurchaseState = Literal["ordered", "fulfilled", "cancelled"]
Obstacle = Literal[
    "inactive", "tier", "segment", "limit_reached", "out_of_stock", "insufficient_points", "spending_limit", "begun"
]

_TOLD: Mapping[PurchaseState, type[RewardOrdered | RewardFulfilled | RewardCancelled]] = {
    "ordered": RewardOrdered,
    "fulfilled": RewardFulfilled,
    "cancelled": RewardCancelled,
}


class TierPrice(NamedTuple):
    """What a reward costs those who hold a level of a track."""

    track: str
    level: str
    points: int


class Terms(NamedTuple):
    """What a reward costs, who may have it how often, and what is handed over.

    `points` None: only those with a level in `prices` may have it. `limit_days` None: the limit is for ever.
    `happens_at`: of an event, when it begins; from then on nobody buys a place.
    """

    wallet: str
    points: int | None
    prices: tuple[TierPrice, ...]
    segments: frozenset[UUID]
    max_per_person: int | None
    limit_days: int | None
    campaign_id: UUID | None
    value_minor: int | None
    gives_wallet: str | None
    gives_points: int | None
    happens_at: datetime | None = None


class Reward(NamedTuple):
    """A reward of the catalogue; `document` is `terms` as stored."""

    id: UUID
    name: str
    kind: Kind
    state: RewardState
    document: Mapping[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    stock: int | None
    taken: int
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str

    @property
    def terms(self) -> Terms:
        """Its terms."""
        return terms_of(self.document)

    @property
    def remaining(self) -> int | None:
        """Units that are left; None: as many as are wanted."""
        return None if self.stock is None else self.stock - self.taken

    def is_open(self, at: datetime) -> bool:
        """Whether it can be bought at a moment."""
        return (
            self.state == "active"
            and (self.starts_at is None or self.starts_at <= at)
            and (self.ends_at is None or at < self.ends_at)
        )


class Purchase(NamedTuple):
    """What somebody bought: `points` for all of its units, of a household's `pool` or (None) their own. `note`: how it
    was handed over, or why it was cancelled."""

    id: UUID
    reward_id: UUID
    person_id: UUID
    quantity: int
    wallet: str
    points: int
    state: PurchaseState
    vouchers: tuple[UUID, ...]
    reference: str | None
    ordered_at: datetime
    ordered_by: str
    settled_at: datetime | None = None
    settled_by: str | None = None
    note: str | None = None
    pool: UUID | None = None


class Eligibility(NamedTuple):
    """Whether somebody may have so many of a reward, for how many points; if not, everything that is in the way."""

    points: int | None
    obstacles: tuple[Mapping[str, Any], ...]


class Standing(NamedTuple):
    """What counts of a person: facts, what they can spend, how many of the reward they have had, and how much of the
    wallet they may still spend (None: all)."""

    facts: Facts
    available: int
    bought: int
    room: Room | None = None


def terms_of(document: Mapping[str, Any]) -> Terms:
    """The terms in a stored document, as `schemas.TermsIn` writes it."""
    gives = document["gives"] or {}
    campaign = gives.get("campaign")
    return Terms(
        wallet=document["wallet"],
        points=document["points"],
        prices=tuple(TierPrice(each["track"], each["level"], each["points"]) for each in document["prices"]),
        segments=frozenset(UUID(each) for each in document["segments"]),
        max_per_person=document["max_per_person"],
        limit_days=document["limit_days"],
        campaign_id=None if campaign is None else UUID(campaign),
        value_minor=gives.get("value_minor"),
        gives_wallet=gives.get("wallet"),
        gives_points=gives.get("points"),
        happens_at=None if (at := document.get("happens_at")) is None else datetime.fromisoformat(at),
    )


def price(terms: Terms, tiers: Mapping[str, str]) -> int | None:
    """What one costs somebody who holds these levels: the least that any of them says; None: they cannot have it."""
    said = [each.points for each in terms.prices if tiers.get(each.track) == each.level]
    return min(said) if said else terms.points


def eligibility(reward: Reward, quantity: int, standing: Standing, *, now: datetime) -> Eligibility:
    """Whether somebody may have so many of a reward now."""
    terms, found = reward.terms, list[Mapping[str, Any]]()
    if not reward.is_open(now):
        found.append({"reason": "inactive", "state": reward.state})
    if terms.happens_at is not None and terms.happens_at <= now:
        found.append({"reason": "begun", "happens_at": terms.happens_at.isoformat()})
    each = price(terms, standing.facts.tiers)
    if each is None:
        found.append({"reason": "tier", "levels": sorted({f"{known.track}/{known.level}" for known in terms.prices})})
    if terms.segments and not terms.segments & standing.facts.segments:
        found.append({"reason": "segment"})
    if terms.max_per_person is not None and standing.bought + quantity > terms.max_per_person:
        found.append({"reason": "limit_reached", "limit": terms.max_per_person, "bought": standing.bought})
    if reward.remaining is not None and reward.remaining < quantity:
        found.append({"reason": "out_of_stock", "remaining": reward.remaining})
    required = None if each is None else each * quantity
    if required is not None and required > standing.available:
        missing = required - standing.available
        found.append(
            {
                "reason": "insufficient_points",
                "required": required,
                "available": standing.available,
                "missing": missing,
            }
        )
    if required and standing.room is not None and required > standing.room.left:
        found.append({"reason": "spending_limit", "required": required, **standing.room._asdict()})
    return Eligibility(required, tuple(found))


def stocked(reward: Reward) -> Event[RewardStocked]:
    """What is told of a reward that was put into the catalogue or changed."""
    at = reward.updated_at
    return Event(uuid7(), reward.id, at, at, RewardStocked(stock=reward.stock, version=reward.version))


def told(bought: Purchase) -> Event[RewardOrdered | RewardFulfilled | RewardCancelled]:
    """What is told of a purchase as it is: all but what was written about it in words."""
    at = bought.settled_at or bought.ordered_at
    said = _TOLD[bought.state](
        purchase_id=bought.id,
        reward_id=bought.reward_id,
        quantity=bought.quantity,
        wallet=bought.wallet,
        points=bought.points,
        vouchers=list(bought.vouchers),
        reference=bought.reference,
        pool=bought.pool,
        ordered_at=bought.ordered_at,
        ordered_by=bought.ordered_by,
        settled_at=bought.settled_at,
        settled_by=bought.settled_by,
    )
    return Event(uuid7(), bought.person_id, at, at, said)
