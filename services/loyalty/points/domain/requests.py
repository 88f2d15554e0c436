"""What other rooms ask of the ledger, and what it answers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from shared.identity.person import Member

# As `expires_at`: whatever the terms say, these points never end.
NEVER = datetime.max.replace(tzinfo=UTC)
# As `active_at`: whatever the terms say, these points wait until `activate` is called for their source.
WAITING = datetime.max.replace(tzinfo=UTC)


class Room(NamedTuple):
    """So many points may still be spent: the cap that leaves least allows `most` in a time."""

    left: int
    most: int
    per: str


class Credit(NamedTuple):
    """Points for the raw person key `person`: once for each `source` and wallet.

    `kind` is a word for reports (`earned`, `bonus`, `referral`, …), `source` a natural key. `active_at` and
    `expires_at` None: what the terms of `occurred_at` say; see also `WAITING` and `NEVER`.
    """

    person: UUID
    wallet: str
    points: int
    kind: str
    source: str
    occurred_at: datetime
    active_at: datetime | None = None
    expires_at: datetime | None = None
    reason: str = "earned"
    reference: str | None = None
    actor: str | None = None


class Target(NamedTuple):
    """What a source has earned as things stand; `points` 0: nothing (any more). Otherwise as `Credit`."""

    person: UUID
    wallet: str
    source: str
    points: int
    occurred_at: datetime
    active_at: datetime | None = None
    expires_at: datetime | None = None
    reason: str = "earned"
    reference: str | None = None
    kind: str = "earned"


class Spend(NamedTuple):
    """Points for a person, locked by `members.lock`, to spend: once for each `key`."""

    member: Member
    wallet: str
    points: int
    key: str
    reason: str
    reference: str | None = None
    actor: str | None = None


class HoldRequest(NamedTuple):
    """Points to set apart until `expires_at`, by the database's clock, for a person locked by `members.lock`."""

    id: UUID
    member: Member
    wallet: str
    points: int
    expires_at: datetime


class Posted(NamedTuple):
    """What was done: the first of its transactions, all of them, and how many points in all."""

    id: UUID
    transactions: tuple[UUID, ...]
    wallet: str
    points: int


class Ending(NamedTuple):
    """Points that end at a moment, unless they are spent before."""

    at: datetime
    points: int


class Balance(NamedTuple):
    """What a person has in a wallet: what can be spent (what is owed is taken off), and what is owed beyond that.

    `expiring`: what of it ends when, the next first.
    """

    available: int
    pending: int
    held: int
    debt: int
    expiring: Sequence[Ending] = ()


class Place(NamedTuple):
    """Where a page of the ledger ended."""

    recorded_at: datetime
    version: int
    id: UUID
