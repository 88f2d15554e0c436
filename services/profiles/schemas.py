"""Wire models of the customers' routes."""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.profiles.domain.identifiers import MAX_TYPE_LENGTH
from services.profiles.identity.domain import Candidate, LogEntry
from services.profiles.people.domain import CustomerRow, IdentifierRow, Person, TraitRow
from services.profiles.trait_schema.domain.declaration import MergePolicy
from shared.http.schemas import ExternalId, Instant, Strict

MAX_REFERENCE = 300
MAX_REASON = 500
MAX_LISTED = 500

_Traits = Annotated[
    dict[str, Any],
    Field(description="Name → JSON value; null takes the trait away.", examples=[{"name": "Nguyễn Thị Hương"}]),
]
_Time = Annotated[
    Instant | None, Field(description="As of when this is so; none: now. An earlier word never replaces a later one.")
]


class ExternalIdIn(Strict):
    """The id that another system has for the customer; `email` and `phone` are types like others."""

    type: str = Field(pattern=r"^[a-z0-9_][a-z0-9_.-]*$", max_length=MAX_TYPE_LENGTH, examples=["crm"])
    id: ExternalId


class CustomerIn(Strict):
    """A customer, known by at least one id."""

    user_id: ExternalId | None = None
    anonymous_id: ExternalId | None = None
    external_ids: list[ExternalIdIn] = Field([], max_length=20)
    traits: _Traits = Field({})
    time: _Time = None

    @model_validator(mode="after")
    def _has_an_id(self) -> Self:
        if self.user_id is None and self.anonymous_id is None and not self.external_ids:
            raise PydanticCustomError("no_id", "Give user_id, anonymous_id or one of external_ids")
        return self


class TraitsIn(Strict):
    """What is said of a customer."""

    traits: _Traits
    time: _Time = None


class UnmergeIn(Strict):
    """Why a customer is taken off the one it was merged into."""

    reason: str = Field(min_length=1, max_length=MAX_REASON, description="For the merge log.")


class MergeIn(UnmergeIn):
    """Who the customer really is, and why."""

    into: str = Field(
        min_length=1, max_length=MAX_REFERENCE, description="The customer it becomes: an id or `<type>:<value>`."
    )


class IdentifierOut(BaseModel):
    """What a customer goes by, and under which of the person's keys it was learnt."""

    type: str
    value: str
    customer: UUID
    first_seen: datetime
    source: str
    refused_because: Literal["over_limit", "taken"] | None = Field(
        description="`over_limit`: the key went by as many before. `taken`: another key was seen with it first, and "
        "its type names that one alone. It is kept, and names nobody."
    )

    @classmethod
    def of(cls, row: IdentifierRow) -> Self:
        """The wire form of a row."""
        return cls(
            type=row.type,
            value=row.value,
            customer=row.customer_id,
            first_seen=row.first_seen,
            source=row.source,
            refused_because=row.refused_because,
        )


class TraitOut(BaseModel):
    """The latest word on a trait, and where it comes from."""

    value: Any
    source: str
    time: datetime = Field(description="As of when it is so.")
    recorded_at: datetime = Field(description="When we learnt it.")
    event_id: UUID
    customer: UUID = Field(description="Of which of the person's keys it was said.")
    said: Any = Field(None, description="The value as it was said, where its declared type has another form for it.")
    policy: MergePolicy = Field(
        "latest", description="What chose among the words of several keys, as the trait is declared."
    )

    @classmethod
    def of(cls, row: TraitRow) -> Self:
        """The wire form of a row."""
        return cls(
            value=row.value,
            source=row.source,
            time=row.event_time,
            recorded_at=row.recorded_at,
            event_id=row.event_id,
            customer=row.customer_id,
            said=row.said,
            policy=row.policy,
        )


class MemberOut(BaseModel):
    """One of the keys that make up the person; the times are null if nobody was ever seen under it."""

    id: UUID
    identified: bool
    first_seen: datetime | None
    last_seen: datetime | None


class LinkOut(BaseModel):
    """Evidence that one key is the person of another, and what was made of it."""

    from_id: UUID
    into_id: UUID
    kind: Literal["identify", "alias", "identifier"] = Field(
        description="What says so: an identify call, an alias, or a value of a type that joins people."
    )
    time: datetime
    event_id: UUID
    source: str
    accepted: bool
    refused_because: (
        Literal["shared_device", "already_linked", "same_person", "cycle", "separated", "overruled", "over_limit"]
        | None
    ) = Field(
        description="`shared_device`: stronger evidence says another customer. `already_linked`: an earlier alias "
        "does. `same_person`: it adds nothing, the two are one. `cycle`: it would close a ring. `separated`: somebody "
        "took the two apart. `overruled`: somebody merged the key elsewhere. `over_limit`: events joined as many keys "
        "before."
    )

    @classmethod
    def of(cls, link: Candidate, members: frozenset[UUID]) -> Self:
        """The wire form of evidence; `members` are the keys of one person."""
        accepted = link.status == "accepted"
        is_same = not accepted and {link.from_id, link.into_id} <= members
        return cls(
            from_id=link.from_id,
            into_id=link.into_id,
            kind=link.kind,
            time=link.event_time,
            event_id=link.event_id,
            source=link.source,
            accepted=accepted,
            refused_because=None if link.status == "accepted" else "same_person" if is_same else link.status,
        )


class CustomerSummaryOut(BaseModel):
    """A customer in a list."""

    id: UUID
    identified: bool
    source: str = Field(description="Where the customer was seen first.")
    first_seen: datetime
    last_seen: datetime
    created_at: datetime = Field(description="When we first heard of the customer; the order of the list.")

    @classmethod
    def of(cls, row: CustomerRow) -> Self:
        """The wire form of a row."""
        return cls.model_validate(row._asdict())


class TraitsOut(BaseModel):
    """A customer's traits: the latest word on each."""

    customer: UUID
    traits: dict[str, Any]

    @classmethod
    def of(cls, person: Person) -> Self:
        """The wire form of a person's traits."""
        return cls(customer=person.id, traits={trait.name: trait.value for trait in person.traits})

    def tag(self) -> str:
        """The opaque part of the ETag that this has as a body; it does not move when the same is said again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


class CustomerOut(BaseModel):
    """A person: everything known under any of the keys that were merged into one."""

    id: UUID
    identified: bool
    source: str | None = Field(description="Where the customer was seen first.")
    first_seen: datetime | None
    last_seen: datetime | None
    identifiers: list[IdentifierOut] = Field(description="At most 500, by priority of the type, then the first seen.")
    traits: dict[str, TraitOut]
    traits_revision: str = Field(description="The ETag of the traits, for `If-Match` of a change of them.")
    members: list[MemberOut] = Field(description="At most 500, those who were seen first.")
    member_count: int
    links: list[LinkOut] = Field(description="At most 500, the earliest first.")

    @classmethod
    def of(cls, person: Person) -> Self:
        """The wire form of a person."""
        seen = {row.id: row for row in person.seen}
        members = frozenset(person.members)
        return cls(
            id=person.id,
            identified=person.id in seen and seen[person.id].identified,
            source=person.seen[0].source if person.seen else None,
            first_seen=min((row.first_seen for row in person.seen), default=None),
            last_seen=max((row.last_seen for row in person.seen), default=None),
            identifiers=[IdentifierOut.of(row) for row in person.identifiers],
            traits={row.name: TraitOut.of(row) for row in person.traits},
            traits_revision=TraitsOut.of(person).tag(),
            members=[
                _member(key, seen.get(key)) for key in sorted(person.members, key=lambda key: key not in seen)[:500]
            ],
            member_count=len(person.members),
            links=[LinkOut.of(link, members) for link in person.links],
        )


def _member(key: UUID, row: CustomerRow | None) -> MemberOut:
    if row is None:
        return MemberOut(id=key, identified=False, first_seen=None, last_seen=None)
    return MemberOut(id=key, identified=row.identified, first_seen=row.first_seen, last_seen=row.last_seen)


class DescribedOut(TraitsOut):
    """A customer's traits after a request, and what of it came too late."""

    revision: str = Field(description="The ETag of the traits now, for the next `If-Match`.")
    outdated: list[str] = Field(description="Traits of the request on which a later word is known: it stays.")


class MergeOut(BaseModel):
    """One line of the merge log."""

    kind: Literal["merged", "unmerged"]
    from_id: UUID
    into_id: UUID
    version: int
    reason: Literal["identify", "alias", "identifier", "manual", "earlier_link"]
    event_id: UUID | None = Field(description="The event that is the evidence.")
    event_time: datetime | None
    decided_at: datetime
    decided_by: str | None = Field(description="The key that asked for it, if somebody did.")
    note: str | None

    @classmethod
    def of(cls, entry: LogEntry) -> Self:
        """The wire form of a line."""
        return cls.model_validate(entry._asdict())
