"""Wire models of segments."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from services.profiles.schemas import MAX_REFERENCE
from services.profiles.segments.domain.definition import Belonging, Kind, Member, Preview, Segment, Verdict, Version
from shared.http.schemas import Strict

MAX_CHANGES = 500

_RULE = """A condition on a person, or several.
`{"and": [rule, …]}`, `{"or": [rule, …]}`, `{"not": rule}`;
`{"trait": name, …}` with `eq`, `ne`, `in`, `exists`, `contains`, `starts_with`, and `gt`, `gte`, `lt`, `lte` with a
number, a date or a time;
`{"computed": "orders", …}`, `{"computed": "net_minor" | "gross_minor" | "refunds_minor", "currency": code, …}`,
`{"computed": "days_since_last_order", …}`, `{"computed": "first_order_at" | "last_order_at", …}`;
`{"event": name}`, `{"event": name, "count": {"gte": 3}, "within_days": 7}`,
`{"event": name, "days_since_last": {"gte": 60}}`; `{"identified": true}`; `{"list": id of a static segment}`;
`{"sequence": [name, name, …], "within_hours": 24}` (or `within_minutes`, `within_days`), with `"without": [name, …]`
none of these in between, with `"days_since_last": {"lte": 7}` the last such sequence so long ago: of each event's name
under a key, the latest 20 of a day are looked at;
`{"consent": "granted" | "withdrawn" | "expired" | "none", "purpose": name, "channel": name}`;
`{"computed": "points", "wallet": name, …}`, `{"computed": "tier", "track": name, …}` with `eq`, `ne`, `in`, `exists`,
`{"computed": "tier_rank", "track": name, …}`, as loyalty told last;
`{"computed": "nps", …}` from 0 to 10, `{"computed": "nps_band", …}` (`detractor`, `passive`, `promoter`) with `eq`,
`ne`, `in`, `exists`, `{"computed": "days_since_last_nps", …}`, `{"computed": "open_case", "eq": true}`;
`{"computed": "churn_risk_band" | "clv_band", …}` (`low`, `medium`, `high`) with `eq`, `ne`, `in`, `exists`, as metrics
told last;
`{"rfm": "recency" | "frequency" | "monetary", …}`, 1 to 5 on the firm's scale (/v1/rfm-scale);
`{"segment": id of any segment}`, `{"persona": key}`: who belongs to the segment of a persona that is in use.
Of several comparisons all must hold. What is not there fulfils no comparison; `not` takes it in."""

_EXAMPLE = {"and": [{"trait": "city", "in": ["Huế", "Đà Nẵng"]}, {"computed": "days_since_last_order", "gte": 60}]}
_Rule = Annotated[dict[str, Any], Field(description=_RULE, examples=[_EXAMPLE])]


def _stripped(value: str) -> str:
    return " ".join(value.split())


_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S"), AfterValidator(_stripped)]
_Description = Annotated[str, Field(max_length=2_000)]
_Reference = Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE)]


class PreviewIn(Strict):
    """A rule to try."""

    rule: _Rule


class SegmentIn(Strict):
    """A new segment: by rule, or a static list that takes members one by one."""

    kind: Kind = "rule"
    name: _Name
    description: _Description = ""
    rule: _Rule | None = None


class SegmentChangeIn(Strict):
    """A segment as it shall be; `version` is the one that was read."""

    version: int = Field(ge=1, lt=2**31)
    name: _Name
    description: _Description = ""
    rule: _Rule | None = None


class ListChangeIn(Strict):
    """Customers to put on a list and to take off it, by id or `<type>:<value>`."""

    add: list[_Reference] = Field([], max_length=MAX_CHANGES)
    remove: list[_Reference] = Field([], max_length=MAX_CHANGES)


class SegmentOut(BaseModel):
    """A segment."""

    id: UUID
    kind: Kind
    name: str
    description: str
    rule: dict[str, Any] | None
    version: int
    is_built: bool = Field(description="Whether everybody was asked since the rule is this one.")
    created_at: datetime
    updated_at: datetime
    updated_by: str = Field(description="The key that made this version.")

    @classmethod
    def of(cls, segment: Segment) -> Self:
        """The wire form of a segment."""
        return cls.model_validate(segment._asdict())


class SegmentSizeOut(SegmentOut):
    """A segment and its live size."""

    members: int

    @classmethod
    def sized(cls, segment: Segment, members: int) -> Self:
        """The wire form of a segment with so many members."""
        return cls.model_validate({**segment._asdict(), "members": members})


class VersionOut(BaseModel):
    """What a segment was, from `changed_at` to the next version."""

    version: int
    name: str
    description: str
    rule: dict[str, Any] | None
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, version: Version) -> Self:
        """The wire form of a version."""
        return cls.model_validate(version._asdict())


class PreviewOut(BaseModel):
    """How many people a rule takes in now, and some of them."""

    count: int
    margin: int = Field(description="The true number is at most so far off in 19 of 20 cases; 0: `count` is exact.")
    is_exact: bool = Field(description="Whether everybody was looked at, and not a random sample.")
    looked_at: int
    sample: list[UUID] = Field(description="Up to 10 of them.")
    as_of: datetime

    @classmethod
    def of(cls, found: Preview, as_of: datetime) -> Self:
        """The wire form of a preview."""
        return cls(
            count=found.people,
            margin=found.margin,
            is_exact=found.weight == 1,
            looked_at=found.looked_at,
            sample=list(found.sample),
            as_of=as_of,
        )


class SegmentMemberOut(BaseModel):
    """Somebody in a segment."""

    customer: UUID
    since: datetime

    @classmethod
    def of(cls, member: Member) -> Self:
        """The wire form of a member."""
        return cls(customer=member.customer_id, since=member.since)


class BelongingOut(BaseModel):
    """A segment that a customer is in."""

    segment: UUID
    name: str
    since: datetime


class BelongingsOut(BaseModel):
    """The segments that a customer is in, by name."""

    customer: UUID
    segments: list[BelongingOut]

    @classmethod
    def of(cls, root: UUID, found: list[Belonging]) -> Self:
        """The wire form of belongings."""
        return cls(
            customer=root,
            segments=[BelongingOut(segment=each.segment_id, name=each.name, since=each.since) for each in found],
        )


class RefusedOut(BaseModel):
    """A reference that was passed over."""

    field: Literal["add", "remove"]
    position: int
    code: str


class ListChangedOut(BaseModel):
    """What became of a change of a list."""

    added: int = Field(description="People who were not on the list.")
    removed: int = Field(description="People who were on the list.")
    refused: list[RefusedOut]

    @classmethod
    def of(cls, added: int, removed: int, verdicts: list[Verdict]) -> Self:
        """The wire form of an answer."""
        refused = [RefusedOut.model_validate(each._asdict()) for each in verdicts]
        return cls(added=added, removed=removed, refused=refused)
