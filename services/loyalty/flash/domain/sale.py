"""Flash sales, their items and the claims on them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.flash.domain.draw import Draw
from services.loyalty.flash.domain.room import RoomTerms
from services.loyalty.programs.domain.schedule import read
from shared.ids import derived_id

State = Literal["scheduled", "open", "paused", "ended"]
ClaimState = Literal["held", "confirmed", "released", "expired"]


class Item(NamedTuple):
    """Units of a product at a sale; `taken` are those of claims that are held or confirmed."""

    id: UUID
    item: str
    units: int
    taken: int
    max_per_person: int | None

    @property
    def remaining(self) -> int:
        """Units that may still be claimed."""
        return self.units - self.taken


class Sale(NamedTuple):
    """A flash sale: from `starts_at` until before `ends_at`, as entered in local time of `zone`.

    `claim_seconds`: a claim that is not confirmed by then falls; None: claims stand at once.
    `draw`: only those claim who are drawn. `room`: where people wait until they are let in to claim.
    `max_per_person`: units of all items together. `schedule`: windows of the week outside of which it is closed.
    """

    id: UUID
    name: str
    zone: str
    starts_local: datetime
    ends_local: datetime
    starts_at: datetime
    ends_at: datetime
    is_paused: bool
    ended_early_at: datetime | None
    claim_seconds: int | None
    max_per_person: int | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    schedule: Sequence[Mapping[str, Any]] | None = None
    is_lottery: bool = False
    items: tuple[Item, ...] = ()
    draw: Draw | None = None
    room: RoomTerms | None = None

    @property
    def spans(self) -> list[tuple[datetime, datetime]] | None:
        """When its schedule is open while it runs; None: always."""
        return read(self.schedule).spans(self.starts_at, self.ends_at, ZoneInfo(self.zone)) if self.schedule else None

    def state(self, at: datetime) -> State:
        """What the sale is at a moment; as the statement that decides claims sees it."""
        if self.ended_early_at is not None or at >= self.ends_at:
            return "ended"
        if at < self.starts_at:
            return "scheduled"
        if self.is_paused:
            return "paused"
        if self.schedule and not read(self.schedule).is_open(at, ZoneInfo(self.zone)):
            return "scheduled"
        return "open"


class Claim(NamedTuple):
    """Units of an item for a person; `number` counts the claims of the item in the order they were granted."""

    id: UUID
    sale_id: UUID
    item: str
    key: str
    person_id: UUID
    units: int
    number: int
    state: ClaimState
    claimed_at: datetime
    expires_at: datetime | None
    settled_at: datetime | None = None
    order_id: str | None = None


class Want(NamedTuple):
    """What somebody asks for; `id` is that of the claim it will be."""

    id: UUID
    key: str
    person_id: UUID
    units: int


class Verdict(IntEnum):
    """What the statement says of one want."""

    GRANTED = 0
    KNOWN = 1
    CLOSED = 2
    LIMIT_OF_ITEM = 3
    LIMIT_OF_SALE = 4
    TOO_FEW = 5
    NOT_DRAWN = 6


class Decision(NamedTuple):
    """What the statement says of a batch of wants, in their order; `status` is the sale's, or `unknown`."""

    status: Literal["unknown", "scheduled", "open", "paused", "ended"]
    verdicts: tuple[int, ...]
    numbers: tuple[int, ...]
    remaining: int
    last_number: int
    claimed_at: datetime | None
    expires_at: datetime | None
    starts_at: datetime | None


class Answered(NamedTuple):
    """A decision and one place in it."""

    decision: Decision
    place: int

    @property
    def verdict(self) -> int:
        """What was decided of this want."""
        return self.decision.verdicts[self.place]


def item_id(sale: UUID, item: str) -> UUID:
    """The id of an item of a sale."""
    return derived_id("flash item", str(sale), item)


def claim_id(of_item: UUID, key: str) -> UUID:
    """The id of the claim on an item under a client's key: the same however often it is sent."""
    return derived_id("flash claim", str(of_item), key)
