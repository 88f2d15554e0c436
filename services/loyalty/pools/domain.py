"""Who is in a pool, and what they may."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.loyalty.programs.domain.calendar import period_begin
from shared.identity.person import Member

Role = Literal["owner", "spender", "saver"]
GuestRole = Literal["spender", "saver"]
Period = Literal["day", "week", "month"]
InvitationState = Literal["open", "accepted", "declined", "revoked"]


class Pool(NamedTuple):
    """A pool of the points in some wallets. `daily_limit`: what one member may spend on a local day; None: all."""

    id: UUID
    wallets: tuple[str, ...]
    max_members: int
    daily_limit: int | None
    created_at: datetime
    created_by: str
    closed_at: datetime | None


class Place(NamedTuple):
    """The place of a raw person key in a pool. `spend_limit`: what its person may spend in a `spend_per`, besides what
    the pool says for everybody; None: as much as that."""

    id: UUID
    pool_id: UUID
    person_id: UUID
    role: Role
    joined_at: datetime
    spend_limit: int | None = None
    spend_per: Period | None = None


class Invitation(NamedTuple):
    """Somebody may come into a pool until `expires_at`."""

    id: UUID
    pool_id: UUID
    person_id: UUID
    role: GuestRole
    state: InvitationState
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None


class Spent(NamedTuple):
    """What a member spent, or set apart, from a pool; `returned` of it came back.

    `operation` is the key of the ledger it was spent under: `pool:<id>`, or that of the redemption or the reward it
    paid for; None of what is only set apart, or was spent by the hold itself.
    """

    id: UUID
    pool_id: UUID
    person_id: UUID
    wallet: str
    points: int
    returned: int
    is_hold: bool
    reference: str | None
    recorded_at: datetime
    recorded_by: str
    operation: str | None


class Noted(NamedTuple):
    """What was spent, with the local day on which it counts."""

    spent: Spent
    day: date


class Seat(NamedTuple):
    """A person in a pool: the place that counts, with all their keys."""

    place: Place
    member: Member


class Limit(NamedTuple):
    """So many points in a local period."""

    points: int
    per: Period

    def since(self, day: date) -> date:
        """The first day of the period in which a day lies; weeks begin on Monday."""
        return period_begin(day, self.per)


def limits(pool: Pool, place: Place) -> list[Limit]:
    """What a member may spend: by the pool, and by their own place."""
    found = [] if pool.daily_limit is None else [Limit(pool.daily_limit, "day")]
    if place.spend_limit is not None and place.spend_per is not None:
        found.append(Limit(place.spend_limit, place.spend_per))
    return found


def seats(pool: UUID, places: Iterable[Place], members: Mapping[UUID, Member]) -> list[Seat]:
    """The persons in a pool, those who joined first first; `places` are all that their keys have in any pool.

    Of a person whose keys have several, as after a merge, the first counts.
    """
    first: dict[UUID, Place] = {}
    for place in sorted(places, key=lambda each: (each.joined_at, each.id)):
        if place.person_id in members:
            first.setdefault(members[place.person_id].root, place)
    return [Seat(each, members[each.person_id]) for each in first.values() if each.pool_id == pool]


def together(found: Iterable[Seat], spender: Member) -> Member:
    """All keys of those in a pool, as if they were one person; whose name stands for them is who spends."""
    return Member(spender.root, tuple(sorted({key for seat in found for key in seat.member.keys})))
