"""A draw: what is promised before anybody enters, and what became of who did."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

SEED_BYTES = 32
EntryState = Literal["waiting", "won", "claimed", "lapsed", "withdrawn", "duplicate"]

# What anybody does to draw again, with the seed and the tickets.
METHOD = (
    "SHA-256(seed) is seed_hash, which was told before anybody entered. Of an item, digest is SHA-256 of its tickets "
    "(16 bytes each) in ascending order. The order is that of SHA-256(seed, digest, ticket), ascending."
)


class Draw(NamedTuple):
    """When people enter, as entered in local time of the sale's zone; `right_seconds`: how long a winner may claim.

    `seed_hash` is told at once; the seed is `sealed_seed` until it is drawn with, then everybody's.
    """

    enters_local: datetime
    enters_until_local: datetime
    enters_at: datetime
    enters_until: datetime
    right_seconds: int
    seed_hash: bytes
    kid: str
    sealed_seed: bytes
    seed: bytes | None = None
    drawn_at: datetime | None = None


class Entry(NamedTuple):
    """A person's lot for an item; its id is the ticket. `place`: in the order that was drawn, from one."""

    id: UUID
    sale_id: UUID
    item: str
    person_id: UUID
    units: int
    state: EntryState
    place: int | None
    entered_at: datetime
    won_at: datetime | None
    right_until: datetime | None
    claim_id: UUID | None


class Changed(NamedTuple):
    """An entry as it is kept; its `version` counts how often it was changed."""

    id: UUID
    sale_id: UUID
    item_id: UUID
    person_id: UUID
    units: int
    state: EntryState
    place: int | None
    entered_at: datetime
    won_at: datetime | None
    right_until: datetime | None
    claim_id: UUID | None
    version: int


class Turn(NamedTuple):
    """A right that was given or has lapsed."""

    id: UUID
    person_id: UUID
    units: int
    state: Literal["won", "lapsed"]
    at: datetime
    right_until: datetime


class ItemDraw(NamedTuple):
    """Which tickets of an item counted: how many, and their digest."""

    id: UUID
    item: str
    entries: int
    digest: bytes
