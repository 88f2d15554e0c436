"""A person: the union over the raw person keys of one root."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.profiles.identity.domain import Candidate
from services.profiles.trait_schema.domain.declaration import MergePolicy


class CustomerRow(NamedTuple):
    """A raw person key that was seen; `source` is where it was seen first."""

    id: UUID
    identified: bool
    source: str
    first_seen: datetime
    last_seen: datetime
    created_at: datetime


class IdentifierRow(NamedTuple):
    """An identifier of one raw person key; one that is refused names nobody."""

    type: str
    value: str
    customer_id: UUID
    first_seen: datetime
    source: str
    refused_because: Literal["over_limit", "taken"] | None = None


class TraitRow(NamedTuple):
    """The word that holds for a trait; `value` is a JSON value.

    `said`: the value as it was said, where its declared type has another form; None: as in value. `policy`: what chose
    among the words of several keys.
    """

    name: str
    value: Any
    source: str
    event_id: UUID
    event_time: datetime
    recorded_at: datetime
    customer_id: UUID
    said: Any = None
    policy: MergePolicy = "latest"


@dataclass(frozen=True, slots=True)
class Person:
    """Everything known of somebody. `members` are the keys that were merged into `id`, itself among them."""

    id: UUID
    members: Sequence[UUID]
    seen: Sequence[CustomerRow]
    identifiers: Sequence[IdentifierRow]
    traits: Sequence[TraitRow]
    links: Sequence[Candidate]

    def without(self, names: Collection[str]) -> "Person":
        """The person, of whom these traits are not told."""
        return replace(self, traits=[row for row in self.traits if row.name not in names]) if names else self

    @property
    def is_known(self) -> bool:
        """Whether anybody ever was there under one of the keys, or is named by one."""
        return bool(self.seen or self.identifiers)
